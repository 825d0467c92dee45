"""Slack over HTTP: the methods that post and read messages, an incoming webhook, uploads, and a page.

Belongs here: tokens, scopes, methods. Calls are read in `web.slack_requests`, messages are kept in `web.slack_store`,
checked in `web.slack_blocks` and shown by `web.slack_page`.
"""

import threading
from collections.abc import Callable, Mapping

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.sandbox.web import slack_requests as requests
from pipeline.sandbox.web.slack_files import Uploads
from pipeline.sandbox.web.slack_page import page
from pipeline.sandbox.web.slack_requests import SlackRefusal
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
SCOPES: Mapping[str, str] = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "channels:history",
    "conversations.info": "channels:read",
    "conversations.list": "channels:read",
    "conversations.replies": "channels:history",
    "files.completeUploadExternal": "files:write",
    "files.getUploadURLExternal": "files:write",
}
"""What each method needs; the others need nothing."""
ALL_SCOPES = frozenset(SCOPES.values())
BASE = " base"


class SlackApi:
    """Answers `/api/...`, `/services/...` and shows the workspace at `/`.

    Args:
        store: where messages are kept.
        token: the bot token that is accepted.
        conditions: how the service behaves on the day.
        lock: shared with the other services.
        webhook_channel: where the incoming webhook posts.
        scopes: what the token may do.
    """

    def __init__(
        self,
        store: SlackStore,
        token: str,
        conditions: Conditions | None = None,
        lock: Lock | None = None,
        webhook_channel: str = "revenue",
        scopes: frozenset[str] = ALL_SCOPES,
    ) -> None:
        self.store = store
        self.scopes = scopes
        self._uploads = Uploads(store)
        self._token = token
        self._conditions = conditions or Conditions()
        self._lock = lock or threading.RLock()
        self._webhook_channel = webhook_channel
        self._methods: Mapping[str, Callable[[Json], Json]] = {
            "api.test": lambda given: {"args": {k: v for k, v in given.items() if k != BASE}},
            "auth.test": self._auth_test,
            "chat.getPermalink": self._permalink,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "conversations.list": self._list,
            "conversations.replies": self._replies,
            "files.completeUploadExternal": self._share,
            "files.getUploadURLExternal": self._upload_address,
        }

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self.show),
                Route("/api/{method}", self.respond, methods=["GET", "POST"]),
                Route("/services/{path:path}", self.webhook, methods=["POST"]),
                Route("/upload/{file}", self.upload, methods=["POST"]),
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
        given = requests.arguments(request, await request.body())
        # Where this Slack is, as the client reaches it: uploads go there.
        given[BASE] = str(request.url).partition("/api/")[0]

        def answer() -> Response:
            with self._lock:
                try:
                    self._authenticate(request, given)
                    if method not in self._methods:
                        raise SlackRefusal("unknown_method")
                    if SCOPES.get(method, "") not in {"", *self.scopes}:
                        raise SlackRefusal("missing_scope")
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
                    self._post({**requests.content(given), "channel": self._webhook_channel})
                except orjson.JSONDecodeError:
                    return PlainTextResponse("invalid_payload", 400)
                except SlackRefusal as refusal:
                    if refusal.error == "is_archived":
                        return PlainTextResponse("channel_is_archived", 410)
                    return PlainTextResponse(refusal.error, 400)
            return PlainTextResponse("ok")

        return await self._conditions.around(Call("slack", "webhook", ""), answer)

    async def upload(self, request: Request) -> Response:
        """The bytes of a file, at the address that was given for it."""
        body = await request.body()

        def answer() -> Response:
            with self._lock:
                wrong = self._uploads.put(request.path_params["file"], body)
            return PlainTextResponse(wrong or f"OK - {len(body)}", 400 if wrong else 200)

        return await self._conditions.around(Call("slack", "upload", ""), answer)

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
        content = requests.checked(given)
        thread = content.get("thread_ts")
        if thread is not None and channel.find(str(thread)) is None:
            raise SlackRefusal("thread_not_found")
        message = self.store.post(channel, content)
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def _update(self, given: Json) -> Json:
        channel, message = self._message(given, by_id=True)
        content = requests.checked(given)
        self.store.update(message, content)
        text = message.get("text", "")
        return {"channel": channel.id, "ts": message["ts"], "text": text, "message": message}

    def _upload_address(self, given: Json) -> Json:
        found = self._uploads.begin(given, given[BASE])
        if found is None:
            raise SlackRefusal("invalid_arguments")
        return found

    def _share(self, given: Json) -> Json:
        files = given.get("files")
        if not isinstance(files, list) or not files:
            raise SlackRefusal("invalid_arguments")
        if not all(
            isinstance(each, dict) and self._uploads.uploaded(each.get("id")) for each in files
        ):
            raise SlackRefusal("file_not_found")
        channel = self._channel({"channel": given.get("channel_id")}, by_id=True)
        thread = given.get("thread_ts")
        if thread and channel.find(str(thread)) is None:
            raise SlackRefusal("thread_not_found")
        return {"files": self._uploads.share(channel, files, str(thread) if thread else None)}

    def _permalink(self, given: Json) -> Json:
        channel, message = self._message({**given, "ts": given.get("message_ts")})
        link = f"https://sandbox.slack.com/archives/{channel.id}/p{message['ts'].replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    def _info(self, given: Json) -> Json:
        return {"channel": _shown(self._channel(given))}

    def _list(self, given: Json) -> Json:
        hidden = requests.true(given.get("exclude_archived"))
        found = [_shown(each) for each in self.store if not (hidden and each.archived)]
        page_, cursor = requests.cut(found, given)
        return {"channels": page_, "response_metadata": {"next_cursor": cursor}}

    def _history(self, given: Json) -> Json:
        channel = self._channel(given, by_id=True)
        newest_first = [with_thread(channel, each) for each in reversed(channel.top())]
        return requests.messages(newest_first, given)

    def _replies(self, given: Json) -> Json:
        channel, parent = self._message(given, by_id=True, absent="thread_not_found")
        thread = str(parent.get("thread_ts", parent["ts"]))
        first = channel.find(thread) or parent
        return requests.messages([with_thread(channel, first), *channel.thread(thread)], given)

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


def _shown(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": True,
        "is_archived": channel.archived,
        "is_member": True,
        "is_private": False,
    }
