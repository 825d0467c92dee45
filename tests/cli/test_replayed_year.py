"""A year of nights over the figures of a simulated company: one message an episode, and none for a backfill."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select

from pipeline.alerts import Letterhead, active_rules
from pipeline.alerts.delivery import SlackConfig, Voice, deliver, evaluate_and_store
from pipeline.cli.main import main
from pipeline.config import AlertRule
from pipeline.database import engine, table_of
from pipeline.months import Calendar, add_months
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SLACK_TOKEN, SandboxServer
from pipeline.schemas import (
    ALERT_EVALUATION,
    ALERT_EVENT,
    ALERT_STATE,
    EXPANSION_METRICS,
    SLACK_OUTBOX,
)
from tests.cli.desk import CONFIG, NOW

MONTHS = 26
NIGHTS = (2, 3, 4, 5, 12, 27)
"""Days of each month: around the day on which the month before is closed, and later ones."""
YEAR = 12
EVALUATED = (ALERT_EVALUATION, ALERT_EVENT, ALERT_STATE, SLACK_OUTBOX)


@pytest.fixture(scope="module")
def services() -> Iterator[SandboxServer]:
    """A company of two years; its Slack starts empty."""
    company = Company(seed=7, customers=60, months=MONTHS, end=NOW)
    company.advance(NOW)
    with SandboxServer(company) as server:
        yield server


@pytest.fixture(scope="module")
def published(
    services: SandboxServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The warehouse after its first night, as if no alert had ever been evaluated."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "pipeline.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for name, value in services.environment().items():
            here.setenv(name, value)
        for name in ("SLACK_BOT_TOKEN", "SLACK_WEBHOOK_URL"):
            here.delenv(name, raising=False)
        main(["run", "--json"])
    made = engine(f"sqlite:///{folder / 'data' / 'warehouse.db'}")
    with made.begin() as connection:
        for table in EVALUATED:
            connection.execute(delete(table_of(table)))
    yield made
    made.dispose()


def rates(warehouse: Engine) -> dict[date, float]:
    """The published expansion rate of each closed month."""
    table = table_of(EXPANSION_METRICS)
    with warehouse.connect() as connection:
        rows = connection.execute(
            select(table.c.month, table.c.expansion_rate).where(
                table.c.dimension == "total",
                table.c.window_months == 1,
                table.c.provisional.is_(False),
                table.c.expansion_rate.is_not(None),
            )
        ).all()
    return {month: float(rate) for month, rate in rows}


def evaluated(
    warehouse: Engine, rules: tuple[AlertRule, ...], now: datetime, *, notify: bool
) -> None:
    run_id = f"run {now:%Y-%m-%d} {notify}"
    first = min(rates(warehouse))
    evaluate_and_store(
        warehouse,
        rules,
        Calendar(now=now, first_month=first),
        run_id,
        now,
        notify=notify,
        voice=Voice(Letterhead(run_id, now)),
    )


def outbox(warehouse: Engine) -> list[Mapping[str, Any]]:
    table = table_of(SLACK_OUTBOX)
    with warehouse.connect() as connection:
        rows = connection.execute(select(table).order_by(table.c.created_at)).mappings()
        return [dict(row) for row in rows]


def episodes(row: Mapping[str, Any]) -> list[str]:
    return list(json.loads(row["payload_json"])["episodes"])


def test_a_year_of_nights(published: Engine, services: SandboxServer) -> None:
    known = rates(published)
    median = sorted(known.values())[len(known) // 2]
    floor = AlertRule(id="floor", kind="floor", threshold=median)
    rules = (*active_rules((), defaults=True), floor)
    way = SlackConfig(token=SLACK_TOKEN, api_base=services.slack_url, settling=0.05)
    last = max(known)

    evaluated(published, rules, NOW, notify=False)
    assert outbox(published) == [], "a backfill says nothing"
    for back in range(YEAR - 1, -1, -1):
        month = add_months(last, 1 - back)
        for day in NIGHTS:
            now = datetime.combine(month, NOW.timetz()) + timedelta(days=day - 1)
            if now > NOW:
                continue
            evaluated(published, rules, now, notify=True)
            deliver(published, way, now)
        evaluated(published, rules, now, notify=False)

    rows = outbox(published)
    assert {row["status"] for row in rows} == {"sent"}
    opened = Counter(
        episode for row in rows if row["kind"] in {"fired", "digest"} for episode in episodes(row)
    )
    assert set(opened.values()) == {1}, "one message opens each episode"
    assert sum(episode.startswith("floor|") for episode in opened) > 1
    answered = {e for row in rows if row["kind"] not in {"fired", "digest"} for e in episodes(row)}
    assert answered <= opened.keys()
    posted = [each for channel in services.store for each in channel.messages]
    said = [each for each in posted if each.get("metadata")]
    assert len(said) == len(rows)
    parents = {row["slack_ts"] for row in rows if row["kind"] in {"fired", "digest"}}
    for row, each in ((r, m) for r in rows for m in said if m["ts"] == r["slack_ts"]):
        if row["kind"] in {"reminder", "escalated", "resolved"}:
            assert each["thread_ts"] in parents, row["key"]

    before = len(posted)
    evaluated(published, rules, NOW, notify=False)
    evaluated(published, rules, NOW, notify=True)
    deliver(published, way, NOW)
    assert sum(len(channel.messages) for channel in services.store) == before
