"""Slack with a bot token: posting, looking, changing, attaching.

Belongs here: the Web API's methods. Slack has no idempotency key: a message carries its key as metadata, and after a
failure that may have posted it is looked up before it is posted again. slack_sdk's own retries are off: they would post
twice after a lost acknowledgement.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from pipeline.alerts.delivery import answers
from pipeline.alerts.delivery.attempts import posted, waited
from pipeline.alerts.delivery.history import BROKEN, History
from pipeline.alerts.delivery.letters import Chart, Letter, Outcome, Place
from pipeline.alerts.delivery.uploads import upload

EVENT_TYPE = "expansion_alert"
QUIET = logging.getLogger("expansion.slack")
"""slack_sdk logs every failure, with what it sent; what came of it is kept in the outbox."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class BotPost:
    """The Web API with a bot token."""

    threads = True

    def __init__(self, token: str, api_base: str, timeout: float) -> None:
        self._timeout = timeout
        self._client = WebClient(
            token=token,
            base_url=f"{api_base}/api/",
            timeout=timeout,  # type: ignore[arg-type] # urllib takes fractions as well
            retry_handlers=[],
            logger=QUIET,
        )
        self._history = History(self._client)

    def send(self, letter: Letter) -> Outcome:
        """chat.postMessage."""
        thread = letter.thread
        outcome = posted(
            lambda blocks: _asked(
                lambda: self._client.chat_postMessage(
                    channel=thread.channel if thread else letter.channel,
                    text=letter.text,
                    blocks=list(blocks) or None,
                    thread_ts=thread.ts if thread else None,
                    reply_broadcast=True if thread and letter.broadcast else None,
                    metadata=_metadata(letter.key),
                    unfurl_links=False,
                    unfurl_media=False,
                )
            ),
            letter.blocks,
        )
        if outcome.status == "sent" and outcome.place is None:
            return replace(outcome, status="unknown", error=answers.STRANGE)
        return outcome

    def find(self, letter: Letter, channel_id: str | None) -> Outcome:
        """Look for the letter in its thread and in its channel."""

        def told(message: Mapping[str, Any]) -> bool:
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            return bool(payload.get("key") == letter.key)

        channel = letter.thread.channel if letter.thread else channel_id or letter.channel
        return waited(lambda: self._history.first(channel, letter.thread, letter.since, told))

    def change(self, place: Place, letter: Letter) -> Outcome:
        """chat.update; the message keeps its key."""
        return posted(
            lambda blocks: _asked(
                lambda: self._client.chat_update(
                    channel=place.channel,
                    ts=place.ts,
                    text=letter.text,
                    blocks=list(blocks) or None,
                    metadata=_metadata(letter.key),
                )
            ),
            letter.blocks,
        )

    def attach(self, thread: Place, chart: Chart) -> Outcome:
        """Upload the chart and share it in the thread."""
        return waited(lambda: _asked(lambda: upload(self._client, thread, chart, self._timeout)))

    def attached(self, thread: Place, name: str) -> Outcome:
        """Look for the chart in the thread."""

        def told(message: Mapping[str, Any]) -> bool:
            return any(each.get("name") == name for each in message.get("files") or [])

        return waited(lambda: self._history.first(thread.channel, thread, None, told))


def _asked(ask: Callable[[], Any]) -> Outcome:
    """What came of one call."""
    try:
        answer = ask()
    except SlackApiError as error:
        return answers.refused(error)
    except BROKEN as error:
        return answers.broken(error)
    channel, ts = answer.get("channel"), answer.get("ts")
    return Outcome("sent", Place(str(channel), str(ts)) if channel and ts else None)


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
