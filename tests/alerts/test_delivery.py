"""From published figures to Slack, through the database and over HTTP: each message once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, insert, text

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
from pipeline.database import table_of
from pipeline.months import Calendar
from pipeline.schemas import ACCOUNT, EXPANSION_METRICS, MRR_MOVEMENT
from tests.alerts.alert_figures import JANUARY, metrics
from tests.alerts.workspace import Workspace, outbox

RULE = AlertRule(id="expansion-floor", kind="floor", threshold=0.02)
LATER = timedelta(days=1)


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


def send(warehouse: Engine, slack: Workspace, now: datetime) -> Delivered:
    """What became of the messages; charts are another test's."""
    return replace(deliver(warehouse, slack.config, now), charts=0, charts_failed=0)


def first(warehouse: Engine) -> Mapping[str, Any]:
    return next(iter(outbox(warehouse).values()))


def fire(warehouse: Engine) -> datetime:
    """A first quiet night, then one that fires; the instant of the second."""
    publish(warehouse, 0.03)
    night(warehouse, 1)
    publish(warehouse, 0.03, 0.01)
    night(warehouse, 2)
    return datetime(2026, 3, 4, 3, tzinfo=UTC)


def test_a_year_of_nights_is_one_parent_and_its_thread(warehouse: Engine, slack: Workspace) -> None:
    rates = (0.03, 0.03, 0.01, 0.012, 0.03, 0.015, 0.03)
    for month in range(1, len(rates) + 1):
        publish(warehouse, *rates[:month])
        for day in (4, 12, 20):
            night(warehouse, month, day=day)
            send(warehouse, slack, datetime(2026, month + 1, day, 4, tzinfo=UTC))
    kinds = [row["kind"] for row in outbox(warehouse).values()]
    assert kinds == ["fired", "reminder", "resolved", "fired", "resolved"]
    first, second = slack.said[0]["ts"], slack.said[3]["ts"]
    assert [each.get("thread_ts") for each in slack.said] == [None, first, first, None, second]


def test_a_first_run_posts_one_baseline_that_is_the_parent_of_what_follows(
    warehouse: Engine, slack: Workspace
) -> None:
    publish(warehouse, 0.03, 0.01)
    stored = night(warehouse, 2)
    assert (stored.messages, stored.firing, stored.breaches) == (1, 1, 1)
    now = datetime(2026, 3, 4, 3, tzinfo=UTC)
    assert send(warehouse, slack, now) == Delivered(sent=1)
    publish(warehouse, 0.03, 0.01, 0.03)
    night(warehouse, 3)
    send(warehouse, slack, now + 31 * LATER)
    assert slack.said[1]["thread_ts"] == slack.said[0]["ts"]
    assert slack.said[0]["text"].startswith("✅ Resolved: Expansion rate")


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
    (row,) = outbox(warehouse).values()
    assert "Acme &amp; &lt;Sons&gt; expanded: +$700" in row["payload_json"]
    assert "b left: -$4,000" in row["payload_json"]


def test_without_credentials_everything_is_kept(warehouse: Engine) -> None:
    now = fire(warehouse)
    assert deliver(warehouse, SlackConfig(), now) == Delivered(no_destination=1)
    assert first(warehouse)["status"] == "no_destination"
    assert deliver(warehouse, SlackConfig(), now) == Delivered()


def test_a_lost_acknowledgement_is_looked_up_and_not_posted_twice(
    warehouse: Engine, slack: Workspace
) -> None:
    now = fire(warehouse)
    slack.faults.script = ["lost"]
    assert send(warehouse, slack, now) == Delivered(sent=1)
    assert len(slack.said) == 1
    assert first(warehouse)["slack_ts"] == slack.said[0]["ts"]


def test_a_connection_that_broke_before_posting_is_looked_up_and_posted(
    warehouse: Engine, slack: Workspace
) -> None:
    now = fire(warehouse)
    slack.faults.script = ["cut"]
    assert send(warehouse, slack, now) == Delivered(sent=1)
    assert len(slack.said) == 1


def test_a_kill_while_sending_is_settled_by_the_next_delivery(
    warehouse: Engine, slack: Workspace
) -> None:
    now = fire(warehouse)
    send(warehouse, slack, now)
    with warehouse.begin() as connection:
        connection.execute(text("UPDATE slack_outbox SET status = 'sending', slack_ts = NULL"))
    assert send(warehouse, slack, now + LATER) == Delivered(sent=1)
    assert len(slack.said) == 1


