"""One page of a list: what it holds, where the next one begins, and what is wrong with it.

Belongs here: reading one answer. Does not belong here: which page is asked for (`chains`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from pipeline.sources.hubspot.client import HubSpotClient, no_list
from pipeline.sources.hubspot.records import id_of
from pipeline.sources.protocol import Clock, Json


@dataclass(frozen=True, slots=True)
class Listed:
    """One page as it came."""

    observed_at: datetime
    """The start of the request."""
    objects: list[Any]
    after: str | None
    """Where the next page begins; null: this is the last one."""

    @property
    def numbers(self) -> list[int] | None:
        """The ids where they are numbers in ascending order; null where they are not."""
        return ascending(self.objects)

    def before(self, number: int) -> "Listed":
        """The page without what has this id or a greater one."""
        kept = [each for each in self.objects if int(str(id_of(each))) < number]
        return Listed(self.observed_at, kept, self.after)

    def behind(self, number: int) -> "Listed":
        """The page without what has this id or a smaller one."""
        kept = [each for each in self.objects if int(str(id_of(each))) > number]
        return Listed(self.observed_at, kept, self.after)


class Lister:
    """Asks for the pages of one list.

    Args:
        client: an open client.
        clock: the present.
        path: where the list is.
        params: what it is asked with.
    """

    def __init__(
        self, client: HubSpotClient, clock: Clock, path: str, params: Mapping[str, str | int]
    ) -> None:
        self.client, self.clock = client, clock
        self.path, self.params = path, params

    async def page(self, after: str | None, within: "Within | None" = None) -> Listed:
        """The page at a cursor; null: the first one.

        Raises:
            SourceError: HubSpot refuses, or what it answers cannot be a page of this list.
        """
        observed_at = self.clock()
        params = dict(self.params) | ({} if after is None else {"after": after})

        def fault(answer: Json) -> str | None:
            wrong = no_list(answer)
            if wrong is None and within is not None:
                wrong = within.fault(answer["results"], next_after(answer))
            return wrong

        answer = await self.client.ask(self.path, params, fault=fault)
        return Listed(observed_at, answer["results"], next_after(answer))


class Within:
    """What a page of a chain must be: further on than those before it."""

    def __init__(self) -> None:
        self.last: int | None = None
        """The greatest id that the chain has read; null where ids are no ascending numbers."""
        self.meets: int | None = None
        """The id where another chain began: this one must come that far. Null: it reads to the end."""
        self.seen: set[str] = set()

    def fault(self, objects: list[Any], after: str | None) -> str | None:
        """What is wrong with a page; null: nothing."""
        if after is not None and after in self.seen:
            return "with pages without an end"
        if self.meets is None:
            return None
        numbers = ascending(objects)
        if numbers is None or (numbers and self.last is not None and numbers[0] <= self.last):
            return "in an order that changes"
        return None


def ascending(objects: list[Any]) -> list[int] | None:
    """The ids of objects where they are numbers in ascending order; null where they are not."""
    ids = [id_of(each) for each in objects]
    if not all(each is not None and each.isascii() and each.isdigit() for each in ids):
        return None
    numbers = [int(str(each)) for each in ids]
    return numbers if all(a < b for a, b in pairwise(numbers)) else None


def next_after(answer: Json) -> str | None:
    """Where the next page begins; null: there is none."""
    paging = answer.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(after) if type(after) in {str, int} and str(after) else None
