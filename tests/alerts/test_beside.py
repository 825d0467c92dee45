"""What rules read beside the metrics, through the database."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, insert, select, update

from pipeline import schemas
from pipeline.alerts import Letterhead
from pipeline.alerts.delivery import Stored, Voice, evaluate_and_store
from pipeline.config import AlertRule
from pipeline.database import engine, table_of, upgrade
from pipeline.months import Calendar, add_months
from tests.alerts.alert_figures import JANUARY, metrics

NOW = datetime(2027, 1, 20, 3, tzinfo=UTC)
RULES = (
    AlertRule(id="floor", kind="floor", threshold=0.02),
    AlertRule(id="mix", kind="mix_shift"),
    AlertRule(id="pace", kind="pacing"),
    AlertRule(id="quality", kind="data_quality"),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    upgrade(url)
    made = engine(url)
    with made.begin() as connection:
        frame = metrics([0.03] * 11 + [0.01, 0.002]).with_columns(
            provisional=pl.Series([False] * 12 + [True])
        )
        money = [each.name for each in schemas.EXPANSION_METRICS.columns if each.kind == "money"]
        rows = frame.with_columns(pl.col(name) / 1_000_000 for name in money).to_dicts()
        connection.execute(insert(table_of(schemas.EXPANSION_METRICS)), rows)
        types = [
            {"month": add_months(JANUARY, place), "window_months": 1, "dimension": "total"}
            | {"member": "all", "type": kind, "accounts": count, "amount": count, "share": 0.5}
            for place in range(12)
            for kind, count in (("seat", 60 if place < 9 else 20), ("plan", 40))
        ]
        connection.execute(insert(table_of(schemas.EXPANSION_BY_TYPE)), types)
    yield made
    made.dispose()


def night(warehouse: Engine, now: datetime = NOW) -> Stored:
    voice = Voice(Letterhead("run", now), operations="#data-ops")
    calendar = Calendar(now=now, first_month=JANUARY)
    return evaluate_and_store(
        warehouse, RULES, calendar, f"run {now}", now, notify=True, voice=voice
    )


def check(warehouse: Engine, *, passed: bool, **more: object) -> None:
    row = {"run_id": f"r{passed}", "check": "crm answered", "month": NOW.date().replace(day=1)}
    row |= {"passed": passed, "severity": "info" if passed else "error", **more}
    with warehouse.begin() as connection:
        connection.execute(
            insert(table_of(schemas.DATA_QUALITY)), [row | {"figures": "{}", "examples": "[]"}]
        )


def rows(warehouse: Engine, table: schemas.Table) -> list[dict]:
    with warehouse.connect() as connection:
        return [dict(row) for row in connection.execute(select(table_of(table))).mappings()]


def test_types_and_the_open_month_are_read(warehouse: Engine) -> None:
    night(warehouse)
    found = {
        (row["fingerprint"], row["month"]): row for row in rows(warehouse, schemas.ALERT_EVALUATION)
    }
    mix = found["mix|total|all", add_months(JANUARY, 11)]
    assert (mix["breach"], mix["observed"]) == (True, pytest.approx(0.6 - 1 / 3))
    pace = found["pace|total|all", add_months(JANUARY, 12)]
    assert (pace["observed"], pace["guard"], pace["breach"]) == (200, "insufficient_data", False)
    assert ("floor|total|all", add_months(JANUARY, 12)) not in found


def test_a_failed_check_sends_one_operations_message_until_it_holds(warehouse: Engine) -> None:
    check(warehouse, passed=False)
    night(warehouse)
    night(warehouse, NOW + timedelta(hours=1))
    (message,) = rows(warehouse, schemas.SLACK_OUTBOX)
    assert (message["kind"], message["channel"]) == ("operations", "#data-ops")
    assert "crm answered" in json.loads(message["payload_json"])["text"]
    check(warehouse, passed=True)
    night(warehouse, NOW + timedelta(days=1))
    kinds = [row["kind"] for row in rows(warehouse, schemas.SLACK_OUTBOX)]
    assert kinds == ["operations", "digest"]


def test_the_latest_result_of_a_check_is_the_one_noted_last_wherever_its_row_lies(
    warehouse: Engine,
) -> None:
    check(warehouse, passed=True)
    (noted,) = rows(warehouse, schemas.DATA_QUALITY)
    assert abs(datetime.now(UTC) - noted["at"]) < timedelta(minutes=1), "by itself"
    before = noted["at"] - timedelta(hours=1)
    check(warehouse, passed=False, at=before)
    check(warehouse, passed=False, at=None, run_id="of an older version")
    night(warehouse)
    assert [row["kind"] for row in rows(warehouse, schemas.SLACK_OUTBOX)] == ["digest"]


def test_a_sync_that_is_two_days_old_holds(warehouse: Engine) -> None:
    with warehouse.begin() as connection:
        row = {"source": "stripe", "source_account": "", "stream": "event", "started_at": NOW}
        connection.execute(insert(table_of(schemas.SOURCE_SYNC)), [row])
    night(warehouse, NOW + timedelta(days=2))
    (message,) = rows(warehouse, schemas.SLACK_OUTBOX)
    assert "Stripe was last read on 2027-01-20" in json.loads(message["payload_json"])["text"]
    with warehouse.begin() as connection:
        table = table_of(schemas.SOURCE_SYNC)
        connection.execute(update(table).values(started_at=NOW + timedelta(days=3)))
    night(warehouse, NOW + timedelta(days=3))
    states = {row["fingerprint"]: row["state"] for row in rows(warehouse, schemas.ALERT_STATE)}
    assert states["quality|check|stripe_fresh"] == "ok"
    assert states["floor|total|all"] == "firing"
