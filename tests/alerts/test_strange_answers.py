"""Answers that Slack never gave: no night fails on them, and nothing is taken for posted that may not be."""

import pytest
from sqlalchemy import Engine
from starlette.responses import Response

from pipeline.alerts.delivery import Delivered, deliver
from tests.alerts.workspace import NOW, Workspace, outbox, put

ASKS_LONG = {"Retry-After": "9" * 30}


def answer(body: str, status: int = 200, **headers: str) -> Response:
    return Response(body, status, headers)


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '{"ok": true}', "<html>", "5", '"ok"'])
def test_an_answer_that_is_no_answer_is_looked_up_and_posted_once(
    warehouse: Engine, slack: Workspace, body: str
) -> None:
    put(warehouse, "fired")
    slack.faults.script = [answer(body)]
    assert deliver(warehouse, slack.config, NOW) == Delivered(sent=1)
    assert slack.keys == ["fired"]


@pytest.mark.parametrize("look", ["[]", "5", '{"ok": true, "messages": ["what"]}'])
def test_a_look_that_is_answered_with_something_strange_posts_nothing(
    warehouse: Engine, slack: Workspace, look: str
) -> None:
    put(warehouse, "fired")
    slack.faults.script = ["lost"]
    slack.faults.of["conversations.history"] = [answer(look)] * 9
    assert deliver(warehouse, slack.config, NOW) == Delivered(unknown=1)
    assert slack.keys == ["fired"]


@pytest.mark.parametrize("way", ["config", "webhook"])
def test_a_limit_that_asks_for_ages_is_tried_again_within_a_day(
    warehouse: Engine, slack: Workspace, way: str
) -> None:
    put(warehouse, "fired")
    slack.faults.script = [Response("ratelimited", 429, ASKS_LONG)]
    assert deliver(warehouse, getattr(slack, way), NOW) == Delivered(pending=1)
    wait = outbox(warehouse)["fired"]["next_at"] - NOW
    assert wait.total_seconds() == 24 * 3600


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (answer("ok"), "sent"),
        (answer('{"ok": true}'), "sent"),
        (answer("<html>Sign in</html>"), "unknown"),
        (answer(""), "unknown"),
        (answer("[]"), "unknown"),
        (answer("", 204), "unknown"),
        (answer("", 307, Location="http://127.0.0.1:9/"), "pending"),
        (answer("<html>", 403), "pending"),
        (answer("no_service", 404), "dead"),
    ],
)
def test_a_webhook_has_posted_only_what_is_confirmed(
    warehouse: Engine, slack: Workspace, reply: Response, status: str
) -> None:
    put(warehouse, "fired")
    # What is in doubt is tried once more in the same delivery.
    slack.faults.script = [reply] * 4
    deliver(warehouse, slack.webhook, NOW)
    row = outbox(warehouse)["fired"]
    assert row["status"] == status
    assert (row["last_error"] is None) == (status == "sent")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *[(word, "dead") for word in ("is_archived", "not_in_channel", "token_revoked")],
        *[(word, "dead") for word in ("missing_scope", "no_text", "account_inactive")],
        *[(word, "pending") for word in ("accesslimited", "external_channel_migrating")],
        *[(word, "sent") for word in ("invalid_blocks", "fatal_error", "request_timeout")],
    ],
)
def test_a_word_of_slack_s_is_taken_for_what_it_means(
    warehouse: Engine, slack: Workspace, word: str, status: str
) -> None:
    put(warehouse, "fired", blocks=[{"type": "divider"}])
    slack.faults.script = [word]
    deliver(warehouse, slack.config, NOW)
    assert outbox(warehouse)["fired"]["status"] == status
    assert len(slack.said) == (status == "sent")


def test_an_answer_to_a_message_that_takes_none_stands_in_the_channel(
    warehouse: Engine, slack: Workspace
) -> None:
    put(warehouse, "fired", "fired", "floor|total|all|2026-02-01")
    deliver(warehouse, slack.config, NOW)
    put(warehouse, "over", "resolved", "floor|total|all|2026-02-01")
    slack.faults.script = ["restricted_action_thread_locked"]
    assert deliver(warehouse, slack.config, NOW).sent == 1
    assert [each.get("thread_ts") for each in slack.said] == [None, None]
