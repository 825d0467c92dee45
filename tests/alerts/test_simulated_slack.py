"""The simulated Slack takes every message, keeps threads, and lets a lost one be found."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline.alerts.delivery.bot import BotPost
from pipeline.alerts.delivery.letters import Letter
from pipeline.alerts.delivery.slack import connect
from tests.alerts.test_messages import CASES, said
from tests.alerts.workspace import NOW, Workspace, workspace


@pytest.fixture(scope="module")
def slack() -> Iterator[Workspace]:
    with workspace() as made:
        yield made


@pytest.fixture(scope="module")
def post(slack: Workspace) -> BotPost:
    made = connect(slack.config)
    assert isinstance(made, BotPost)
    return made


def letter(case: str, **also: Any) -> Letter:
    (intent,) = CASES[case]()
    message = said(intent)
    return Letter(
        f"{case} {also}", "#revenue", message.text, tuple(message.blocks), since=NOW, **also
    )


@pytest.mark.parametrize("case", CASES)
def test_every_message_is_taken_and_found_again(post: BotPost, case: str) -> None:
    sent = letter(case)
    assert post.find(sent, None).status == "absent"
    outcome = post.send(sent)
    assert (outcome.status, outcome.error) == ("sent", None)
    assert post.find(sent, None) == outcome


def test_an_answer_stands_in_the_thread_and_is_found_there(post: BotPost, slack: Workspace) -> None:
    parent = post.send(letter("fired")).place
    assert parent is not None
    reply = letter("resolved", thread=parent)
    outcome = post.send(reply)
    assert outcome.place is not None
    channel = slack.server.store.channel("#revenue")
    assert channel is not None
    assert [each["ts"] for each in channel.thread(parent.ts)] == [outcome.place.ts]
    assert post.find(reply, None) == outcome


def test_a_wrong_token_is_a_dead_delivery(slack: Workspace) -> None:
    wrong = connect(replace(slack.config, token="xoxb-wrong"))
    assert wrong is not None
    outcome = wrong.send(letter("fired"))
    assert (outcome.status, outcome.error) == ("dead", "invalid_auth")
