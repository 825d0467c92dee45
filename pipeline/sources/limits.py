"""How fast to ask, and when to ask again.

Belongs here: pacing and backoff, shared by every source. Does not belong here: which answer may be asked for again.
"""

import random
import time
from collections import defaultdict
from dataclasses import dataclass


class Pace:
    """Spaces requests evenly: at most so many a second overall, and so many to one endpoint."""

    def __init__(self, per_second: float, per_endpoint: float) -> None:
        self.interval = 1 / per_second
        self.endpoint_interval = 1 / per_endpoint
        self._next = 0.0
        self._endpoints: defaultdict[str, float] = defaultdict(float)

    def wait(self, endpoint: str) -> None:
        """Sleep until the next request to `endpoint` may go."""
        now = time.monotonic()
        at = max(now, self._next, self._endpoints[endpoint])
        self._next = at + self.interval
        self._endpoints[endpoint] = at + self.endpoint_interval
        if at > now:
            time.sleep(at - now)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is repeated, and how long to wait before: doubling, with jitter, `Retry-After` obeyed."""

    attempts: int = 6
    first_seconds: float = 0.5
    longest_seconds: float = 30.0

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
