"""Slices of a list by `created`: how one list is read by several chains of pages at once.

Belongs here: which range each chain reads, and where a long one is cut. Pure: no clock, no network. Stripe lists the
newest first, so a chain goes down from `before` to `since`, and what remains of it is its lower end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.sources.stripe.typed import created, told

FOUNDED = 1_262_304_000
"""2010-01-01: no Stripe account is older."""
PAGE = 100
"""Objects of a page, at most."""


@dataclass(eq=False, slots=True)
class Slice:
    """A range of `created`, in Unix seconds, read from its newest object to its oldest."""

    since: int
    """The first second of the range."""
    before: int | None = None
    """The second after its last; null: no bound, what comes meanwhile is in it too."""
    cursor: str | None = None
    """The last object that was read."""
    newest: int | None = None
    oldest: int | None = None
    """`created` of the first and the last object that were read."""
    read: int = 0

    @classmethod
    def of(cls, state: Sequence[Any]) -> "Slice":
        """The slice of a `state`."""
        return cls(*state)

    def state(self) -> list[Any]:
        """Plain values from which it is made again."""
        return [self.since, self.before, self.cursor, self.newest, self.oldest, self.read]

    @property
    def params(self) -> dict[str, str | int]:
        """What the next page is asked with."""
        asked: dict[str, str | int] = {"created[gte]": self.since, "limit": PAGE}
        if self.before is not None:
            asked["created[lt]"] = self.before
        if self.cursor is not None:
            asked["starting_after"] = self.cursor
        return asked

    def begin_again(self) -> bool:
        """Go on without the cursor, from the last second that was read; False where nothing was."""
        if self.oldest is None:
            return False
        self.before, self.cursor = self.oldest + 1, None
        return True

    def remaining(self) -> float:
        """How many objects are left if they are as dense as those that were read; 0 while none was."""
        if self.newest is None or self.oldest is None:
            return 0.0
        return self.read / max(self.newest - self.oldest, 1) * max(self.oldest - self.since, 0)


class Slices:
    """What is left to read of one list.

    Args:
        waiting: slices that no chain reads; of a list that nobody read yet one slice over everything.
    """

    def __init__(self, waiting: Sequence[Slice]) -> None:
        self.waiting = list(waiting)
        self.busy: list[Slice] = []
        self._floor = min((each.since for each in waiting), default=0)

    @property
    def done(self) -> bool:
        """Whether everything is read."""
        return not self.waiting and not self.busy

    def take(self) -> Slice | None:
        """A slice for a free chain: one that waits, else the older half of the longest; null if none is worth it."""
        if not self.waiting:
            self._cut()
        if not self.waiting:
            return None
        taken = self.waiting.pop()
        self.busy.append(taken)
        return taken

    def _cut(self) -> None:
        longest = max(self.busy, key=Slice.remaining, default=None)
        if longest is None or longest.oldest is None or longest.remaining() < 2 * PAGE:
            return
        middle = (longest.since + longest.oldest) // 2
        if middle <= longest.since:
            return
        self.waiting.append(Slice(longest.since, middle))
        longest.since = middle

    def read(self, slice_: Slice, objects: Sequence[Any], more: bool) -> list[Any]:
        """Note a page of a slice, newest first, and give those of its objects that belong to it.

        A slice may have been cut since the page was asked for: what is older is another one's. When nothing is left of
        it, it is no longer `busy`. What has no `created`, or one before the list begins, belongs to whoever reads it.
        """
        floor = slice_.since if slice_.since > self._floor else 0
        dated = [created(each) for each in objects]
        kept = [each for each, at in zip(objects, dated, strict=True) if at is None or at >= floor]
        known = [at for at in dated if at is not None]
        if known:
            slice_.newest = known[0] if slice_.newest is None else slice_.newest
            slice_.oldest = known[-1]
        if objects:
            slice_.cursor = told(objects[-1], "id")
        slice_.read += len(kept)
        if not more or (objects and dated[-1] is not None and dated[-1] < floor):
            self.busy.remove(slice_)
        return kept

    def expected(self) -> int | None:
        """About how many objects are left; null while nobody can say.

        What waits is taken to be as dense as what is read.
        """
        if self.done:
            return 0
        dated = [each for each in self.busy if each.newest is not None and each.oldest is not None]
        span = sum((each.newest or 0) - (each.oldest or 0) for each in dated)
        if not span:
            return None
        density = sum(each.read for each in dated) / span
        waiting = sum((each.before or 0) - each.since for each in self.waiting if each.before)
        return round(sum(each.remaining() for each in dated) + density * waiting)

    def left(self) -> list[list[Any]]:
        """The states of everything that is not read yet: what a resume goes on with."""
        return [each.state() for each in (*self.waiting, *self.busy)]
