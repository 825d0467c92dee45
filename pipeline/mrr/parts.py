"""Accounts and months in parts that fit into memory.

Belongs here: how many accounts and months are looked at in one pass. Small companies take all of them in one. Accounts
know nothing of each other, nor do months.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TypeVar

import polars as pl

from pipeline.months import Calendar
from pipeline.mrr.book import Book

K = TypeVar("K")

SPANS = 100_000
"""Rows of the timeline of a share, of which two may be in memory at once."""
ROWS = 200_000
"""Items at month ends that are looked at in one pass, in three windows."""


def shares(book: Book, spans: int = SPANS, least: int = 1) -> int:
    """In how many shares the book's accounts are looked at (`Book.share`), none with many more than `spans` spans.

    Args:
        book: whose timeline is counted.
        spans: the most rows of the timeline of a share.
        least: how many shares there are at least.
    """
    rows = int(book.item_timeline.select(pl.len()).collect().item())
    return max(least, math.ceil(rows / spans))


def parts(
    spans: pl.LazyFrame,
    calendar: Calendar,
    months: Sequence[date],
    rows: int = ROWS,
    accounts: int = 0,
) -> Iterator[list[date]]:
    """`months` in order, split so that a part has at most `rows` items at its month ends, and at least one month.

    Args:
        spans: items with valid_from and valid_to.
        calendar: when the months end.
        months: ascending.
        rows: the most of a part.
        accounts: how many there are at every end, whether they hold an item or not; each weighs a tenth of an item.
    """
    if not months:
        return
    ends = [pl.lit(calendar.boundary(month)) for month in months]
    held = [
        (
            (pl.col("valid_from") < end)
            & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= end))
        )
        .sum()
        .alias(str(place))
        for place, end in enumerate(ends)
    ]
    counts = spans.select(held).collect().row(0)
    weights = [count + accounts // 10 for count in counts]
    yield from packed(dict(zip(months, weights, strict=True)), rows)


def packed(counts: Mapping[K, int], rows: int) -> Iterator[list[K]]:
    """The keys of `counts` (months, objects) in their order, in parts of at most so many rows together, or one key."""
    part: list[K] = []
    filled = 0
    for key, count in counts.items():
        if part and filled + count > rows:
            yield part
            part, filled = [], 0
        part.append(key)
        filled += count
    if part:
        yield part
