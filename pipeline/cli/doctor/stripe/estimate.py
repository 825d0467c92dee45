"""How many objects a list has, from a few of its pages: Stripe tells no totals.

Belongs here: the rule. A page that ends before an instant tells how dense objects were then: a hundred of them since
the page's oldest. Between two instants density is the geometric mean of both, which follows growth and gives little
weight to a burst; the span that holds most is halved next. A page with nothing behind it tells exactly how much came
before it. A list that seems short is counted. Lists that grow in bursts (all invoices on the first of a month, an
import) may hold several times as much.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

from pipeline.sources.protocol import Json
from pipeline.sources.stripe.reading import cursor_of
from pipeline.sources.stripe.slices import PAGE

SAMPLES = 12
"""Pages of one list that are looked at, at most."""
SHORT = 600
"""Objects up to which a list is counted page by page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, newest first."""

    count: int
    oldest: int | None
    """When its last object was created, in Unix seconds; null: it has none, or says nothing of it."""
    last: str | None
    """The id of its last object."""
    more: bool

    @classmethod
    def of(cls, content: Json) -> "Page":
        """The page that Stripe answered."""
        objects = content.get("data") or []
        oldest = _created(objects[-1]) if objects else None
        return cls(len(objects), oldest, cursor_of(objects), bool(content.get("has_more")))

    def density(self, before: int) -> float:
        """Objects a second in what the page spans, which ends at `before`."""
        return 0.0 if self.oldest is None else self.count / max(before - self.oldest, 1)


Ask = Callable[[dict[str, Any]], Page]
"""A page of a hundred, newest first, under further parameters of Stripe's."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many objects a stream has."""

    stream: str
    objects: int
    exact: bool


@dataclass(frozen=True, slots=True)
class _Point:
    instant: int
    density: float


def estimated(stream: str, ask: Ask, since: int, now: int) -> Size:
    """The size of a list.

    Args:
        stream: its name.
        ask: asks for a page.
        since: nothing is older.
        now: the present.
    """
    newest = ask({})
    if not newest.more:
        return Size(stream, newest.count, exact=True)
    points = [_Point(since, 0.0), _Point(now, newest.density(now))]
    known, samples = 0, 1
    while samples < SAMPLES:
        spans = [_objects(*span) for span in pairwise(points)]
        if known + sum(spans) < SHORT:
            return _counted(stream, ask, newest, SAMPLES - samples)
        most = max(range(len(spans)), key=spans.__getitem__)
        middle = (points[most].instant + points[most + 1].instant) // 2
        seen = ask({"created": {"lt": middle}})
        samples += 1
        point = _Point(middle, seen.density(middle))
        if seen.more:
            points.insert(most + 1, point)
        else:
            known, points = seen.count, [point, *points[most + 1 :]]
    total = known + sum(_objects(*span) for span in pairwise(points))
    return Size(stream, max(round(total), newest.count + 1), exact=False)


def _counted(stream: str, ask: Ask, newest: Page, pages: int) -> Size:
    """The size of a list that ends within so many further pages; else it has more than those."""
    page, objects = newest, newest.count
    while page.more and pages and page.last:
        page = ask({"starting_after": page.last})
        objects += page.count
        pages -= 1
    return Size(stream, objects + (PAGE if page.more else 0), exact=not page.more)


def _objects(start: _Point, end: _Point) -> float:
    """How many objects a span holds."""
    if start.density > 0 and end.density > 0:
        return sqrt(start.density * end.density) * (end.instant - start.instant)
    return (start.density + end.density) / 2 * (end.instant - start.instant)


def _created(value: Any) -> int | None:
    found = value.get("created", value.get("date")) if isinstance(value, dict) else None
    return found if isinstance(found, int) else None