def test_where_nobody_may_look_it_is_at_least_once_and_marked(
    warehouse: Engine, slack: Workspace
) -> None:
    now = fire(warehouse)
    slack.faults.script = ["lost"]
    slack.may("chat:write")
    assert send(warehouse, slack, now) == Delivered(sent=1)
    assert [each["text"].startswith("(possible duplicate)") for each in slack.said] == [
        False,
        True,
    ]


def test_a_doubt_outlives_an_attempt_that_was_turned_away(
    warehouse: Engine, slack: Workspace
) -> None:
    now = fire(warehouse)
    slack.faults.script = ["lost", "service_unavailable"]
    slack.may("chat:write")
    assert send(warehouse, slack, now) == Delivered(unknown=1)
    assert send(warehouse, slack, now + LATER) == Delivered(sent=1)
    assert [each["text"].startswith("(possible duplicate)") for each in slack.said] == [
        False,
        True,
    ]


def test_a_message_that_may_be_there_twice_says_so_when_it_is_brought_up_to_date(
    warehouse: Engine, slack: Workspace
) -> None:
    now = fire(warehouse)
    slack.faults.script = ["lost"]
    slack.may("chat:write")
    send(warehouse, slack, now)
    publish(warehouse, 0.03, 0.01, 0.03)
    night(warehouse, 3)
    send(warehouse, slack, now + 31 * LATER)
    first, second, answer = (each["text"] for each in slack.said)
    assert first.startswith("⚠️ Expansion rate")
    assert second.startswith("(possible duplicate) ✅ Resolved: Expansion rate")
    assert answer.startswith("✅ Resolved")


@pytest.mark.parametrize(
    ("fault", "delivered"),
    [
        ("channel_not_found", Delivered(dead=1)),
        ("invalid_auth", Delivered(dead=1)),
        ("service_unavailable", Delivered(pending=1)),
        ("internal_error", Delivered(sent=1)),
        ("error", Delivered(sent=1)),
        ("unavailable", Delivered(sent=1)),
        ("limited", Delivered(sent=1)),
        ("late", Delivered(sent=1)),
        ("silent", Delivered(sent=1)),
        ("half", Delivered(sent=1)),
        ("no json", Delivered(sent=1)),
        ("bad gateway", Delivered(sent=1)),
    ],
)
def test_what_slack_says_decides(
    warehouse: Engine, slack: Workspace, fault: str, delivered: Delivered
) -> None:
    now = fire(warehouse)
    slack.faults.script = [fault]
    assert send(warehouse, slack, now) == delivered
    row = first(warehouse)
    assert len(slack.said) == delivered.sent
    assert (row["last_error"] is None) == bool(delivered.sent)


def test_a_passing_failure_waits_and_is_sent_later(warehouse: Engine, slack: Workspace) -> None:
    now = fire(warehouse)
    slack.faults.script = ["service_unavailable"]
    assert send(warehouse, slack, now) == Delivered(pending=1)
    assert send(warehouse, slack, now) == Delivered()
    assert send(warehouse, slack, now + LATER) == Delivered(sent=1)


def test_a_slack_that_is_down_is_tried_so_often_and_then_dead(warehouse: Engine) -> None:
    now = fire(warehouse)
    down = SlackConfig(token="xoxb-1", api_base="http://127.0.0.1:9")
    ends = [deliver(warehouse, down, now + n * LATER) for n in range(10)]
    assert ends == [Delivered(pending=1)] * 9 + [Delivered(dead=1)]
    assert first(warehouse)["last_error"] == "ConnectionRefusedError: Connection refused"


def test_a_webhook_is_a_new_message_each_time(warehouse: Engine, slack: Workspace) -> None:
    now = fire(warehouse)
    slack.faults.script = ["lost"]
    assert deliver(warehouse, slack.webhook, now) == Delivered(sent=1)
    assert [each["text"].startswith("(possible duplicate)") for each in slack.said] == [
        False,
        True,
    ]


def test_a_message_carries_its_key(warehouse: Engine, slack: Workspace) -> None:
    send(warehouse, slack, fire(warehouse))
    told = slack.said[0]["metadata"]
    key = "fired|expansion-floor|total|all|2026-02|v1"
    assert told == {"event_type": "expansion_alert", "event_payload": {"key": key}}
