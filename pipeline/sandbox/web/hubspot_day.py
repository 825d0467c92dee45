"""A day of HubSpot: how many requests it lets through, how long answers take, and what goes wrong.

Belongs here: HubSpot's documented limits with their headers, and spoiling answers by chance. Does not belong here: what
an undisturbed answer holds.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable

import orjson
from starlette.responses import Response

from pipeline.sandbox.web.faults import PAGE, Broken
from pipeline.sandbox.web.world import Call, Conditions, Json

TEN_SECONDS = 10.0
KINDS = ("error", "page", "too many", "cut", "no json", "no list", "no more", "reset")
"""How an answer is spoilt; `no more` leaves out where the next page begins."""


class HubSpotDay(Conditions):
    """Limits, latency and faults of HubSpot; other services are left alone.

    Args:
        allowance: requests of an app in any ten seconds: 100, 190 or 250; null: as many as come.
        daily: requests of the day; null: as many as come.
        searches: requests for a search in any second.
        latency: seconds that an answer takes.
        seed: which answers are spoilt.
        share: how many of them, 0 to 1.
    """

    def __init__(
        self,
        *,
        allowance: int | None = None,
        daily: int | None = None,
        searches: int = 5,
        latency: float = 0.0,
        seed: int = 0,
        share: float = 0.0,
    ) -> None:
        self.allowance, self.daily, self.searches = allowance, daily, searches
        self.latency = latency
        self._draw = random.Random(seed)  # noqa: S311 - draws faults, guards nothing
        self.share = share
        self._times: deque[float] = deque()
        self._searched: deque[float] = deque()
        self.requests = 0
        self.refused: dict[str, int] = {}
        """Policy -> how many requests were over it."""
        self.spoilt: dict[str, int] = dict.fromkeys(KINDS, 0)
        """Kind -> how many answers."""

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        """The answer, a refusal, or what is left of the answer."""
        if call.service != "hubspot":
            return answer()
        self.requests += 1
        policy = self._over(call, time.monotonic())
        if self.latency:
            await asyncio.sleep(self.latency)
        if policy is not None:
            self.refused[policy] = self.refused.get(policy, 0) + 1
            return self._limited(policy)
        if self._draw.random() < self.share:
            kind = self._draw.choice(KINDS)
            self.spoilt[kind] += 1
            return _spoilt(kind, answer())
        response = answer()
        response.headers.update(self._told())
        return response

    def _over(self, call: Call, now: float) -> str | None:
        """The limit that a request is over; null: none."""
        if self.daily is not None and self.requests > self.daily:
            return "DAILY"
        if call.endpoint.endswith("/search"):
            return None if _let(self._searched, self.searches, 1.0, now) else "SECONDLY"
        if self.allowance is None or _let(self._times, self.allowance, TEN_SECONDS, now):
            return None
        return "TEN_SECONDLY_ROLLING"

    def _told(self) -> dict[str, str]:
        told = {}
        if self.allowance is not None:
            told = {
                "X-HubSpot-RateLimit-Max": str(self.allowance),
                "X-HubSpot-RateLimit-Remaining": str(self.allowance - len(self._times)),
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(TEN_SECONDS * 1000)),
            }
        if self.daily is not None:
            told["X-HubSpot-RateLimit-Daily"] = str(self.daily)
            told["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(self.daily - self.requests, 0))
        return told

    def _limited(self, policy: str) -> Response:
        content = {
            "status": "error",
            "message": f"You have reached your {policy.lower()} limit.",
            "errorType": "RATE_LIMIT",
            "policyName": policy,
        }
        headers = self._told() | ({} if policy == "DAILY" else {"Retry-After": "1"})
        return _json(429, content, headers)


def _let(times: deque[float], most: int, span: float, now: float) -> bool:
    """Whether one more request may come in any such span."""
    while times and times[0] <= now - span:
        times.popleft()
    if len(times) >= most:
        return False
    times.append(now)
    return True


def _spoilt(kind: str, whole: Response) -> Response:
    body = bytes(whole.body)
    json = "application/json"
    if kind == "too many":
        content = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
        return _json(429, content, {"Retry-After": "0"})
    made: dict[str, Callable[[], Response]] = {
        "error": lambda: _json(500, {"status": "error", "message": "internal error"}),
        "page": lambda: Response(PAGE, 502, media_type="text/html"),
        "cut": lambda: Response(body[: len(body) * 2 // 3], whole.status_code, media_type=json),
        "no json": lambda: Response(PAGE, 200, media_type="text/html"),
        "no list": lambda: _json(200, {"status": "COMPLETE"}),
        "no more": lambda: _json(whole.status_code, _without_paging(body)),
        "reset": lambda: Broken(body, 200, media_type=json),
    }
    return made[kind]()


def _without_paging(body: bytes) -> Json:
    content: Json = orjson.loads(body)
    return {name: value for name, value in content.items() if name != "paging"}


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
