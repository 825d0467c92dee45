"""One request to HubSpot: the key, the pace that HubSpot allows, JSON, errors in our words.

Belongs here: requests, limits and retries. Does not belong here: what is asked for (`streams`, `source`), what a
refusal means to a person (`refusals`).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import orjson

from pipeline.sources.hubspot.refusals import Refusal, refusal
from pipeline.sources.limits import Patience, Spacing
from pipeline.sources.protocol import Json

if TYPE_CHECKING:
    import httpx

PUBLIC_BASE = "https://api.hubapi.com"
SMALLEST_PER_SECOND = 10.0
"""The smallest allowance of an app, 100 requests in 10 seconds: what is asked before HubSpot has told the app's own."""
LARGEST_PER_SECOND = 1_000.0
"""No allowance is larger; a header that says so is not believed."""
SHARE = 0.98
"""Of the allowance: requests that left evenly spaced arrive less evenly."""
IN_FLIGHT = 24
"""Requests under way at once: enough for 25 a second at nearly a second each."""
CONNECT_SECONDS = 15.0

Fault = Callable[[Json], str | None]
"""What is wrong with an answer, to follow "HubSpot answered ..."; null: nothing."""


def no_list(answer: Json) -> str | None:
    """Whether an answer is no list of objects."""
    return None if isinstance(answer.get("results"), list) else "without a list"


class HubSpotClient:
    """Reads from one portal; open it with `async with`.

    Args:
        key: a service key.
        base: in place of https://api.hubapi.com.
        requests_per_second: at most, whatever HubSpot allows; null: what HubSpot allows.
        patience: how often a request is repeated.
    """

    def __init__(
        self,
        key: str,
        base: str | None = None,
        requests_per_second: float | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.base = (base or PUBLIC_BASE).rstrip("/")
        self.patience = patience or Patience()
        self._most = requests_per_second
        self.pace = Spacing(requests_per_second or SMALLEST_PER_SECOND * SHARE)
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
        self._http: httpx.AsyncClient | None = None
        self.left_today: int | None = None
        """Requests that HubSpot still allows today; null: it does not say."""

    async def __aenter__(self) -> Self:
        import httpx  # noqa: PLC0415 - takes long to load, and only a sync asks

        self._http = httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(self.patience.answer_seconds, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def ask(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        body: Json | None = None,
        fault: Fault = no_list,
    ) -> Json:
        """The JSON object at `path`, by POST where there is a body; asks again while HubSpot is busy or answers wrong.

        Raises:
            SourceError: HubSpot refuses, or gave no right answer in the end; says what to do.
        """
        for attempt in count(1):
            await self.pace.turn()
            sent = time.monotonic()
            answer = await self._once(path, params or {}, body, fault)
            if not isinstance(answer, Refusal):
                self.pace.accepted()
                return answer
            if answer.too_fast:
                self.pace.refused(sent)
            if not answer.passing or attempt >= self.patience.attempts:
                raise refusal(answer, self.base, path)
            await asyncio.sleep(self.patience.seconds(attempt, answer.retry_after))
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self, path: str, params: Mapping[str, str | int], body: Json | None, fault: Fault
    ) -> Json | Refusal:
        import httpx  # noqa: PLC0415 - takes long to load, and only a sync asks

        if self._http is None:
            raise RuntimeError("open the client first: async with client")
        method, content = ("GET", None) if body is None else ("POST", orjson.dumps(body))
        headers = None if body is None else {"Content-Type": "application/json"}
        try:
            async with self._in_flight:
                response = await self._http.request(
                    method, self.base + path, params=params, content=content, headers=headers
                )
        except httpx.HTTPError:
            return Refusal(None)
        self._heed(response.headers)
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not response.is_success:
            return Refusal(response.status_code, response.headers, answer)
        wrong = (
            fault(answer) if isinstance(answer, dict) else "with something that is no JSON object"
        )
        return answer if wrong is None else Refusal(response.status_code, fault=wrong)

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Ask as fast as HubSpot says that this app may, and never faster."""
        left = _number(headers.get("X-HubSpot-RateLimit-Daily-Remaining"))
        self.left_today = self.left_today if left is None else int(left)
        most = _number(headers.get("X-HubSpot-RateLimit-Max"))
        span = _number(headers.get("X-HubSpot-RateLimit-Interval-Milliseconds"))
        if not most or not span or most / span * 1000 > LARGEST_PER_SECOND:
            return
        allowed = most / span * 1000 * SHARE
        self.pace.allowed(allowed if self._most is None else min(allowed, self._most))


def _number(text: Any) -> float | None:
    try:
        found = float(text)
    except (TypeError, ValueError):
        return None
    return found if 0 <= found < float("inf") else None
