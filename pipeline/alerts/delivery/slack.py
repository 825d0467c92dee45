"""Slack's side: one attempt to post, and what came of it.

Belongs here: slack_sdk, and which failure means what. Slack has no idempotency key: a message carries its key as
metadata, and after a failure that may have posted it is looked up in the channel before it is posted again. slack_sdk's
own retries of lost connections would post twice, so only rate limits are retried.
"""

import http.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.error import URLError

from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

PUBLIC_BASE = "https://slack.com"
TIMEOUT_SECONDS = 10
RATE_LIMIT_RETRIES = 3
EVENT_TYPE = "expansion_alert"
PAGES, PAGE = 5, 200
"""How far back a message is looked for."""
PASSING = frozenset({"service_unavailable", "team_added_to_org", "accesslimited"})
"""Refusals that go away: nothing was posted."""
DOUBTFUL = frozenset({"internal_error", "fatal_error", "request_timeout"})
"""Errors after which it may have been posted."""
RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
SERVER, OK = 500, 200


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """Where messages go.

    Attributes:
        token: bot token.
        webhook: incoming webhook, where there is no token: one channel, no threads, no look-up.
        api_base: in place of https://slack.com, without `/api/`.
    """

    token: str | None = field(default=None, repr=False)
    webhook: str | None = field(default=None, repr=False)
    api_base: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way."""

    key: str
    channel: str
    text: str
    blocks: tuple[Mapping[str, Any], ...]
    thread_ts: str | None = None
    doubtful: bool = False
    """It may have been posted before, and nobody can look."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        status: sent; pending (it certainly was not posted; try later); unknown (it may have been); dead.
        ts: the message's timestamp.
        channel: the channel's id, as Slack gives it.
        error: what Slack said.
        wait: seconds to wait before the next attempt.
    """

    status: Literal["sent", "pending", "unknown", "dead"]
    ts: str | None = None
    channel: str | None = None
    error: str | None = None
    wait: float | None = None


class Post(Protocol):
    """A way to Slack."""

    def send(self, letter: Letter) -> Outcome:
        """Post the letter."""

    def find(self, letter: Letter, channel_id: str | None) -> Outcome | None:
        """The letter if it was posted; None if it was not.

        `unknown` where nobody may look, `pending` where looking failed this time.
        """


def connect(config: SlackConfig) -> Post | None:
    """The way that the credentials open; None without credentials."""
    if config.token:
        return BotPost(config.token, config.api_base or PUBLIC_BASE)
    return WebhookPost(config.webhook) if config.webhook else None


class BotPost:
    """chat.postMessage with a bot token."""

    def __init__(self, token: str, api_base: str) -> None:
        self._client = WebClient(
            token=token,
            base_url=f"{api_base}/api/",
            timeout=TIMEOUT_SECONDS,
            retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=RATE_LIMIT_RETRIES)],
        )

    def send(self, letter: Letter) -> Outcome:
        """Post the letter; a failure after which nobody knows whether it was posted is `unknown`."""
        text = f"(possible duplicate) {letter.text}" if letter.doubtful else letter.text
        try:
            answer = self._client.chat_postMessage(
                channel=letter.channel,
                text=text,
                blocks=[dict(block) for block in letter.blocks] + _doubt(letter),
                thread_ts=letter.thread_ts,
                metadata={"event_type": EVENT_TYPE, "event_payload": {"key": letter.key}},
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiError as error:
            return _refused(error)
        except (OSError, http.client.HTTPException, SlackClientError) as error:
            return _broken(error)
        return Outcome("sent", ts=answer.get("ts"), channel=answer.get("channel"))

    def find(self, letter: Letter, channel_id: str | None) -> Outcome | None:
        """Look for the letter in its channel, or in its thread."""
        channel = channel_id or self._channel_id(letter.channel)
        if channel is None:
            return Outcome("unknown", error="the channel cannot be looked into")
        try:
            for message in self._messages(channel, letter.thread_ts):
                told = (message.get("metadata") or {}).get("event_payload") or {}
                if told.get("key") == letter.key:
                    return Outcome("sent", ts=message.get("ts"), channel=channel)
        except SlackApiError as error:
            forbidden = _refused(error).status == "dead"
            return Outcome("unknown" if forbidden else "pending", error=_error(error))
        except (OSError, http.client.HTTPException, SlackClientError) as error:
            return Outcome("pending", error=_name(error))
        return None

    def _messages(self, channel: str, thread_ts: str | None) -> Iterable[Mapping[str, Any]]:
        cursor: str | None = None
        for _ in range(PAGES):
            options: dict[str, Any] = {
                "limit": PAGE,
                "include_all_metadata": True,
                "cursor": cursor,
            }
            answer = (
                self._client.conversations_replies(channel=channel, ts=thread_ts, **options)
                if thread_ts
                else self._client.conversations_history(channel=channel, **options)
            )
            yield from answer.get("messages") or []
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    def _channel_id(self, channel: str) -> str | None:
        """The id of a channel given by name: history wants the id, posting takes either."""
        if not channel.startswith("#"):
            return channel
        cursor: str | None = None
        try:
            for _ in range(PAGES):
                answer = self._client.conversations_list(
                    limit=PAGE,
                    cursor=cursor,
                    exclude_archived=True,
                    types="public_channel,private_channel",
                )
                for each in answer.get("channels") or []:
                    if each.get("name") == channel[1:]:
                        return str(each["id"])
                cursor = (answer.get("response_metadata") or {}).get("next_cursor")
                if not cursor:
                    return None
        except (SlackApiError, OSError, http.client.HTTPException, SlackClientError):
            return None
        return None


class WebhookPost:
    """An incoming webhook: a fixed channel, no timestamp, no thread, nothing to look up."""

    def __init__(self, url: str) -> None:
        self._client = WebhookClient(
            url,
            timeout=TIMEOUT_SECONDS,
            retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=RATE_LIMIT_RETRIES)],
        )

    def send(self, letter: Letter) -> Outcome:
        """Post the letter as a new message."""
        text = f"(possible duplicate) {letter.text}" if letter.doubtful else letter.text
        try:
            answer = self._client.send(
                text=text, blocks=[dict(block) for block in letter.blocks] + _doubt(letter)
            )
        except (OSError, http.client.HTTPException, SlackClientError) as error:
            return _broken(error)
        if answer.status_code == OK:
            return Outcome("sent")
        if answer.status_code == http.HTTPStatus.TOO_MANY_REQUESTS:
            return Outcome("pending", error="ratelimited")
        status: Literal["unknown", "dead"] = "unknown" if answer.status_code >= SERVER else "dead"
        return Outcome(status, error=f"HTTP {answer.status_code} {answer.body[:200]}")

    def find(self, letter: Letter, channel_id: str | None) -> Outcome | None:
        """A webhook cannot look."""
        del letter, channel_id
        return Outcome("unknown", error="a webhook cannot look")


def _doubt(letter: Letter) -> list[dict[str, Any]]:
    if not letter.doubtful:
        return []
    element = {
        "type": "mrkdwn",
        "text": "possible duplicate: Slack did not confirm the first attempt",
    }
    return [{"type": "context", "elements": [element]}]


def _refused(error: SlackApiError) -> Outcome:
    """Slack answered, and did not say ok."""
    said, status = _error(error), getattr(error.response, "status_code", OK)
    if status == http.HTTPStatus.TOO_MANY_REQUESTS or said in RATE_LIMITED:
        headers = getattr(error.response, "headers", None) or {}
        wait = headers.get("Retry-After") or headers.get("retry-after")
        return Outcome("pending", error=said, wait=float(wait) if wait else None)
    if status >= SERVER or said in DOUBTFUL:
        return Outcome("unknown", error=said)
    return Outcome("pending" if said in PASSING else "dead", error=said)


def _broken(error: Exception) -> Outcome:
    """The connection failed: refused before anything was sent, or broken after."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ConnectionRefusedError) or type(cause).__name__ == "gaierror":
        return Outcome("pending", error=_name(error))
    return Outcome("unknown", error=_name(error))


def _error(error: SlackApiError) -> str:
    response = error.response
    said = response.get("error") if hasattr(response, "get") else None
    return str(said or f"HTTP {getattr(response, 'status_code', 'without an answer')}")


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
