"""The messages of the simulated Slack, in memory and, if asked, in one JSON file.

Belongs here: channels, messages, threads, time stamps. Does not belong here: HTTP, blocks, HTML.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pipeline.sandbox.web.world import Json

MICRO = 1_000_000
CHANNELS = ("general", "revenue", "data-ops")
TEAM_ID = "T0SANDBOX01"
BOT_ID = "B0SANDBOX01"
USER_ID = "U0SANDBOX01"
APP_ID = "A0SANDBOX01"
BOT_NAME = "Expansion"


@dataclass(slots=True)
class Channel:
    """One channel; its id follows from its name."""

    id: str
    name: str
    archived: bool = False
    messages: list[Json] = field(default_factory=list)
    """As posted, replies too, oldest first."""

    def find(self, ts: str) -> Json | None:
        """The message with this time stamp."""
        return next((each for each in self.messages if each["ts"] == ts), None)

    def thread(self, ts: str) -> list[Json]:
        """The replies to a message, oldest first."""
        return [each for each in self.messages if _is_reply(each) and each["thread_ts"] == ts]

    def top(self) -> list[Json]:
        """The messages outside threads, and the replies that were also sent to the channel."""
        return [
            each
            for each in self.messages
            if not _is_reply(each) or each.get("subtype") == "thread_broadcast"
        ]


class SlackStore:
    """A workspace.

    Args:
        path: the JSON file that is read at first and written after each change; None for none.
        clock: Unix seconds; time stamps follow it and never repeat.
        channels: the channels that are there.
        opens: whether posting to another name opens that channel, or is refused.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float],
        channels: Iterable[str] = CHANNELS,
        *,
        opens: bool = True,
    ) -> None:
        self._path = path
        self._clock = clock
        self._opens = opens
        self._last = 0
        self._channels: dict[str, Channel] = {}
        self.files: dict[str, Json] = {}
        """Files by their id, with their content (base64; null until it is uploaded)."""
        for name in channels:
            self._open(name)
        if path is not None and path.exists():
            self._load(orjson.loads(path.read_bytes()))

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._channels.values())

    def channel(self, name_or_id: str, *, open_new: bool = False) -> Channel | None:
        """The channel by id, or by name with or without '#'."""
        if name_or_id in self._channels:
            return self._channels[name_or_id]
        name = name_or_id.removeprefix("#")
        found = next((each for each in self if each.name == name), None)
        looks_like_id = name_or_id[:1] in {"C", "D", "G"} and name_or_id.isupper()
        if found is None and open_new and self._opens and name and not looks_like_id:
            return self._open(name)
        return found

    def archive(self, name: str) -> None:
        """Nobody can post to the channel any more."""
        channel = self.channel(name)
        if channel is None:
            raise KeyError(name)
        channel.archived = True
        self._save()

    def post(self, channel: Channel, content: Json) -> Json:
        """Keep a new message and return it as Slack does; `content` is what the client sent."""
        message = {
            "type": "message",
            "user": USER_ID,
            "bot_id": BOT_ID,
            "app_id": APP_ID,
            "team": TEAM_ID,
            "ts": self._stamp(),
            **content,
        }
        if message.get("thread_ts") is not None and message.pop("reply_broadcast", False):
            message["subtype"] = "thread_broadcast"
        channel.messages.append(message)
        self._save()
        return message

    def update(self, message: Json, content: Json) -> None:
        """Change a message; what `content` does not name stays."""
        message.update(content)
        message["edited"] = {"user": USER_ID, "ts": self._stamp()}
        self._save()

    def keep_file(self, file: Json) -> None:
        """Keep a file, or what became of it."""
        self.files[file["id"]] = file
        self._save()

    def _open(self, name: str) -> Channel:
        number = zlib.crc32(name.encode()) % 36**7
        digits = "".join(
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number // 36**place % 36] for place in range(7)
        )
        channel = Channel(f"C0S{digits}", name)
        self._channels[channel.id] = channel
        return channel

    def _stamp(self) -> str:
        self._last = max(self._last + 1, int(self._clock() * MICRO))
        return f"{self._last // MICRO}.{self._last % MICRO:06d}"

    def _load(self, saved: dict[str, Any]) -> None:
        self.files = saved.get("files", {})
        for each in saved["channels"]:
            self._channels[each["id"]] = Channel(**each)
            for message in each["messages"]:
                seconds, _, micros = message["ts"].partition(".")
                self._last = max(self._last, int(seconds) * MICRO + int(micros))

    def _save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        saved = {"channels": list(self), "files": self.files}
        fresh.write_bytes(orjson.dumps(saved, option=orjson.OPT_INDENT_2))
        fresh.replace(self._path)


def _is_reply(message: Json) -> bool:
    return message.get("thread_ts") not in {None, message["ts"]}


def with_thread(channel: Channel, message: Json) -> Json:
    """The message as history shows it: a parent says how many replies it has."""
    replies = channel.thread(message["ts"])
    if not replies:
        return message
    return {
        **message,
        "thread_ts": message["ts"],
        "reply_count": len(replies),
        "reply_users_count": 1,
        "reply_users": [USER_ID],
        "latest_reply": replies[-1]["ts"],
    }
