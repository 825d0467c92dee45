"""What did not reach Slack is counted with its reason, and without anybody's name."""

from datetime import timedelta

from sqlalchemy import Engine, text

from pipeline.alerts.delivery import SlackConfig, deliver, undelivered
from tests.alerts.workspace import NOW, Workspace, put

DAY = timedelta(days=1)


def test_nothing_is_said_where_every_message_arrived(warehouse: Engine, slack: Workspace) -> None:
    put(warehouse, "fired|rule|owner|Ann Lee|2026-02|v1")
    assert not undelivered(warehouse, NOW + DAY).any, "a message may wait for two days"
    deliver(warehouse, slack.config, NOW)
    assert not undelivered(warehouse, NOW + 5 * DAY).any


def test_a_dead_message_is_told_for_a_month(warehouse: Engine, slack: Workspace) -> None:
    put(warehouse, "fired|rule|owner|Ann Lee|2026-02|v1")
    slack.faults.script = ["channel_not_found"]
    deliver(warehouse, slack.config, NOW)
    found = undelivered(warehouse, NOW + DAY)
    assert (found.dead, found.late) == (1, 0)
    assert "1 could not be delivered" in found.told
    assert "channel_not_found (1)" in found.told
    assert "Ann" not in found.told
    assert not undelivered(warehouse, NOW + 31 * DAY).any


def test_a_message_that_waits_for_days_is_told(warehouse: Engine) -> None:
    put(warehouse, "fired")
    down = SlackConfig(token="xoxb-1", api_base="http://127.0.0.1:9", settling=0)
    for day in range(3):
        deliver(warehouse, down, NOW + day * DAY)
    found = undelivered(warehouse, NOW + 3 * DAY)
    assert (found.dead, found.late) == (0, 1)
    assert "ConnectionRefusedError" in found.told


def test_without_slack_nothing_is_missing(warehouse: Engine) -> None:
    put(warehouse, "fired")
    deliver(warehouse, SlackConfig(), NOW)
    assert not undelivered(warehouse, NOW + 5 * DAY).any
    with warehouse.connect() as connection:
        kept = connection.scalar(text("SELECT status FROM slack_outbox"))
    assert kept == "no_destination"
