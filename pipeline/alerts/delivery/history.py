"""Looking for a message in Slack.

Belongs here: which channels, threads and pages are read. Does not belong here: what follows from it.
"""

import http.client
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from pipeline.alerts.delivery import answers
from pipeline.alerts.delivery.letters import Outcome, Place

PAGES, PAGE = 50, 200
"""How many messages are looked through."""
MARGIN = timedelta(days=1)
"""Clocks differ: a message is looked for from a day before it was decided."""
NO_OBJECT = (AttributeError, TypeError)
"""slack_sdk takes every answer for an object, and breaks on JSON that is none."""
BROKEN = (OSError, http.client.HTTPException, SlackClientError, ValueError, *NO_OBJECT)

Told = Callable[[Mapping[str, Any]], bool]


class History:
    """What is in the channels that the bot may read."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def first(
        self, channel: str, thread: Place | None, since: datetime | None, told: Told
    ) -> Outcome:
        """The first message of which `told` is true.

        Args:
            channel: id, or name with '#'; a name is looked up.
            thread: a thread to look through first.
            since: the channel is looked through from then on; null: the thread alone is.
            told: whether it is the one.

        Returns:
            sent; absent when all were looked through; unknown where nobody may look; pending where that failed.
        """
        try:
            where = self._id(channel)
            if where is None:
                return Outcome("unknown", error=f"Slack shows no channel {channel}")
            for message in self._messages(where, thread, since):
                if told(message):
                    return Outcome("sent", Place(where, str(message.get("ts"))))
        except _TooLong:
            return Outcome("unknown", error="too many messages to look through")
        except SlackApiError as error:
            found = answers.refused(error)
            forbidden = found.status == "dead"
            return replace(found, status="unknown" if forbidden else "pending")
        except BROKEN as error:
            return Outcome("pending", error=answers.broken(error).error)
        return Outcome("absent")

    def _messages(
        self, channel: str, thread: Place | None, since: datetime | None
    ) -> Iterator[Mapping[str, Any]]:
        if thread is not None:
            yield from self._pages("conversations.replies", channel=channel, ts=thread.ts)
        if since is not None:
            oldest = min(since, datetime.now(UTC)) - MARGIN
            yield from self._pages(
                "conversations.history", channel=channel, oldest=f"{oldest.timestamp():.6f}"
            )

    def _id(self, channel: str) -> str | None:
        """The id of a channel given by name: history wants the id, posting takes either."""
        if not channel.startswith("#"):
            return channel
        if channel not in self._ids:
            pages = self._pages(
                "conversations.list",
                content="channels",
                exclude_archived=True,
                types="public_channel,private_channel",
            )
            self._ids |= {f"#{each.get('name')}": str(each["id"]) for each in pages}
        return self._ids.get(channel)

    def _pages(
        self, method: str, content: str = "messages", **options: Any
    ) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        for _ in range(PAGES):
            page = {"limit": PAGE, "include_all_metadata": True, "cursor": cursor}
            asked = {k: v for k, v in (options | page).items() if v is not None}
            answer = self._client.api_call(method, params=asked)
            yield from answer.get(content) or []
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
        raise _TooLong


class _TooLong(Exception):
    """More messages than are looked through."""
