"""The simulated Slack takes every message, keeps threads, and lets a lost one be found."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from pipeline.alerts.delivery.slack import BotPost, Letter, SlackConfig, connect
from pipeline.sandbox.slack_api import SlackApi
from pipeline.sandbox.web.slack_store import SlackStore
from tests.alerts.test_messages import CASES, said

TOKEN = "xoxb-simulated"


@contextmanager
def serving(store: SlackStore) -> Iterator[str]:
    app = SlackApi(store, TOKEN).app()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def store() -> SlackStore:
    return SlackStore(None, time.time)


@pytest.fixture(scope="module")
def post(store: SlackStore) -> Iterator[BotPost]:
    with serving(store) as address:
        made = connect(SlackConfig(token=TOKEN, api_base=address))
        assert isinstance(made, BotPost)
        yield made


def letter(case: str, **also: str) -> Letter:
    (intent,) = CASES[case]()
    message = said(intent)
    return Letter(f"{case}-{intent.key}", "#revenue", message.text, message.blocks, **also)


@pytest.mark.parametrize("case", CASES)
def test_every_message_is_taken_and_found_again(post: BotPost, case: str) -> None:
    sent = letter(case)
    assert post.find(sent, None) is None
    outcome = post.send(sent)
    assert outcome.status == "sent"
    assert post.find(sent, None) == outcome


def test_an_answer_stands_in_the_thread_and_is_found_there(
    post: BotPost, store: SlackStore
) -> None:
    parent = post.send(letter("fired"))
    reply = letter("resolved", thread_ts=str(parent.ts))
    outcome = post.send(reply)
    channel = store.channel("#revenue")
    assert channel is not None
    assert [each["ts"] for each in channel.thread(str(parent.ts))] == [outcome.ts]
    assert post.find(reply, parent.channel) == outcome


def test_a_wrong_token_is_a_dead_delivery(store: SlackStore) -> None:
    with serving(store) as address:
        outcome = BotPost("xoxb-wrong", address).send(letter("fired"))
    assert (outcome.status, outcome.error) == ("dead", "invalid_auth")
