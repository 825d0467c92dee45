"""The order of a collection, and which of its objects hold a value: sorted once a moment, lazily.

Newest first by `created`; within a second the one created last comes first.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.sandbox.web.world import Json

CREATED_FIELD = {"invoiceitem": "date"}
"""Collections whose time of creation has another name."""


def values_at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Every value at `path`, through arrays."""
    if isinstance(value, list):
        for entry in value:
            yield from values_at(entry, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        yield from values_at(value.get(path[0]), path[1:])


@dataclass(slots=True)
class Ordering:
    """The ids of a collection, oldest first, with their times of creation (Unix seconds)."""

    ids: list[str]
    created: list[int]
    position: dict[str, int]
    holders: dict[str, dict[Any, list[int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, collection: str, objects: Mapping[str, Json]) -> "Ordering":
        """Sort a collection; objects created in the same second keep their order of insertion.

        Deleted objects are stubs that no list shows.
        """
        name = CREATED_FIELD.get(collection, "created")
        pairs = sorted(
            (
                (int(obj[name]), object_id)
                for object_id, obj in objects.items()
                if not obj.get("deleted")
            ),
            key=lambda pair: pair[0],
        )
        ids = [object_id for _, object_id in pairs]
        return cls(ids, [at for at, _ in pairs], {each: at for at, each in enumerate(ids)})

    def span(self, low: int | None, high: int) -> range:
        """The positions created from `low` to `high`, both included."""
        start = 0 if low is None else bisect_left(self.created, low)
        return range(start, max(start, bisect_right(self.created, high)))

    def holding(self, path: str, value: Any, objects: Mapping[str, Json]) -> list[int]:
        """The positions of the objects that hold `value` at `path`, oldest first."""
        if path not in self.holders:
            names = tuple(path.split("."))
            found: dict[Any, list[int]] = {}
            for at, object_id in enumerate(self.ids):
                for each in set(values_at(objects[object_id], names)):
                    found.setdefault(each, []).append(at)
            self.holders[path] = found
        return self.holders[path].get(value, [])


class Index:
    """The orderings of every collection, made anew when the clock has moved or objects were added."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[tuple[int, int], Ordering]] = {}

    def ordering(self, collection: str, objects: Mapping[str, Json], now: int) -> Ordering:
        """The ordering of `collection` as of `now`."""
        stamp = (now, len(objects))
        made = self._made.get(collection)
        if made is None or made[0] != stamp:
            made = (stamp, Ordering.of(collection, objects))
            self._made[collection] = made
        return made[1]
