"""What a night says beside its alerts: the monthly digest, the note on restated months, and what moved."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
from sqlalchemy import Engine, insert

from pipeline.alerts import Letterhead
from pipeline.alerts.delivery import Stored, Voice, deliver, evaluate_and_store
from pipeline.config import AlertRule
from pipeline.database import table_of
from pipeline.months import Calendar, add_months
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_LINK,
    EXPANSION_BY_TYPE,
    EXPANSION_METRICS,
    MRR_MOVEMENT,
    RESTATEMENT,
    Table,
)
from tests.alerts.alert_figures import JANUARY, metrics
from tests.alerts.workspace import Workspace, outbox

RULE = AlertRule(id="expansion-floor", kind="floor", threshold=0.02)
AT = datetime(2026, 6, 4, 3, tzinfo=UTC)
VOICE = Voice(Letterhead("run", AT), digests=("#revenue", "#board"))


def put(warehouse: Engine, table: Table, *rows: dict) -> None:
    target = table_of(table)
    with warehouse.begin() as connection:
        if table is not RESTATEMENT:
            connection.execute(target.delete())
        connection.execute(insert(target), [dict.fromkeys(table.published) | row for row in rows])


def publish(warehouse: Engine, *rates: float) -> None:
    """The total and two segments: all of the expansion is the first's."""
    money = [column.name for column in EXPANSION_METRICS.columns if column.kind == "money"]
    frames = [
        metrics(rates),
        metrics(rates, dimension="segment", member="smb"),
        metrics([0.0 for _ in rates], dimension="segment", member="enterprise"),
    ]
    frame = pl.concat(frames).with_columns(pl.col(name) / 1_000_000 for name in money)
    put(warehouse, EXPANSION_METRICS, *frame.to_dicts())


def night(
    warehouse: Engine, at: datetime = AT, *, rules: tuple[AlertRule, ...] = (RULE,), **voice: object
) -> Stored:
    head = Letterhead(f"run_{at:%m_%d}", at)
    return evaluate_and_store(
        warehouse,
        rules,
        Calendar(now=at, first_month=JANUARY),
        f"run_{at:%m_%d}",
        at,
        notify=True,
        voice=replace(VOICE, head=head, **voice),
    )


def said(warehouse: Engine, kind: str) -> list[dict]:
    rows = [row for row in outbox(warehouse).values() if row["kind"] == kind]
    return [json.loads(row["payload_json"]) | {"channel": row["channel"]} for row in rows]


def test_a_month_that_closes_is_told_once_to_each_channel_that_wants_it(
    warehouse: Engine, slack: Workspace
) -> None:
    publish(warehouse, 0.03)
    assert night(warehouse, datetime(2026, 2, 4, tzinfo=UTC)).messages == 0, "the first night"
    publish(warehouse, 0.03, 0.031)
    for day in (2, 4, 5, 20):
        night(warehouse, datetime(2026, 3, day, tzinfo=UTC))
    assert sorted(each["channel"] for each in said(warehouse, "digest")) == ["#board", "#revenue"]
    deliver(warehouse, slack.config, datetime(2026, 3, 5, 1, tzinfo=UTC))
    told, _ = slack.said
    assert "expansion in February 2026" in told["text"]
    assert "an expansion rate of 3.10%" in told["text"]
    blocks = json.dumps(told["blocks"], ensure_ascii=False)
    assert "1 watched, 1 quiet, 0 firing" in blocks
    assert "smb: $3,100" in blocks
    assert len([each for each in slack.messages if each.get("files")]) == 2, (
        "a chart in each thread"
    )


def test_who_wants_no_digest_gets_none(warehouse: Engine) -> None:
    publish(warehouse, 0.03)
    night(warehouse, datetime(2026, 2, 4, tzinfo=UTC), digests=())
    publish(warehouse, 0.03, 0.031)
    assert night(warehouse, datetime(2026, 3, 4, tzinfo=UTC), digests=()).messages == 0


def restated(month: date, version: int, old: float, new: float, at: datetime = AT) -> dict:
    return {
        "month": month,
        "version": version,
        "dimension": "total",
        "member": "all",
        "metric": "expansion_mrr",
        "old": old,
        "new": new,
        "cause": "evidence",
        "at": at,
    }


def test_closed_months_that_moved_are_told_in_one_note_once(warehouse: Engine) -> None:
    publish(warehouse, 0.03)
    night(warehouse)
    put(
        warehouse,
        RESTATEMENT,
        restated(date(2026, 1, 1), 2, 3_000, 2_900),
        restated(date(2025, 12, 1), 2, 5_000, 4_000),
        restated(date(2025, 11, 1), 2, 5_000, 4_999),
        restated(date(2025, 1, 1), 2, 5_000, 1_000, AT - timedelta(days=15)),
    )
    for day in range(3):
        night(warehouse, AT + timedelta(days=day))
    (note,) = said(warehouse, "restated")
    assert note["text"].startswith("🔁 2 closed months were restated: January 2026")
    assert "January 2025" not in json.dumps(note), "long ago"
    assert note["episodes"] == []


