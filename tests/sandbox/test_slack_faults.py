"""The simulated Slack on a bad day, with files, and with a token that may do less."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from pipeline.sandbox.server import SLACK_TOKEN, SandboxServer
from pipeline.sandbox.slack_api import ALL_SCOPES
from pipeline.sandbox.web.slack_faults import LOST, REFUSED, SlackFaults

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 20
WAITS = 0.2
"""Seconds that the client waits: less than Slack is silent."""


@contextmanager
def slack(
    faults: SlackFaults | None = None, scopes: frozenset[str] = ALL_SCOPES
) -> Iterator[tuple[SandboxServer, WebClient]]:
    with SandboxServer(None, conditions=faults, slack_scopes=scopes) as server:
        client = WebClient(
            SLACK_TOKEN,
            base_url=f"{server.slack_url}/api/",
            retry_handlers=[],
            timeout=WAITS,  # type: ignore[arg-type]
        )
        yield server, client


def texts(server: SandboxServer) -> list[str]:
    return [each["text"] for channel in server.store for each in channel.messages]


@pytest.mark.parametrize("kind", LOST)
def test_an_answer_that_is_lost_was_posted(kind: str) -> None:
    with slack(SlackFaults(script=[kind], silence=3 * WAITS)) as (server, client):
        with pytest.raises(Exception, match=r"."):
            client.chat_postMessage(channel="#revenue", text="once")
        assert texts(server) == ["once"]


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_posted_nothing(kind: str) -> None:
    with slack(SlackFaults(script=[kind], silence=3 * WAITS)) as (server, client):
        with pytest.raises(Exception, match=r"."):
            client.chat_postMessage(channel="#revenue", text="once")
        assert texts(server) == []
        client.chat_postMessage(channel="#revenue", text="again")
        assert texts(server) == ["again"]


def test_a_limit_says_how_long_to_wait() -> None:
    with slack(SlackFaults(script=["limited"], wait=7)) as (_, client):
        with pytest.raises(SlackApiError) as info:
            client.chat_postMessage(channel="#revenue", text="x")
        assert info.value.response.status_code == 429
        assert info.value.response.headers["Retry-After"] == "7"


def test_what_the_token_may_not_do_is_refused() -> None:
    with slack(scopes=frozenset({"chat:write"})) as (_, client):
        sent = client.chat_postMessage(channel="#revenue", text="x")
        with pytest.raises(SlackApiError, match="missing_scope"):
            client.conversations_history(channel=str(sent["channel"]))
        with pytest.raises(SlackApiError, match="missing_scope"):
            client.files_getUploadURLExternal(filename="a.png", length=3)


def test_a_file_is_shared_in_a_thread_and_shown_with_its_text() -> None:
    with slack() as (server, client):
        parent = client.chat_postMessage(channel="#revenue", text="look")
        client.files_upload_v2(
            channel=str(parent["channel"]),
            thread_ts=str(parent["ts"]),
            filename="rate.png",
            content=PNG,
            title="Expansion rate",
            alt_txt="It fell",
        )
        channel = server.store.channel("#revenue")
        assert channel is not None
        (reply,) = channel.thread(str(parent["ts"]))
        assert [each["name"] for each in reply["files"]] == ["rate.png"]
        page = httpx.get(server.slack_page_url).text
    assert 'alt="It fell"' in page
    assert "Expansion rate" in page
    assert 'src="data:image/png;base64,' in page


def test_a_file_that_was_not_uploaded_cannot_be_shared() -> None:
    with slack() as (server, client):
        parent = client.chat_postMessage(channel="#revenue", text="look")
        begun = client.files_getUploadURLExternal(filename="a.png", length=3)
        files = [{"id": str(begun["file_id"]), "title": "a"}]
        with pytest.raises(SlackApiError, match="file_not_found"):
            client.files_completeUploadExternal(files=files, channel_id=str(parent["channel"]))
        assert httpx.post(str(begun["upload_url"]), content=b"four").status_code == 400
        assert len(texts(server)) == 1


def test_a_reply_that_the_channel_sees_too_is_shown_in_both() -> None:
    with slack() as (server, client):
        parent = client.chat_postMessage(channel="#revenue", text="It is low")
        client.chat_postMessage(
            channel=str(parent["channel"]),
            text="It is lower",
            thread_ts=str(parent["ts"]),
            reply_broadcast=True,
        )
        page = httpx.get(server.slack_page_url).text
    assert page.count("It is lower") == 2
    assert "replied to a thread" in page
