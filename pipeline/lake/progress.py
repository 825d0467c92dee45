"""How far a sync is, how fast it goes, and how long it will take.

Belongs here: measuring while pages come. Does not belong here: where it is shown.
"""

import time
from dataclasses import dataclass

from pipeline.sources.protocol import Page

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one stream of a sync stands."""

    source: str
    stream: str
    listed: int
    """Objects that the source returned."""
    stored: int
    """Of what was written so far."""
    done: bool
    seconds: float = 0.0
    """Since its first page was asked for."""
    requests: int = 0
    expected: int | None = None
    """About how many objects are still to come; null: nobody can say."""
    most: float | None = None
    """Requests a second that the source lets through at present; null: it does not say."""

    @property
    def objects_per_second(self) -> float:
        """How fast objects come."""
        return self.listed / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the stream will take; null: nobody can say."""
        if self.done:
            return 0.0
        if self.expected is None or not self.objects_per_second:
            return None
        return self.expected / self.objects_per_second

    @property
    def told(self) -> str:
        """For a person: `subscription: 40,000 of about 100,000, 2,400/s, 24.1 of 25 requests/s, 25 s left`."""
        parts = [f"{self.stream.replace('_', ' ')}: {self.listed:,}"]
        if self.expected and not self.done:
            parts[0] += f" of about {_rounded(self.listed + self.expected):,}"
        if self.seconds >= 1:
            parts.append(f"{self.objects_per_second:,.0f}/s")
            if self.most is not None:
                parts.append(f"{self.requests / self.seconds:.1f} of {self.most:.0f} requests/s")
        left = self.seconds_left
        if left and not self.done:
            parts.append(f"{span(left)} left")
        return ", ".join(parts)


class Meter:
    """Measures the streams of one source's sync.

    Args:
        source: its name.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._began = time.monotonic()
        self._requests: dict[str, int] = {}
        self._last: dict[str, Page] = {}
        self.seconds: dict[str, float] = {}
        """Stream -> from the start of the sync to its last page."""

    def page(self, page: Page) -> None:
        """A page came."""
        self._requests[page.stream] = self._requests.get(page.stream, 0) + 1
        self._last[page.stream] = page
        self.seconds[page.stream] = time.monotonic() - self._began

    def progress(self, stream: str, listed: int, stored: int, *, done: bool) -> Progress:
        """Where a stream stands."""
        page = self._last.get(stream)
        return Progress(
            self._source,
            stream,
            listed,
            stored,
            done,
            self.seconds.get(stream, 0.0),
            self._requests.get(stream, 0),
            None if page is None else page.expected,
            None if page is None else page.most,
        )


def span(seconds: float) -> str:
    """A span of time in words: `40 s`, `3 min`, `2 h 10 min`."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR / MINUTE:.0f} min"


def _rounded(number: int) -> int:
    """To two digits: it is a guess."""
    step = int(10 ** max(len(str(number)) - 2, 0))
    return round(number / step) * step
