"""The outbox against a Slack that loses answers, sets limits and refuses: each message once, in its place."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipeline.alerts.delivery import Delivered, SlackConfig, deliver
from pipeline.alerts.picture import series
from pipeline.database import engine
from pipeline.months import add_months
from pipeline.sandbox.web.slack_faults import SlackFaults
from tests.alerts.alert_figures import JANUARY
from tests.alerts.workspace import (
    NOW,
    SILENCE,
    Workspace,
    outbox,
    put,
    workspace,
)

EPISODE = "floor|total|all|2026-02-01"
DAY = timedelta(days=1)
GREEN: dict[str, Any] = {"parent": {"text": "It is over", "blocks": []}}


def picture() -> dict[str, Any]:
    months = [(add_months(JANUARY, place), 0.03 - place / 200) for place in range(3)]
    made = series("Expansion rate", "It fell to 2%", months, None, share=True)
    assert made is not None
    return made.payload()


def thread_of(slack: Workspace, ts: str) -> list[dict[str, Any]]:
    channel = slack.server.store.channel("#revenue")
    assert channel is not None
    return channel.thread(ts)


def test_an_answer_changes_the_alert_and_stands_in_its_thread(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", EPISODE)
    put(warehouse, "worse", "escalated", EPISODE, broadcast=True)
    put(warehouse, "over", "resolved", EPISODE, **GREEN)
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=3)
    parent, worse, over = slack.messages
    assert parent["text"] == "It is over"
    assert "edited" in parent
    assert (worse["thread_ts"], worse["subtype"]) == (parent["ts"], "thread_broadcast")
    assert (over["thread_ts"], over.get("subtype")) == (parent["ts"], None)
    assert slack.keys == ["fired", "worse", "over"], "the changed message keeps its key"


def test_an_alert_that_cannot_be_changed_is_answered_all_the_same(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", EPISODE)
    deliver(warehouse, slack.config, NOW)
    with warehouse.begin() as connection:
        connection.execute(text("UPDATE slack_outbox SET slack_channel = 'C0GONE'"))
    put(warehouse, "over", "resolved", EPISODE, **GREEN)
    deliver(warehouse, slack.config, NOW)
    row = outbox(warehouse)["over"]
    assert row["status"] == "dead", "nor can it be answered: its channel is gone"
    assert row["last_error"] == "channel_not_found"


def test_an_alert_that_somebody_deleted_is_answered_in_the_channel(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", EPISODE)
    deliver(warehouse, slack.config, NOW)
    channel = slack.server.store.channel("#revenue")
    assert channel is not None
    channel.messages.clear()
    put(warehouse, "over", "resolved", EPISODE, **GREEN)
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1)
    assert [each.get("thread_ts") for each in slack.messages] == [None]
    assert outbox(warehouse)["over"]["last_error"] == "update: message_not_found"


def test_messages_of_an_episode_keep_their_order(warehouse: Engine, slack: Workspace) -> None:
    put(warehouse, "fired", "fired", EPISODE)
    put(warehouse, "over", "resolved", EPISODE, **GREEN)
    put(warehouse, "other", "fired", "floor|segment|smb|2026-02-01")
    slack.faults.script = ["service_unavailable"]
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1, pending=1)
    assert slack.keys == ["other"], "nothing is said of an episode that was not opened"
    assert deliver(warehouse, slack.config, NOW + DAY) == Delivered(sent=2)
    assert slack.keys == ["other", "fired", "over"]


def test_what_follows_an_alert_that_never_left_stands_by_itself(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", EPISODE)
    deliver(warehouse, SlackConfig(), NOW)
    put(warehouse, "still", "reminder", EPISODE, **GREEN)
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1)
    assert [(each["text"], each.get("thread_ts")) for each in slack.messages] == [
        ("text of still", None)
    ]


@pytest.mark.parametrize("fault", ["ok", "late", "limited"])
def test_a_chart_goes_into_the_thread_once(warehouse: Engine, slack: Workspace, fault: str) -> None:
    put(warehouse, "fired", "fired", EPISODE, picture=picture())
    slack.faults.of["files.completeUploadExternal"] = [fault]
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1, charts=1)
    parent, chart = slack.messages
    assert chart["thread_ts"] == parent["ts"]
    (file,) = chart["files"]
    assert (file["title"], file["alt_txt"]) == ("Expansion rate", "It fell to 2%")
    assert slack.server.store.files[file["id"]]["content"].startswith("iVBORw0KGgo")
    assert deliver(warehouse, slack.config, NOW + DAY) == Delivered()
    assert outbox(warehouse)["fired"]["chart"] == "sent"


def test_a_chart_of_an_answer_goes_into_the_same_thread(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", EPISODE)
    put(warehouse, "worse", "escalated", EPISODE, picture=picture())
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=2, charts=1)
    first, *others = slack.messages
    assert {each["thread_ts"] for each in others} == {first["ts"]}


def test_a_chart_that_cannot_be_sent_fails_no_message(warehouse: Engine, slack: Workspace) -> None:
    put(warehouse, "fired", "fired", EPISODE, picture=picture())
    slack.may_not("files:write")
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1, charts_failed=1)
    row = outbox(warehouse)["fired"]
    assert (row["status"], row["chart"]) == ("sent", "failed")
    assert row["last_error"] == "chart: missing_scope"


def test_a_chart_that_may_be_there_is_not_sent_again_where_nobody_may_look(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", EPISODE, picture=picture())
    slack.may("chat:write", "files:write")
    slack.faults.of["files.completeUploadExternal"] = ["lost"]
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1, charts_failed=1)
    assert len(slack.messages) == 2


def test_blocks_that_slack_refuses_are_left_out(warehouse: Engine, slack: Workspace) -> None:
    put(warehouse, "fired", "fired", EPISODE, blocks=[{"type": "section"}])
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1)
    (message,) = slack.messages
    assert message["text"] == "text of fired"
    assert "blocks" not in message
    error = outbox(warehouse)["fired"]["last_error"]
    assert error.startswith("invalid_blocks at /blocks/0")
    assert error.endswith("sent as text alone")


def test_a_limit_that_passes_soon_is_waited_for_and_a_long_one_is_not(warehouse: Engine) -> None:
    put(warehouse, "fired")
    with workspace(SlackFaults(script=["limited"], wait=600)) as slack:
        assert deliver(warehouse, slack.config, NOW) == Delivered(pending=1)
        assert outbox(warehouse)["fired"]["next_at"] == NOW + timedelta(seconds=600)
        assert deliver(warehouse, slack.config, NOW + timedelta(seconds=599)) == Delivered()
        assert deliver(warehouse, slack.config, NOW + timedelta(seconds=600)) == Delivered(sent=1)


def test_a_message_is_found_behind_hundreds_of_others(warehouse: Engine, slack: Workspace) -> None:
    put(warehouse, "fired")
    deliver(warehouse, slack.config, NOW)
    channel = slack.server.store.channel("#revenue")
    assert channel is not None
    for number in range(450):
        slack.server.store.post(channel, {"text": f"{number}"})
    with warehouse.begin() as connection:
        connection.execute(text("UPDATE slack_outbox SET status = 'unknown', slack_ts = NULL"))
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1)
    assert slack.keys == ["fired"]


def test_a_look_that_fails_posts_nothing(warehouse: Engine, slack: Workspace) -> None:
    put(warehouse, "fired")
    slack.faults.script = ["lost"]
    slack.faults.of["conversations.history"] = ["error"] * 9
    assert deliver(warehouse, slack.config, NOW) == Delivered(unknown=1)
    assert slack.keys == ["fired"]
    slack.faults.of.clear()
    assert deliver(warehouse, slack.config, NOW + DAY) == Delivered(sent=1)
    assert slack.keys == ["fired"]


def test_a_webhook_says_what_it_cannot_do_and_its_secret_is_kept(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", EPISODE, picture=picture())
    put(warehouse, "over", "resolved", EPISODE, **GREEN)
    assert deliver(warehouse, slack.webhook, NOW) == Delivered(sent=2)
    fired, over = slack.messages
    assert (fired["text"], over["text"]) == ("text of fired", "text of over")
    assert "cannot answer" in str(over["blocks"]) or "neither answer" in str(over["blocks"])
    assert not fired.get("blocks")
    put(warehouse, "later")
    wrong = replace(slack.webhook, webhook=slack.server.slack_webhook_url + " secret/part")
    deliver(warehouse, wrong, NOW)
    assert "secret" not in str(outbox(warehouse)["later"]["last_error"])


def test_several_deliveries_at_once_send_each_message_once(address: str) -> None:
    first = engine(address)
    for number in range(12):
        put(first, f"message {number}")
    ends: list[Delivered] = []

    def work(slack: Workspace) -> None:
        mine = engine(address)
        ends.append(deliver(mine, slack.config, NOW))
        mine.dispose()

    with workspace(SlackFaults(seed=1, share=0.2, silence=SILENCE)) as slack:
        workers = [threading.Thread(target=work, args=(slack,)) for _ in range(4)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        deliver(first, slack.config, NOW + DAY)
        assert sorted(slack.keys) == sorted(outbox(first))
    assert sum(each.sent for each in ends) <= 12
    first.dispose()
