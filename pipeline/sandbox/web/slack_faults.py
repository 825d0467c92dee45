"""A bad day of the simulated Slack: limits, refusals, and answers that get lost on their way.

Belongs here: spoiling answers, by chance or in a given order. Does not belong here: what an undisturbed answer holds.
"""

import asyncio
import random
from collections.abc import Callable, Iterable

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.sandbox.web.world import Call, Conditions

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
LOST = ("lost", "late", "half", "bad gateway", "no json", "internal_error")
"""It was done, and the answer does not say so."""
REFUSED = ("limited", "unavailable", "error", "cut", "silent")
"""It was not done."""
KINDS = (*LOST, *REFUSED)


class SlackFaults(Conditions):
    """Spoils answers.

    Args:
        seed: which ones.
        share: how many of them, 0 to 1.
        script: faults of the next calls that post, in this order, before chance begins: one of KINDS, a word with which
            Slack refuses, `ok`, or an answer that stands in place of Slack's.
        silence: seconds without an answer, where there is none: longer than the client waits.
        wait: seconds that a limit asks to wait.
    """

    def __init__(
        self,
        seed: int = 0,
        share: float = 0,
        script: Iterable[str | Response] = (),
        silence: float = 1.0,
        wait: int = 0,
    ) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - draws faults, guards nothing
        self.share = share
        self.script = list(script)
        self.of: dict[str, list[str | Response]] = {}
        """Faults of the next calls of a method, as `script` is for those that post."""
        self.spoilt: dict[str, int] = dict.fromkeys(KINDS, 0)
        """Kind -> how many answers."""
        self._silence = silence
        self._wait = wait

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        """The answer, or what is left of it."""
        kind = self._kind(call)
        if kind is None:
            return answer()
        if isinstance(kind, Response):
            return kind
        if kind not in KINDS:
            return _json({"ok": False, "error": kind})
        self.spoilt[kind] += 1
        if kind in REFUSED:
            return await self._refusal(kind)
        return await self._lost(kind, answer())

    def _kind(self, call: Call) -> str | Response | None:
        posts = call.endpoint in {"chat.postMessage", "webhook"}
        given = self.of.get(call.endpoint) or (self.script if posts else [])
        if given:
            kind = given.pop(0)
            return None if kind == "ok" else kind
        if self.script or self._draw.random() >= self.share:
            return None
        return self._draw.choice(KINDS)

    async def _lost(self, kind: str, whole: Response) -> Response:
        if kind == "late":
            await asyncio.sleep(self._silence)
            return whole
        if kind == "internal_error":
            return _json({"ok": False, "error": kind})
        if kind in {"lost", "half"}:
            part = bytes(whole.body)[: len(whole.body) // 2] if kind == "half" else b""
            return Broken(part, len(whole.body))
        return Response(PAGE, 502 if kind == "bad gateway" else 200, media_type="text/html")

    async def _refusal(self, kind: str) -> Response:
        if kind == "silent":
            await asyncio.sleep(self._silence)
        if kind == "limited":
            headers = {"Retry-After": str(self._wait)}
            return _json({"ok": False, "error": "ratelimited"}, 429, headers)
        if kind == "unavailable":
            return _json({"ok": False, "error": "service_unavailable"}, 503)
        if kind == "error":
            return Response(b"Internal Server Error", 500)
        return Broken(b"", 1)


class Broken(Response):
    """An answer whose connection ends before it is whole.

    Args:
        part: what of it arrives.
        length: what was promised.
    """

    def __init__(self, part: bytes, length: int) -> None:
        super().__init__(part, media_type="application/json")
        self.headers["Content-Length"] = str(max(length, len(part) + 1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise the whole body and send the part."""
        del scope, receive
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
