"""A Slack over HTTP that stores what is posted and can fail as Slack does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
CHANNEL = {"id": "C1", "name": "revenue"}


@dataclass
class SlackStub:
    """What was posted; `faults` are used up, one a post: a status and body, "lost" (posted, then cut) or "cut"."""

    address: str = ""
    messages: list[Json] = field(default_factory=list)
    faults: list[str | tuple[int, Json]] = field(default_factory=list)
    may_look: bool = True

    def post(self, content: Json, *, metadata: bool = True) -> Json:
        ts = f"1700000000.{len(self.messages):06d}"
        kept = content if metadata else {key: content[key] for key in content if key != "metadata"}
        self.messages.append(kept | {"ts": ts})
        return {"ok": True, "ts": ts, "channel": CHANNEL["id"]}


@contextmanager
def slack_stub() -> Iterator[SlackStub]:
    stub = SlackStub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            content = (
                json.loads(body)
                if body.startswith("{")
                else {k: v[0] for k, v in parse_qs(body).items()}
            )
            method = urlsplit(self.path).path.rsplit("/", 1)[-1]
            if method in {"chat.postMessage", "webhook"}:
                self._post(content, webhook=method == "webhook")
            else:
                self._answer(200, ANSWERS[method](stub, content))

        def _post(self, content: Json, *, webhook: bool) -> None:
            fault = stub.faults.pop(0) if stub.faults else None
            if isinstance(fault, tuple):
                return self._answer(*fault)
            if fault == "cut":
                return self._cut()
            answer = stub.post(content, metadata=not webhook)
            if fault == "lost":
                return self._cut()
            return self._answer(200, "ok" if webhook else answer)

        def _cut(self) -> None:
            self.close_connection = True
            self.connection.close()

        def _answer(self, status: int, content: Json | str) -> None:
            body = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a connection that was cut is no news
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _look(stub: SlackStub, content: Json) -> Json:
    if not stub.may_look:
        return {"ok": False, "error": "missing_scope"}
    thread = content.get("ts")
    found = [each for each in stub.messages if thread is None or each.get("thread_ts") == thread]
    return {"ok": True, "messages": [_parsed(each) for each in found]}


def _parsed(message: Json) -> Json:
    metadata = message.get("metadata")
    return message | {"metadata": json.loads(metadata) if isinstance(metadata, str) else metadata}


ANSWERS: dict[str, Callable[[SlackStub, Json], Json]] = {
    "conversations.history": _look,
    "conversations.replies": _look,
    "conversations.list": lambda stub, _: (
        {"ok": True, "channels": [CHANNEL]}
        if stub.may_look
        else {"ok": False, "error": "missing_scope"}
    ),
}
