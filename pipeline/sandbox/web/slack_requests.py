"""What a call to the simulated Slack asks, as Slack reads it, and pages of an answer.

Belongs here: arguments, the content of a message, refusals. Does not belong here: what a method does.
"""

from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request

from pipeline.sandbox.web import slack_blocks
from pipeline.sandbox.web.world import Json

MAX_TEXT = 40_000
MAX_PAGE = 999
DEFAULT_PAGE = 100
CONTENT = ("text", "blocks", "attachments", "metadata", "thread_ts", "reply_broadcast")


class SlackRefusal(Exception):
    """A call that Slack answers with `ok: false`."""

    def __init__(self, error: str, messages: list[str] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages

    def body(self) -> Json:
        """The answer."""
        content: Json = {"ok": False, "error": self.error}
        if self.messages:
            content["errors"] = self.messages
            content["response_metadata"] = {"messages": self.messages}
        return content


def arguments(request: Request, body: bytes) -> Json:
    """The arguments: of the address, and of a JSON or form body."""
    given: Json = dict(request.query_params)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if kind == "application/json" and body:
        try:
            given |= orjson.loads(body)
        except (orjson.JSONDecodeError, TypeError):
            return given
    elif kind == "application/x-www-form-urlencoded":
        given |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    for name in ("blocks", "attachments", "metadata", "files"):
        if isinstance(given.get(name), str):
            try:
                given[name] = orjson.loads(given[name])
            except orjson.JSONDecodeError:
                given[name] = None
    return given


def content(given: Json) -> Json:
    """Of the arguments those that a message holds."""
    return {name: given[name] for name in CONTENT if given.get(name) is not None}


def checked(given: Json) -> Json:
    """What the message will hold; refused when Slack would refuse it."""
    kept = content(given)
    if "blocks" in kept:
        found = slack_blocks.problems(kept["blocks"])
        if found:
            raise SlackRefusal("invalid_blocks", found)
        if slack_blocks.size(kept["blocks"]) > slack_blocks.MAX_TOTAL:
            raise SlackRefusal("msg_blocks_too_long")
    if not any(kept.get(name) for name in ("text", "blocks", "attachments")):
        raise SlackRefusal("no_text")
    kept["text"] = str(kept.get("text", ""))[:MAX_TEXT]
    if "reply_broadcast" in kept:
        kept["reply_broadcast"] = true(kept["reply_broadcast"])
    return kept


def true(value: Any) -> bool:
    """Slack's ways of saying yes."""
    return value in (True, "1", "true", "True")


def _number(given: Json, name: str, default: int) -> int:
    try:
        return int(given.get(name) or default)
    except ValueError:
        raise SlackRefusal(f"invalid_{name}") from None


def cut(found: list[Json], given: Json) -> tuple[list[Json], str]:
    """One page, and the cursor of the next; empty when there is none."""
    count = _number(given, "limit", DEFAULT_PAGE)
    if not 1 <= count <= MAX_PAGE:
        raise SlackRefusal("invalid_limit")
    start = _number(given, "cursor", 0)
    following = start + count
    return found[start:following], (str(following) if following < len(found) else "")


def messages(found: list[Json], given: Json) -> Json:
    """A page of messages between `oldest` and `latest`."""
    oldest = str(given.get("oldest") or "0")
    latest = str(given.get("latest") or "99999999999")
    inclusive = true(given.get("inclusive"))

    def inside(message: Json) -> bool:
        at = float(message["ts"])
        edge = message["ts"] in {oldest, latest}
        return (edge and inclusive) or (not edge and float(oldest) < at < float(latest))

    shown, cursor = cut([each for each in found if inside(each)], given)
    if not true(given.get("include_all_metadata")):
        shown = [{k: v for k, v in each.items() if k != "metadata"} for each in shown]
    page: Json = {"messages": shown, "has_more": bool(cursor)}
    return page | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})
