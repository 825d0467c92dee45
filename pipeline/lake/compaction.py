"""Compaction: every night adds a small object to a partition, and reading a thousand of them takes long.

Belongs here: which objects of an append-only table are worth one larger one. Only neighbours are: `Lake.merge` puts the
whole where its last part stood, so that readers see the same rows in the same order, and who counts positions (up to
where the raw store is decoded) neither meets a row again nor misses one.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from pipeline.lake.lake import Lake
from pipeline.lake.objects import LiveObject
from pipeline.schemas import TABLES

SMALL_BYTES, SMALL_ROWS = 8 * 2**20, 50_000
"""An object below both is small."""
LARGE_BYTES, LARGE_ROWS = 64 * 2**20, 200_000
"""What is merged stays below both: one object is read and decoded as a whole."""
FEW = 16
"""So many small neighbours do not disturb; what is merged was rewritten for every `FEW`th night at most."""


def compact(lake: Lake, *, until: int, run_id: str) -> int:
    """Merge small objects of append-only tables; returns how many were replaced.

    Args:
        lake: whose objects.
        until: the last position that may move: up to there the raw store is decoded.
        run_id: the run, kept with the objects.
    """
    return lake.merge(plan(lake.live(), until), run_id=run_id)


def plan(live: Sequence[LiveObject], until: int, few: int = FEW) -> list[list[LiveObject]]:
    """Runs of small neighbours to merge, of append-only tables.

    Args:
        live: every live object, in the order of commits.
        until: the last position that may move.
        few: fewer neighbours stay as they are.
    """

    def partition(each: LiveObject) -> tuple[str, str]:
        return each.table, each.partition

    growing = [each for each in live if TABLES[each.table].append_only and each.position <= until]
    return [
        together
        for _, objects in groupby(sorted(growing, key=partition), partition)
        for small, run in groupby(objects, _small)
        if small
        for neighbours in [list(run)]
        if len(neighbours) >= few
        for together in _together(neighbours)
        if len(together) > 1
    ]


def _small(each: LiveObject) -> bool:
    return each.bytes < SMALL_BYTES and each.rows < SMALL_ROWS


def _together(objects: Sequence[LiveObject]) -> Iterator[list[LiveObject]]:
    """Neighbours in parts that stay below what is large."""
    part: list[LiveObject] = []
    for each in objects:
        grown = [*part, each]
        if part and (
            sum(other.bytes for other in grown) > LARGE_BYTES
            or sum(other.rows for other in grown) > LARGE_ROWS
        ):
            yield part
            grown = [each]
        part = grown
    yield part
