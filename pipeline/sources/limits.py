"""How fast to ask, and when to ask again.

Belongs here: pacing and backoff, shared by every source. Does not belong here: which answer may be asked for again.
"""

import asyncio
import random
import time
from dataclasses import dataclass

SLOWER = 1.25
"""How much longer the spaces become when a server says that requests come too fast."""
FASTER = 0.99
"""How much shorter they become again with a request that is accepted."""
KEPT_OFF, KEPT_SECONDS = 1.02, 60.0
"""How far spaces stay from those that were refused, and how long."""
BEHIND = 1
"""Places that were missed, while this program was busy, and are made up for."""
SLOWEST = 5.0
"""Seconds between requests that no refusal makes longer."""


class Spacing:
    """Spaces requests evenly, and further apart when they are refused.

    After a refusal requests come much more slowly, then faster again with each that is accepted, up to a little less
    than the rate that was refused: that is kept for a minute, and then tried again.
    """

    def __init__(self, per_second: float) -> None:
        self.interval = self._least = self._shortest = 1 / per_second
        self._next = 0.0
        self._slowed = 0.0
        self._order = asyncio.Lock()

    def delay(self) -> float:
        """Seconds until the next request may go; that place is taken."""
        now = time.monotonic()
        at = max(now - BEHIND * self.interval, self._next)
        self._next = at + self.interval
        return max(at - now, 0.0)

    async def turn(self) -> None:
        """Sleep until the next request may go, in the order of asking.

        Who waits has no place yet: after this program was busy not all of them go at once.
        """
        async with self._order:
            await asyncio.sleep(max(self._next - time.monotonic(), 0.0))
            self.delay()

    def allowed(self, per_second: float) -> None:
        """The server tells how many requests a second it lets through; only another limit than before counts."""
        least = 1 / per_second
        if least != self._least:
            self.interval = self._least = self._shortest = least

    def refused(self, sent: float) -> None:
        """A request sent at `sent` (monotonic) came too fast. Those that were under way by then tell nothing new."""
        if sent >= self._slowed:
            longest = max(SLOWEST, self.interval)
            self._shortest = min(self.interval * KEPT_OFF, longest)
            self.interval = min(self.interval * SLOWER, longest)
            self._slowed = time.monotonic()

    def accepted(self) -> None:
        """A request did not come too fast."""
        if self.interval > self._shortest:
            self.interval = max(self.interval * FASTER, self._shortest)
        elif self._shortest > self._least and time.monotonic() - self._slowed > KEPT_SECONDS:
            self._shortest = max(self._shortest / KEPT_OFF, self._least)
            self._slowed = time.monotonic()

    @property
    def per_second(self) -> float:
        """Requests a second that go at present."""
        return 1 / self.interval


class Pace:
    """At most so many requests a second overall, and so many to one endpoint; lower where the server says so."""

    def __init__(self, per_second: float, per_endpoint: float) -> None:
        self.overall = Spacing(per_second)
        self.endpoints: dict[str, Spacing] = {}
        self._per_endpoint = per_endpoint

    def endpoint(self, name: str) -> Spacing:
        """The spacing of one endpoint."""
        if name not in self.endpoints:
            self.endpoints[name] = Spacing(self._per_endpoint)
        return self.endpoints[name]

    def accepted(self, endpoint: str) -> None:
        """A request to `endpoint` did not come too fast."""
        for spacing in (self.endpoint(endpoint), self.overall):
            spacing.accepted()

    def wait(self, endpoint: str) -> None:
        """Sleep until the next request to `endpoint` may go."""
        # One after the other: a place overall is not taken while the endpoint has none.
        time.sleep(self.endpoint(endpoint).delay())
        time.sleep(self.overall.delay())

    async def turn(self, endpoint: str) -> None:
        """`wait` among other coroutines."""
        await self.endpoint(endpoint).turn()
        await self.overall.turn()


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is repeated, and how long to wait before: doubling, with jitter, `Retry-After` obeyed."""

    attempts: int = 6
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    answer_seconds: float = 80.0
    """How long an answer may take."""

    def seconds(self, attempt: int, retry_after: str | None = None) -> float:
        """Seconds to wait after the failed `attempt` (from 1)."""
        doubled = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        jittered = doubled * (0.75 + random.random() / 4)  # noqa: S311 - spreads load, guards nothing
        return max(jittered, min(_number(retry_after), self.longest_seconds))

    def sleep(self, attempt: int, retry_after: str | None = None) -> None:
        """Wait after the failed `attempt` (from 1)."""
        time.sleep(self.seconds(attempt, retry_after))


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
