"""A long list, read by several chains of pages at once.

Belongs here: where chains begin and meet. HubSpot's cursor of a list is the id that a page ended with, so a chain can
begin at a guessed one. Nothing depends on the guess: a chain reads page after page until it has come to the very object
at which another one began, so what lies between them is never left out. Where ids or cursors are of another kind there
is one chain.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from pipeline.errors import SourceError
from pipeline.sources.hubspot.listing import Listed, Lister, Within
from pipeline.sources.hubspot.refusals import BadRequest

CHAINS = 6
"""Of one list at once: three long ones keep 25 requests a second under way at half a second each."""
WORTH = 8
"""Pages that a chain should still have before it so that another one begins in their midst."""
MISSES = 60
"""Guesses without a new object, after which no more are made."""
REACH = 100
"""Pages ahead that another chain begins at most."""

Take = Callable[[Listed], Awaitable[None]]


@dataclass(eq=False)
class Chain:
    """Pages one after the other, from one id to another."""

    first: int
    """The id it began with."""
    within: Within = field(default_factory=Within)
    high: int | None = None
    """There is probably nothing from this id on; null: nobody knows."""
    read: int = 0
    after: str | None = None
    guessing: bool = False
    done: bool = False

    @property
    def last(self) -> int:
        """The greatest id that was read."""
        return self.first if self.within.last is None else self.within.last

    def ahead(self) -> float:
        """About how many objects are still to come; infinite where nobody knows."""
        if self.high is None:
            return float("inf")
        return max(self.high - self.last, 0) / self.apart

    @property
    def apart(self) -> float:
        """How far ids were apart so far."""
        return max(self.last - self.first, 1) / max(self.read, 1)

    def guess(self, size: int) -> int:
        """An id in the midst of what is ahead, where pages hold `size` objects.

        Not too far, as if ids went on as they did: where they leap, every further guess would be in the gap.
        """
        reach = self.last + int(self.apart * size * REACH)
        return reach if self.high is None else min(reach, (self.last + self.high) // 2)

    def note(self, listed: Listed) -> None:
        """A page was read."""
        numbers = listed.numbers
        self.within.last = numbers[-1] if numbers else self.within.last
        self.read += len(listed.objects)
        self.after = listed.after
        if listed.after is not None:
            self.within.seen.add(listed.after)


class Chains:
    """Reads one list.

    Args:
        lister: asks for its pages.
        take: gets each page; no object twice.
        size: objects of a page.
    """

    def __init__(self, lister: Lister, take: Take, size: int) -> None:
        self._lister, self._take, self._size = lister, take, size
        self._running: list[Chain] = []
        self._guessing = 0
        self._misses = 0
        self._cuttable = False
        self._tasks: asyncio.TaskGroup | None = None

    async def read(self) -> None:
        """Read the list to its end.

        Raises:
            SourceError: HubSpot refuses, or its pages do not make a list.
        """
        listed = await self._lister.page(None)
        if not listed.objects and listed.after is None:
            # Nothing at all is believed when it is said twice.
            listed = await self._lister.page(None)
        numbers = listed.numbers
        chain = Chain(numbers[0] if numbers else 0)
        self._cuttable = _names_an_id(listed)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._walk(chain, listed)

    async def _walk(self, chain: Chain, listed: Listed) -> None:
        """A chain from its first page to where it meets the next one, or to the end."""
        self._running.append(chain)
        while True:
            await self._took(chain, listed)
            meets = chain.within.meets
            if meets is not None and chain.last >= meets:
                break
            if listed.after is None:
                more = await self._behind(chain)
                if more is None:
                    self._ended(chain)
                    break
                listed = more
                continue
            self._cut()
            listed = await self._lister.page(listed.after, chain.within)
        chain.done = True
        self._running.remove(chain)
        self._cut()

    async def _took(self, chain: Chain, listed: Listed) -> None:
        """Hand over what of a page is the chain's own."""
        meets = chain.within.meets
        if listed.numbers is None:
            self._cuttable = False
        chain.note(listed)
        await self._take(listed if meets is None else listed.before(meets))

    async def _behind(self, chain: Chain) -> Listed | None:
        """What follows a page that says it is the last one; null: it is."""
        if chain.within.last is None:
            return None
        try:
            listed = await self._lister.page(str(chain.last))
        except BadRequest:
            return None  # This list has other cursors than ids.
        if not listed.numbers:
            return None
        found = listed.behind(chain.last)
        return found if found.objects else None

    def _ended(self, chain: Chain) -> None:
        """A chain came to an end: fine, unless another one began further on."""
        meets = chain.within.meets
        if meets is not None and chain.last < meets:
            raise SourceError(
                f"HubSpot at {self._lister.client.base} ends the list {self._lister.path} in its midst. Try again "
                f"later."
            )

    # ---- further chains ------------------------------------------------------------------------

    def _cut(self) -> None:
        """Begin another chain in the midst of the one that has most ahead of it, where that saves time."""
        if not self._cuttable or self._misses >= MISSES or self._tasks is None:
            return
        if len(self._running) + self._guessing >= CHAINS:
            return
        known = [each for each in self._running if each.read >= 2 * self._size]
        free = [each for each in known if not each.guessing]
        chain = max(free, key=Chain.ahead, default=None)
        if chain is not None and chain.ahead() >= WORTH * self._size:
            chain.guessing = True
            self._guessing += 1
            self._tasks.create_task(self._begin(chain))

    async def _begin(self, chain: Chain) -> None:
        """A page somewhere ahead of a chain, and a chain of its own from there."""
        guess = chain.guess(self._size)
        try:
            listed = await self._lister.page(str(guess))
        except BadRequest:
            self._cuttable = False
            return
        finally:
            chain.guessing = False
            self._guessing -= 1
        begun = self._begun(chain, guess, listed)
        if begun is None:
            self._misses += 1
            self._cut()
            return
        await self._walk(begun, listed)

    def _begun(self, chain: Chain, guess: int, listed: Listed) -> Chain | None:
        """The chain that a page found ahead of another begins; null: it is none."""
        numbers, meets = listed.numbers, chain.within.meets
        if numbers is None or (numbers and numbers[0] < guess):
            self._cuttable = False
            return None
        if not numbers or (meets is not None and numbers[0] >= meets):
            chain.high = guess if chain.high is None else min(guess, chain.high)
            return None
        if chain.done or numbers[0] <= chain.last:
            return None
        begun = Chain(numbers[0], high=chain.high)
        begun.within.meets = meets
        chain.within.meets, chain.high = numbers[0], guess
        return begun


def _names_an_id(listed: Listed) -> bool:
    """Whether the cursor of a page is the id that it ended with."""
    numbers, after = listed.numbers, listed.after
    if not numbers or after is None or not (after.isascii() and after.isdigit()):
        return False
    return numbers[-1] <= int(after) <= numbers[-1] + 1


async def in_turn(lister: Lister, take: Take) -> None:
    """A list page after page, whatever its cursors are.

    Raises:
        SourceError: HubSpot refuses, or its pages do not make a list.
    """
    within, after = Within(), None
    for _ in count():
        listed = await lister.page(after, within)
        await take(listed)
        after = listed.after
        if after is None:
            return
        within.seen.add(after)
