"""A bad day: requests that fail in every way that a network and a server have, and objects that show late.

Belongs here: spoiling answers by chance. Does not belong here: what an undisturbed answer holds.
"""

import asyncio
import random
from collections.abc import Callable

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.sandbox.web.world import Call, Conditions

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
KINDS = ("error", "page", "too many", "too many overall", "cut", "no json", "reset", "silence")
"""How a request fails."""


class Broken(Response):
    """An answer whose connection ends in the middle."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise the whole body and send half of it."""
        del scope, receive
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Faults(Conditions):
    """Spoils a share of the answers.

    Args:
        seed: which ones.
        share: how many of them, 0 to 1.
        silence: seconds without an answer, where there is none.
        late: seconds after which lists show an object.
    """

    def __init__(self, seed: int, share: float, silence: float = 2.0, late: int = 0) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - draws faults, guards nothing
        self.share = share
        self._silence = silence
        self.late = late
        self.spoilt: dict[str, int] = dict.fromkeys(KINDS, 0)
        """Kind -> how many answers."""

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        """The answer, or what is left of it."""
        del call
        if self._draw.random() >= self.share:
            return answer()
        kind = self._draw.choice(KINDS)
        self.spoilt[kind] += 1
        if kind == "silence":
            await asyncio.sleep(self._silence)
            return Response(status_code=504)
        return _spoilt(kind, answer())

    def horizon(self, collection: str, now: int) -> int:
        """Nothing younger than `late` is in any list."""
        del collection
        return now - self.late


def _spoilt(kind: str, whole: Response) -> Response:
    body = bytes(whole.body)
    if kind == "error":
        return _json(500, {"error": {"type": "api_error", "message": "Something went wrong."}})
    if kind == "page":
        return Response(PAGE, 502, media_type="text/html")
    if kind.startswith("too many"):
        reason = "global-rate" if kind.endswith("overall") else "endpoint-rate"
        headers = {"Stripe-Rate-Limited-Reason": reason, "Retry-After": "0"}
        return _json(429, {"error": {"message": "Request rate limit exceeded."}}, headers)
    if kind == "cut":
        return Response(body[: len(body) * 2 // 3], 200, media_type="application/json")
    if kind == "no json":
        return Response(PAGE, 200, media_type="text/html")
    return Broken(body, 200, media_type="application/json")


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
