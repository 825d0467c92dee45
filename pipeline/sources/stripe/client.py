"""One request to Stripe: authentication, version, JSON as it came, errors in our words.

Belongs here: requests, limits and retries. Does not belong here: what is asked for (`pipeline.sources.stripe.source`),
what a refusal means to a person (`refusals`). The official SDK is not asked: it parses each answer twice and never
repeats a request that came too fast. No message ever holds the key.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
import orjson

from pipeline.sources.limits import Pace, Patience
from pipeline.sources.stripe.refusals import REDIRECT, Refusal, endpoint_of, refusal

if TYPE_CHECKING:
    import aiohttp

API_VERSION = "2026-10-28.endive"
PUBLIC_BASE = "https://api.stripe.com"
ENDPOINT_PER_SECOND = 25.0
OVERALL_PER_SECOND = 100.0
SANDBOX_PER_SECOND = 25.0
"""Stripe's limits: of one endpoint, overall, and overall in a sandbox."""
IN_FLIGHT = 32
"""Requests under way at once: enough for the limits above at a third of a second each."""
CONNECT_SECONDS = 15.0

Params = Mapping[str, str | int | tuple[str, ...]]
Decode = Callable[[bytes], Any]
"""From the body of an answer; raises msgspec's errors where it is no JSON, or another one than expected."""
OBJECT = msgspec.json.Decoder(dict[str, Any]).decode
"""Any JSON object."""


class StripeClient:
    """Reads from one Stripe account; open it with `async with`.

    Args:
        key: a secret or restricted key.
        base: in place of https://api.stripe.com.
        account: a Connect or organisation account; null for the key's own.
        requests_per_second: over all endpoints. Up to Stripe's own 100 a sandbox gets 25; above it the server is
            another one, and the endpoints follow in proportion.
        patience: how often a request is repeated.
    """

    def __init__(
        self,
        key: str,
        *,
        base: str | None = None,
        account: str | None = None,
        requests_per_second: float = OVERALL_PER_SECOND,
        patience: Patience | None = None,
    ) -> None:
        self.base = (base or PUBLIC_BASE).rstrip("/")
        self.patience = patience or Patience()
        overall = requests_per_second
        if "_test_" in key and overall <= OVERALL_PER_SECOND:
            overall = min(overall, SANDBOX_PER_SECOND)
        self.pace = Pace(overall, max(min(ENDPOINT_PER_SECOND, overall), overall / 4))
        self._headers = {"Authorization": f"Bearer {key}", "Stripe-Version": API_VERSION}
        if account:
            self._headers["Stripe-Account"] = account
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp  # noqa: PLC0415 - takes long to load, and only a sync asks

        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(self.patience.answer_seconds, CONNECT_SECONDS),
            connector=aiohttp.TCPConnector(limit=IN_FLIGHT),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=_proxy(self.base),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, params: Params | None = None, decode: Decode = OBJECT) -> Any:
        """What `decode` makes of the JSON at `path`; asks again while Stripe is busy or does not answer.

        Raises:
            SourceError: Stripe refuses, or did not answer in the end; says what to do.
        """
        endpoint = endpoint_of(path)
        for attempt in count(1):
            await self.pace.turn(endpoint)
            sent = time.monotonic()
            answer = await self._ask(path, params, decode)
            if not isinstance(answer, Refusal):
                self.pace.accepted(endpoint)
                return answer
            if answer.too_fast:
                spacing = self.pace.overall if answer.overall else self.pace.endpoint(endpoint)
                spacing.refused(sent)
            if not answer.passing or attempt >= self.patience.attempts:
                raise refusal(answer, self.base, path)
            await asyncio.sleep(self.patience.seconds(attempt, answer.retry_after))
        raise AssertionError("the last attempt returns or raises")

    async def date(self) -> datetime | None:
        """What Stripe's clock shows, to the second; null where it does not answer or does not say."""
        import aiohttp  # noqa: PLC0415 - takes long to load, and only a sync asks

        if self._session is None:
            raise RuntimeError("open the client first: async with client")
        try:
            async with self._session.get(f"{self.base}/v1/coupons", params={"limit": "1"}) as found:
                date = parsedate_to_datetime(found.headers["Date"])
                return date if date.tzinfo else None
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError):
            return None

    async def _ask(self, path: str, params: Params | None, decode: Decode) -> Any:
        """One request: what was decoded, or the Refusal."""
        import aiohttp  # noqa: PLC0415 - takes long to load, and only a sync asks

        if self._session is None:
            raise RuntimeError("open the client first: async with client")
        try:
            async with (
                self._in_flight,
                self._session.get(self.base + path, params=_query(params or {})) as response,
            ):
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Refusal(None)
        refused = response.status >= REDIRECT
        try:
            content = orjson.loads(body) if refused else decode(body)
        except msgspec.ValidationError as error:
            return Refusal(response.status, response.headers, str(error))
        except (orjson.JSONDecodeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Refusal(response.status, response.headers)
        return Refusal(response.status, response.headers, content) if refused else content


def _proxy(base: str) -> str | None:
    """The proxy that the environment names for a server: asked once, and not with each request."""
    address = urlsplit(base)
    if proxy_bypass(address.hostname or ""):
        return None
    return getproxies().get(address.scheme)


def _query(params: Params) -> list[tuple[str, str]]:
    pairs = []
    for name, value in params.items():
        if isinstance(value, tuple):
            pairs += [(f"{name}[]", each) for each in value]
        else:
            pairs.append((name, str(value)))
    return pairs
