"""The simulated Slack through slack_sdk, and its page as a person sees it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError

from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SLACK_TOKEN, SandboxServer
from pipeline.sandbox.web.slack_mrkdwn import html

END = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
BLOCKS: list[dict[str, Any]] = [
    {"type": "header", "text": {"type": "plain_text", "text": "Expansion rate is low"}},
    {"type": "section", "text": {"type": "mrkdwn", "text": "It was *0.5%*, AT&amp;T &lt;3"}},
    {
        "type": "section",
        "fields": [
            {"type": "mrkdwn", "text": "*Figure*\n0.5%"},
            {"type": "mrkdwn", "text": "*Threshold*\n2%"},
        ],
    },
    {"type": "divider"},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": "Open"},
                "url": "https://run.example/?a=1&b=2",
            }
        ],
    },
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "rule `floor`"}]},
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxServer]:
    company = Company(1, customers=2, months=2, end=END)
    company.advance(END)
    with SandboxServer(company, slack_store=tmp_path / "slack" / "messages.json") as server:
        yield server


@pytest.fixture
def slack(server: SandboxServer) -> WebClient:
    return WebClient(SLACK_TOKEN, base_url=f"{server.slack_url}/api/", retry_handlers=[])


def refused(error: SlackApiError) -> str:
    return str(error.response["error"])


def test_who_am_i(slack: WebClient) -> None:
    assert slack.auth_test()["bot_id"]


@pytest.mark.parametrize(("token", "error"), [("xoxb-wrong", "invalid_auth"), ("", "not_authed")])
def test_wrong_tokens(server: SandboxServer, token: str, error: str) -> None:
    client = WebClient(token, base_url=f"{server.slack_url}/api/", retry_handlers=[])
    with pytest.raises(SlackApiError) as info:
        client.chat_postMessage(channel="#revenue", text="x")
    assert refused(info.value) == error


def test_messages_are_kept_in_order_with_times_of_their_own(slack: WebClient) -> None:
    stamps = [
        slack.chat_postMessage(channel="#revenue", text=f"number {number}")["ts"]
        for number in range(5)
    ]
    assert stamps == sorted(set(stamps))
    assert stamps[0].startswith(f"{int(END.timestamp())}.")
    channel = slack.chat_postMessage(channel="revenue", text="number 5")["channel"]
    history = slack.conversations_history(channel=channel)
    texts = [each["text"] for each in history["messages"]]
    assert texts == [f"number {number}" for number in range(5, -1, -1)]
    since = slack.conversations_history(channel=channel, oldest=stamps[3])
    assert [each["text"] for each in since["messages"]] == ["number 5", "number 4"]
    with_edge = slack.conversations_history(channel=channel, oldest=stamps[4], inclusive=True)
    assert len(with_edge["messages"]) == 2


def test_history_comes_in_pages(slack: WebClient) -> None:
    for number in range(5):
        channel = slack.chat_postMessage(channel="#revenue", text=str(number))["channel"]
    found = [
        each["text"]
        for page in slack.conversations_history(channel=channel, limit=2)
        for each in page["messages"]
    ]
    assert found == ["4", "3", "2", "1", "0"]
    with pytest.raises(SlackApiError) as info:
        slack.conversations_history(channel="#revenue")
    assert refused(info.value) == "channel_not_found"


def test_metadata_only_when_asked_for(slack: WebClient) -> None:
    metadata = {"event_type": "alert", "event_payload": {"key": "k1"}}
    channel = slack.chat_postMessage(channel="#revenue", text="x", metadata=metadata)["channel"]
    plain = slack.conversations_history(channel=channel)["messages"][0]
    assert "metadata" not in plain
    full = slack.conversations_history(channel=channel, include_all_metadata=True)["messages"][0]
    assert full["metadata"] == metadata


def test_threads(slack: WebClient) -> None:
    parent = slack.chat_postMessage(channel="#revenue", text="parent")
    channel, ts = parent["channel"], parent["ts"]
    slack.chat_postMessage(channel=channel, thread_ts=ts, text="first")
    slack.chat_postMessage(channel=channel, thread_ts=ts, text="loud", reply_broadcast=True)
    history = slack.conversations_history(channel=channel)["messages"]
    assert [each["text"] for each in history] == ["loud", "parent"]
    assert history[1]["reply_count"] == 2
    replies = slack.conversations_replies(channel=channel, ts=ts)["messages"]
    assert [each["text"] for each in replies] == ["parent", "first", "loud"]
    with pytest.raises(SlackApiError) as info:
        slack.conversations_replies(channel=channel, ts="1.000001")
    assert refused(info.value) == "thread_not_found"


def test_updates(slack: WebClient) -> None:
    posted = slack.chat_postMessage(channel="#revenue", text="before", blocks=BLOCKS)
    channel, ts = posted["channel"], posted["ts"]
    slack.chat_update(channel=channel, ts=ts, text="after", blocks=BLOCKS[:1])
    message = slack.conversations_history(channel=channel)["messages"][0]
    assert (message["text"], len(message["blocks"]), message["ts"]) == ("after", 1, ts)
    assert "edited" in message
    assert slack.chat_getPermalink(channel=channel, message_ts=ts)["permalink"]
    with pytest.raises(SlackApiError) as info:
        slack.chat_update(channel=channel, ts="1.000001", text="x")
    assert refused(info.value) == "message_not_found"


def test_channels(slack: WebClient, server: SandboxServer) -> None:
    slack.chat_postMessage(channel="#finance", text="opens the channel")
    names = {each["name"] for each in slack.conversations_list(limit=200)["channels"]}
    assert names == {"general", "revenue", "data-ops", "finance"}
    server.store.archive("finance")
    left = slack.conversations_list(exclude_archived=True)["channels"]
    assert "finance" not in {each["name"] for each in left}
    for channel, error in (("#finance", "is_archived"), ("C0NOSUCH", "channel_not_found")):
        with pytest.raises(SlackApiError) as info:
            slack.chat_postMessage(channel=channel, text="x")
        assert refused(info.value) == error


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def head(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


@pytest.mark.parametrize(
    ("blocks", "pointer"),
    [
        ([{"type": "divider"}] * 51, "/blocks"),
        ([head("x" * 151)], "/blocks/0/text/text"),
        ([head("ok"), section("x" * 3001)], "/blocks/1/text/text"),
        ([section("")], "/blocks/0/text/text"),
        ([{"type": "section"}], "/blocks/0"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "/blocks/0/text/type"),
        ([{"type": "section", "fields": [section("x")["text"]] * 11}], "/blocks/0/fields"),
        (
            [{"type": "section", "fields": [section("x" * 2001)["text"]]}],
            "/blocks/0/fields/0/text",
        ),
        ([{"type": "context", "elements": []}], "/blocks/0/elements"),
        ([{"type": "carousel"}], "/blocks/0/type"),
    ],
)
def test_blocks_that_slack_refuses(
    slack: WebClient, blocks: list[dict[str, Any]], pointer: str
) -> None:
    with pytest.raises(SlackApiError) as info:
        slack.chat_postMessage(channel="#revenue", text="x", blocks=blocks)
    assert refused(info.value) == "invalid_blocks"
    told = info.value.response["response_metadata"]["messages"]
    assert any(f"[json-pointer:{pointer}]" in each for each in told)


def test_other_refusals(slack: WebClient) -> None:
    for content, error in (
        ({"text": ""}, "no_text"),
        ({"text": "x", "blocks": [section("x" * 3000)] * 5}, "msg_blocks_too_long"),
        ({"text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
    ):
        with pytest.raises(SlackApiError) as info:
            slack.api_call("chat.postMessage", json={"channel": "#revenue", **content})
        assert refused(info.value) == error
    with pytest.raises(SlackApiError) as info:
        slack.api_call("chat.shout")
    assert refused(info.value) == "unknown_method"


def test_the_webhook_posts_too(server: SandboxServer) -> None:
    webhook = WebhookClient(server.slack_webhook_url)
    assert webhook.send(text="from the webhook", blocks=BLOCKS).body == "ok"
    assert webhook.send(text="x", blocks=[{"type": "section"}]).status_code == 400
    assert "from the webhook" not in httpx.get(server.slack_page_url).text
    revenue = server.store.channel("revenue")
    assert revenue is not None
    assert [each["text"] for each in revenue.messages] == ["from the webhook"]


def test_forms_are_read_as_well_as_json(server: SandboxServer) -> None:
    answer = httpx.post(
        f"{server.slack_url}/api/chat.postMessage",
        data={"token": SLACK_TOKEN, "channel": "#revenue", "blocks": '[{"type": "divider"}]'},
    )
    assert answer.json()["message"]["blocks"] == [{"type": "divider"}]


# the page


def test_the_page_shows_what_was_posted(slack: WebClient, server: SandboxServer) -> None:
    ts = slack.chat_postMessage(channel="#revenue", text="fallback", blocks=BLOCKS)["ts"]
    slack.chat_postMessage(channel="#revenue", thread_ts=ts, text="a reply <script>")
    page = httpx.get(server.slack_page_url).text
    assert ">Expansion rate is low</div>" in page
    assert "It was <strong>0.5%</strong>, AT&amp;T &lt;3" in page
    assert "<strong>Threshold</strong><br>2%" in page
    assert 'href="https://run.example/?a=1&amp;b=2"' in page
    assert "rule <code>floor</code>" in page
    assert "1 reply" in page
    assert "a reply &lt;script&gt;" in page
    assert "Monday, 23 November 2026" in page
    assert "09:30 UTC" in page
    assert "<script" not in page
    assert "fallback" not in page


def test_messages_outlive_the_server(slack: WebClient, server: SandboxServer) -> None:
    posted = slack.chat_postMessage(channel="#revenue", text="kept", blocks=BLOCKS)
    server.stop()
    path = Path(str(server.store._path))  # noqa: SLF001
    with SandboxServer(None, slack_store=path) as again:
        assert "Expansion rate is low" in httpx.get(again.slack_page_url).text
        client = WebClient(SLACK_TOKEN, base_url=f"{again.slack_url}/api/")
        later = client.chat_postMessage(channel=posted["channel"], text="later")
        assert float(later["ts"]) > float(posted["ts"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _it_ ~no~", "<strong>bold</strong> <em>it</em> <s>no</s>"),
        ("2 * 3 * 4 and a_b_c", "2 * 3 * 4 and a_b_c"),
        ("`*raw*`", "<code>*raw*</code>"),
        ("```a\n*b*```", "<pre>a\n*b*</pre>"),
        (
            "<https://x.example/a_b_c|What *to* do>",
            '<a href="https://x.example/a_b_c" rel="noreferrer">What *to* do</a>',
        ),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
        ("<!channel> <#C1|revenue>", None),
        ("a &amp; b &lt; c", "a &amp; b &lt; c"),
        ('<img src=x> "q"', "&lt;img src=x&gt; &quot;q&quot;"),
        ("&gt; said\nanswer", "<blockquote>said</blockquote>answer"),
        ("one\ntwo", "one<br>two"),
        (":warning: 10:30:45", "⚠️ 10:30:45"),
    ],
)
def test_mrkdwn(text: str, shown: str | None) -> None:
    if shown is None:
        assert html(text).count('class="mention"') == 2
    else:
        assert html(text) == shown


@pytest.mark.browser
def test_the_page_in_a_browser(
    slack: WebClient, server: SandboxServer, browser: Any, tmp_path: Path
) -> None:
    slack.chat_postMessage(channel="#revenue", text="fallback", blocks=BLOCKS)
    assert "Expansion rate is low" in browser.html(server.slack_page_url)
    picture = tmp_path / "slack.png"
    browser.screenshot(server.slack_page_url, picture)
    assert picture.stat().st_size > 10_000