def test_small_moves_add_up_until_they_are_told(warehouse: Engine) -> None:
    publish(warehouse, 0.03)
    month = date(2026, 1, 1)
    for version, (old, new) in enumerate([(1_000, 993), (993, 986), (986, 985)], start=2):
        at = AT + timedelta(days=version)
        put(warehouse, RESTATEMENT, restated(month, version, old, new, at))
        night(warehouse, at)
    (note,) = said(warehouse, "restated")
    assert "$1,000 → $986" in json.dumps(note, ensure_ascii=False)
    assert note["restated"] == [["2026-01-01", 2], ["2026-01-01", 3]]


def test_what_moved_adds_up_to_the_change(warehouse: Engine) -> None:
    publish(warehouse, *[0.03] * 4)
    night(warehouse, datetime(2026, 5, 4, tzinfo=UTC))
    publish(warehouse, *[0.03] * 4, 0.01)
    types = {"seat": (2_500, 800), "plan": (500, 200)}
    put(
        warehouse,
        EXPANSION_BY_TYPE,
        *(
            {
                "month": add_months(JANUARY, place),
                "window_months": 1,
                "dimension": "total",
                "member": "all",
                "type": kind,
                "amount": before if place < 4 else now,
            }
            for place in range(5)
            for kind, (before, now) in types.items()
        ),
    )
    night(warehouse)
    (alert,) = said(warehouse, "fired")
    blocks = json.dumps(alert["blocks"], ensure_ascii=False)
    assert "against the mean of the three months before: -$2,000" in blocks
    assert "By type: seats -$1,700 · plan upgrades -$300" in blocks
    assert "By segment: smb -$2,000" in blocks


def test_the_accounts_of_a_segment_are_named_with_owner_and_customer(warehouse: Engine) -> None:
    rule = AlertRule(id="segments", kind="floor", threshold=0.02, dimension="segment", member="smb")
    publish(warehouse, 0.03)
    night(warehouse, datetime(2026, 2, 4, tzinfo=UTC), rules=(rule,))
    publish(warehouse, 0.03, 0.01)
    moved = {"month": date(2026, 2, 1), "movement": "churn", "fx_mrr": 0, "closing_mrr": 0}
    put(
        warehouse,
        MRR_MOVEMENT,
        moved | {"account_id": "salesforce:1", "opening_mrr": 900, "delta_mrr": -900},
        moved | {"account_id": "cus_large", "opening_mrr": 90_000, "delta_mrr": -90_000},
    )
    put(
        warehouse,
        ACCOUNT,
        {
            "account_id": "salesforce:1",
            "name": "Small & Co",
            "owner": "Ann",
            "source": "salesforce",
        },
        {"account_id": "cus_large", "name": "Large", "source": "stripe"},
    )
    put(warehouse, ACCOUNT_LINK, {"customer_id": "cus_small", "account_id": "salesforce:1"})
    night(warehouse, datetime(2026, 3, 4, tzinfo=UTC), rules=(rule,))
    (alert,) = said(warehouse, "fired")
    blocks = json.dumps(alert["blocks"], ensure_ascii=False)
    assert "Small &amp; Co left: -$900 · owner Ann" in blocks
    assert "https://dashboard.stripe.com/customers/cus_small|Stripe" in blocks
    assert "Large" not in blocks, "an enterprise by its annual value"


def test_an_alert_is_kept_up_to_date_unless_it_speaks_for_several(
    warehouse: Engine, slack: Workspace
) -> None:
    both = tuple(RULE.model_copy(update={"id": f"floor-{n}"}) for n in (1, 2))
    for storm, count in ((5, 2), (1, 1)):
        with warehouse.begin() as connection:
            for name in ("alert_state", "alert_evaluation", "slack_outbox", "alert_event"):
                connection.exec_driver_sql(f"DELETE FROM {name}")
        before = len(slack.said)
        for month, rates in enumerate([(0.03,), (0.03, 0.01), (0.03, 0.01, 0.03)], start=2):
            at = datetime(2026, month, 4, tzinfo=UTC)
            publish(warehouse, *rates)
            night(warehouse, at, rules=both, storm=storm, digests=())
            deliver(warehouse, slack.config, at)
        opened = [each for each in slack.said[before:] if not each.get("thread_ts")]
        assert len(opened) == count
        resolved = [each["text"].startswith("✅ Resolved") for each in opened]
        assert resolved == ([True, True] if storm == 5 else [False])
