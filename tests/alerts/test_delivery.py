"""From published figures to Slack, through the database and over HTTP: each message once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, insert, select, text

from pipeline.alerts import Letterhead
from pipeline.alerts.delivery import (
    Delivered,
    SlackConfig,
    Stored,
    Voice,
    deliver,
    evaluate_and_store,
)
from pipeline.config import AlertRule
from pipeline.database import engine, table_of, upgrade
from pipeline.months import Calendar
from pipeline.schemas import ACCOUNT, EXPANSION_METRICS, MRR_MOVEMENT, SLACK_OUTBOX
from tests.alerts.alert_figures import JANUARY, metrics
from tests.alerts.slack_stub import SlackStub, slack_stub

RULE = AlertRule(id="expansion-floor", kind="floor", threshold=0.02)
LATER = timedelta(days=1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    upgrade(url)
    made = engine(url)
    yield made
    made.dispose()


@pytest.fixture
def slack() -> Iterator[SlackStub]:
    with slack_stub() as stub:
        yield stub


def publish(warehouse: Engine, *rates: float | None, **columns: object) -> None:
    frame = metrics(rates, **columns)
    money = [column.name for column in EXPANSION_METRICS.columns if column.kind == "money"]
    rows = frame.with_columns(pl.col(name) / 1_000_000 for name in money).to_dicts()
    table = table_of(EXPANSION_METRICS)
    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM expansion_metrics"))
        connection.execute(insert(table), rows)


def night(warehouse: Engine, month: int, *, notify: bool = True, day: int = 4) -> Stored:
    """The run on a day of the month after `month` of 2026."""
    now = datetime(2026, month + 1, day, 3, tzinfo=UTC)
    return evaluate_and_store(
        warehouse,
        (RULE,),
        Calendar(now=now, first_month=JANUARY),
        f"run_{month}_{day}_{notify}",
        now,
        notify=notify,
        voice=Voice(Letterhead(f"run_{month}_{day}", now), channel="#revenue"),
    )


def send(warehouse: Engine, slack: SlackStub, now: datetime) -> Delivered:
    return deliver(warehouse, SlackConfig(token="xoxb-1", api_base=slack.address), now)


def outbox(warehouse: Engine) -> list[dict]:
    table = table_of(SLACK_OUTBOX)
    with warehouse.connect() as connection:
        rows = connection.execute(select(table).order_by(table.c.created_at)).mappings()
        return [dict(row) for row in rows]


def fire(warehouse: Engine) -> datetime:
    """A first quiet night, then one that fires; the instant of the second."""
    publish(warehouse, 0.03)
    night(warehouse, 1)
    publish(warehouse, 0.03, 0.01)
    night(warehouse, 2)
    return datetime(2026, 3, 4, 3, tzinfo=UTC)


def test_a_year_of_nights_is_one_parent_and_its_thread(warehouse: Engine, slack: SlackStub) -> None:
    rates = (0.03, 0.03, 0.01, 0.012, 0.03, 0.015, 0.03)
    for month in range(1, len(rates) + 1):
        publish(warehouse, *rates[:month])
        for day in (4, 12, 20):
            night(warehouse, month, day=day)
            send(warehouse, slack, datetime(2026, month + 1, day, 4, tzinfo=UTC))
    kinds = [row["kind"] for row in outbox(warehouse)]
    assert kinds == ["fired", "reminder", "resolved", "fired", "resolved"]
    first, second = slack.messages[0]["ts"], slack.messages[3]["ts"]
    assert [each.get("thread_ts") for each in slack.messages] == [None, first, first, None, second]


def test_a_first_run_posts_one_baseline_that_is_the_parent_of_what_follows(
    warehouse: Engine, slack: SlackStub
) -> None:
    publish(warehouse, 0.03, 0.01)
    stored = night(warehouse, 2)
    assert (stored.messages, stored.firing, stored.breaches) == (1, 1, 1)
    now = datetime(2026, 3, 4, 3, tzinfo=UTC)
    assert send(warehouse, slack, now) == Delivered(sent=1)
    publish(warehouse, 0.03, 0.01, 0.03)
    night(warehouse, 3)
    send(warehouse, slack, now + 31 * LATER)
    assert slack.messages[1]["thread_ts"] == slack.messages[0]["ts"]
    assert "under its floor" in slack.messages[0]["text"]


def test_a_month_that_is_not_closed_is_not_judged(warehouse: Engine) -> None:
    publish(warehouse, 0.03)
    night(warehouse, 1)
    publish(warehouse, 0.03, 0.01)
    assert night(warehouse, 2, day=2).messages == 0
    assert night(warehouse, 2, day=4).messages == 1


def test_a_run_that_may_not_alert_stores_evaluations_only(warehouse: Engine) -> None:
    publish(warehouse, 0.03, 0.01)
    stored = night(warehouse, 2, notify=False)
    assert (stored.evaluations, stored.messages, stored.firing) == (2, 0, 0)
    assert night(warehouse, 2).messages == 1


def test_the_message_tells_what_moved_and_which_accounts(warehouse: Engine) -> None:
    publish(warehouse, 0.03, 0.01)
    movement = dict.fromkeys(MRR_MOVEMENT.published) | {"month": metrics([0, 0])["month"][1]}
    account = dict.fromkeys(ACCOUNT.published)
    with warehouse.begin() as connection:
        connection.execute(
            insert(table_of(MRR_MOVEMENT)),
            [
                movement | {"account_id": "a", "movement": "expansion", "delta_mrr": 700},
                movement | {"account_id": "b", "movement": "churn", "delta_mrr": -4000},
            ],
        )
        connection.execute(
            insert(table_of(ACCOUNT)), [account | {"account_id": "a", "name": "Acme & <Sons>"}]
        )
    night(warehouse, 2)
    (row,) = outbox(warehouse)
    assert "Acme &amp; &lt;Sons&gt; expanded: +$700" in row["payload_json"]
    assert "b left: -$4,000" in row["payload_json"]


def test_without_credentials_everything_is_kept(warehouse: Engine) -> None:
    now = fire(warehouse)
    assert deliver(warehouse, SlackConfig(), now) == Delivered(no_destination=1)
    assert outbox(warehouse)[0]["status"] == "no_destination"
    assert deliver(warehouse, SlackConfig(), now) == Delivered()


def test_a_lost_acknowledgement_is_looked_up_and_not_posted_twice(
    warehouse: Engine, slack: SlackStub
) -> None:
    now = fire(warehouse)
    slack.faults = ["lost"]
    assert send(warehouse, slack, now) == Delivered(sent=1)
    assert len(slack.messages) == 1
    assert outbox(warehouse)[0]["slack_ts"] == slack.messages[0]["ts"]


def test_a_connection_that_broke_before_posting_is_looked_up_and_posted(
    warehouse: Engine, slack: SlackStub
) -> None:
    now = fire(warehouse)
    slack.faults = ["cut"]
    assert send(warehouse, slack, now) == Delivered(sent=1)
    assert len(slack.messages) == 1


def test_a_kill_while_sending_is_settled_by_the_next_delivery(
    warehouse: Engine, slack: SlackStub
) -> None:
    now = fire(warehouse)
    send(warehouse, slack, now)
    with warehouse.begin() as connection:
        connection.execute(text("UPDATE slack_outbox SET status = 'sending', slack_ts = NULL"))
    assert send(warehouse, slack, now + LATER) == Delivered(sent=1)
    assert len(slack.messages) == 1


def test_where_nobody_may_look_it_is_at_least_once_and_marked(
    warehouse: Engine, slack: SlackStub
) -> None:
    now = fire(warehouse)
    slack.faults, slack.may_look = ["lost"], False
    assert send(warehouse, slack, now) == Delivered(sent=1)
    assert [each["text"].startswith("(possible duplicate)") for each in slack.messages] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("fault", "delivered"),
    [
        ((200, {"ok": False, "error": "channel_not_found"}), Delivered(dead=1)),
        ((200, {"ok": False, "error": "invalid_auth"}), Delivered(dead=1)),
        ((200, {"ok": False, "error": "service_unavailable"}), Delivered(pending=1)),
        ((200, {"ok": False, "error": "internal_error"}), Delivered(sent=1)),
        ((500, {"ok": False, "error": "oops"}), Delivered(sent=1)),
        ((429, {"ok": False, "error": "ratelimited"}), Delivered(sent=1)),
    ],
    ids=str,
)
def test_what_slack_says_decides(
    warehouse: Engine, slack: SlackStub, fault: tuple[int, dict], delivered: Delivered
) -> None:
    now = fire(warehouse)
    slack.faults = [fault]
    assert send(warehouse, slack, now) == delivered
    row = outbox(warehouse)[0]
    assert len(slack.messages) == delivered.sent
    assert (row["last_error"] is None) == bool(delivered.sent)


def test_a_passing_failure_waits_and_is_sent_later(warehouse: Engine, slack: SlackStub) -> None:
    now = fire(warehouse)
    slack.faults = [(200, {"ok": False, "error": "service_unavailable"})]
    assert send(warehouse, slack, now) == Delivered(pending=1)
    assert send(warehouse, slack, now) == Delivered()
    assert send(warehouse, slack, now + LATER) == Delivered(sent=1)


def test_a_slack_that_is_down_is_tried_so_often_and_then_dead(warehouse: Engine) -> None:
    now = fire(warehouse)
    down = SlackConfig(token="xoxb-1", api_base="http://127.0.0.1:9")
    ends = [deliver(warehouse, down, now + n * LATER) for n in range(10)]
    assert ends == [Delivered(pending=1)] * 9 + [Delivered(dead=1)]
    assert (
        "ConnectionRefused" in outbox(warehouse)[0]["last_error"]
        or outbox(warehouse)[0]["last_error"]
    )


def test_a_webhook_is_a_new_message_each_time(warehouse: Engine, slack: SlackStub) -> None:
    now = fire(warehouse)
    hook = SlackConfig(webhook=f"{slack.address}/webhook")
    slack.faults = ["lost"]
    assert deliver(warehouse, hook, now) == Delivered(sent=1)
    assert [each["text"].startswith("(possible duplicate)") for each in slack.messages] == [
        False,
        True,
    ]


def test_a_message_carries_its_key(warehouse: Engine, slack: SlackStub) -> None:
    send(warehouse, slack, fire(warehouse))
    metadata = slack.messages[0]["metadata"]
    told = json.loads(metadata) if isinstance(metadata, str) else metadata
    key = "fired|expansion-floor|total|all|2026-02|v1"
    assert told == {"event_type": "expansion_alert", "event_payload": {"key": key}}
