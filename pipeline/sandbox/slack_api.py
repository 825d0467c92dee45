"""Slack over HTTP: the methods that post and read messages, an incoming webhook, and a page.

Belongs here: tokens, methods, refusals. Messages are kept in `web.slack_store`, checked in
`web.slack_blocks` and shown by `web.slack_page`.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.sandbox.web import slack_blocks
from pipeline.sandbox.web.slack_page import page
from pipeline.sandbox.web.slack_store import (
    BOT_ID,
    TEAM_ID,
    USER_ID,
    Channel,
    SlackStore,
    with_thread,
)
from pipeline.sandbox.web.world import Call, Conditions, Json, Lock

TEAM = "Sandbox"
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


class SlackApi:
    """Answers `/api/...`, `/services/...` and shows the workspace at `/`.

    Args:
        store: where messages are kept.
        token: the bot token that is accepted.
        conditions: how the service behaves on the day.
        lock: shared with the other services.
        webhook_channel: where the incoming webhook posts.
    """

    def __init__(
        self,
        store: SlackStore,
        token: str,
        conditions: Conditions | None = None,
        lock: Lock | None = None,
        webhook_channel: str = "revenue",
    ) -> None:
        self.store = store
        self._token = token
        self._conditions = conditions or Conditions()
        self._lock = lock or threading.RLock()
        self._webhook_channel = webhook_channel
        self._methods: Mapping[str, Callable[[Json], Json]] = {
            "api.test": lambda given: {"args": given},
            "auth.test": self._auth_test,
            "chat.getPermalink": self._permalink,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "conversations.list": self._list,
            "conversations.replies": self._replies,
        }

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self.show),
                Route("/api/{method}", self.respond, methods=["GET", "POST"]),
                Route("/services/{path:path}", self.webhook, methods=["POST"]),
            ]
        )

    async def show(self, request: Request) -> Response:
        """The page for people."""
        del request
        with self._lock:
            return HTMLResponse(page(TEAM, self.store))

    async def respond(self, request: Request) -> Response:
        """One method call."""
        method = request.path_params["method"]
        given = _given(request, await request.body())

        def answer() -> Response:
            with self._lock:
                try:
                    self._authenticate(request, given)
                    if method not in self._methods:
                        raise SlackRefusal("unknown_method")
                    content = {"ok": True, **self._methods[method](given)}
                except SlackRefusal as refusal:
                    content = refusal.body()
            return Response(orjson.dumps(content), media_type="application/json; charset=utf-8")

        return await self._conditions.around(Call("slack", method, ""), answer)

    async def webhook(self, request: Request) -> Response:
        """An incoming webhook: 200 and `ok`, or a status and one word."""
        body = await request.body()

        def answer() -> Response:
            with self._lock:
                try:
                    given = orjson.loads(body)
                    self._post({**_content(given), "channel": self._webhook_channel})
                except orjson.JSONDecodeError:
                    return PlainTextResponse("invalid_payload", 400)
                except SlackRefusal as refusal:
                    if refusal.error == "is_archived":
                        return PlainTextResponse("channel_is_archived", 410)
                    return PlainTextResponse(refusal.error, 400)
            return PlainTextResponse("ok")

        return await self._conditions.around(Call("slack", "webhook", ""), answer)

    def _authenticate(self, request: Request, given: Json) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token if scheme.lower() == "bearer" else str(given.pop("token", ""))
        if not token:
            raise SlackRefusal("not_authed")
        if token.strip() != self._token:
            raise SlackRefusal("invalid_auth")

    # ---- the methods ---------------------------------------------------------------------------

    def _auth_test(self, given: Json) -> Json:
        del given
        return {
            "url": "https://sandbox.slack.com/",
            "team": TEAM,
            "user": "expansion",
            "team_id": TEAM_ID,
            "user_id": USER_ID,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    def _post(self, given: Json) -> Json:
        channel = self._channel(given, open_new=True)
        if channel.archived:
            raise SlackRefusal("is_archived")
        content = _checked(given)
        thread = content.get("thread_ts")
        if thread is not None and channel.find(str(thread)) is None:
            raise SlackRefusal("thread_not_found")
        message = self.store.post(channel, content)
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def _update(self, given: Json) -> Json:
        channel, message = self._message(given)
        content = _checked(given)
        self.store.update(message, content)
        text = message.get("text", "")
        return {"channel": channel.id, "ts": message["ts"], "text": text, "message": message}

    def _permalink(self, given: Json) -> Json:
        channel, message = self._message({**given, "ts": given.get("message_ts")})
        link = f"https://sandbox.slack.com/archives/{channel.id}/p{message['ts'].replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    def _info(self, given: Json) -> Json:
        return {"channel": _shown(self._channel(given))}

    def _list(self, given: Json) -> Json:
        hidden = _true(given.get("exclude_archived"))
        found = [_shown(each) for each in self.store if not (hidden and each.archived)]
        page_, cursor = _cut(found, given)
        return {"channels": page_, "response_metadata": {"next_cursor": cursor}}

    def _history(self, given: Json) -> Json:
        channel = self._channel(given, by_id=True)
        newest_first = [with_thread(channel, each) for each in reversed(channel.top())]
        return _messages(newest_first, given)

    def _replies(self, given: Json) -> Json:
        channel, parent = self._message(given, by_id=True, absent="thread_not_found")
        thread = str(parent.get("thread_ts", parent["ts"]))
        first = channel.find(thread) or parent
        return _messages([with_thread(channel, first), *channel.thread(thread)], given)

    def _channel(self, given: Json, *, open_new: bool = False, by_id: bool = False) -> Channel:
        name = str(given.get("channel", ""))
        found = self.store.channel(name, open_new=open_new)
        if found is None or (by_id and name != found.id):
            raise SlackRefusal("channel_not_found")
        return found

    def _message(
        self, given: Json, *, by_id: bool = False, absent: str = "message_not_found"
    ) -> tuple[Channel, Json]:
        channel = self._channel(given, by_id=by_id)
        message = channel.find(str(given.get("ts", "")))
        if message is None:
            raise SlackRefusal(absent)
        return channel, message


def _given(request: Request, body: bytes) -> Json:
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
    for name in ("blocks", "attachments", "metadata"):
        if isinstance(given.get(name), str):
            try:
                given[name] = orjson.loads(given[name])
            except orjson.JSONDecodeError:
                given[name] = None
    return given


def _content(given: Json) -> Json:
    return {name: given[name] for name in CONTENT if given.get(name) is not None}


def _checked(given: Json) -> Json:
    """What the message will hold; refused when Slack would refuse it."""
    content = _content(given)
    if "blocks" in content:
        found = slack_blocks.problems(content["blocks"])
        if found:
            raise SlackRefusal("invalid_blocks", found)
        if slack_blocks.size(content["blocks"]) > slack_blocks.MAX_TOTAL:
            raise SlackRefusal("msg_blocks_too_long")
    if not any(content.get(name) for name in ("text", "blocks", "attachments")):
        raise SlackRefusal("no_text")
    content["text"] = str(content.get("text", ""))[:MAX_TEXT]
    if "reply_broadcast" in content:
        content["reply_broadcast"] = _true(content["reply_broadcast"])
    return content


def _shown(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": True,
        "is_archived": channel.archived,
        "is_member": True,
        "is_private": False,
    }


def _true(value: Any) -> bool:
    return value in (True, "1", "true", "True")


def _number(given: Json, name: str, default: int) -> int:
    try:
        return int(given.get(name) or default)
    except ValueError:
        raise SlackRefusal(f"invalid_{name}") from None


def _cut(found: list[Json], given: Json) -> tuple[list[Json], str]:
    """One page, and the cursor of the next; empty when there is none."""
    count = _number(given, "limit", DEFAULT_PAGE)
    if not 1 <= count <= MAX_PAGE:
        raise SlackRefusal("invalid_limit")
    start = _number(given, "cursor", 0)
    following = start + count
    return found[start:following], (str(following) if following < len(found) else "")


def _messages(found: list[Json], given: Json) -> Json:
    """A page of messages between `oldest` and `latest`."""
    oldest = str(given.get("oldest") or "0")
    latest = str(given.get("latest") or "99999999999")
    inclusive = _true(given.get("inclusive"))

    def inside(message: Json) -> bool:
        at = float(message["ts"])
        edge = message["ts"] in {oldest, latest}
        return (edge and inclusive) or (not edge and float(oldest) < at < float(latest))

    shown, cursor = _cut([each for each in found if inside(each)], given)
    if not _true(given.get("include_all_metadata")):
        shown = [{k: v for k, v in each.items() if k != "metadata"} for each in shown]
    content: Json = {"messages": shown, "has_more": bool(cursor)}
    return content | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})
