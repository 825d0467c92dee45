"""Accounts in shares: as many as fit into memory, or as a cluster has processors for.

Belongs here: what a share's work needs, so that it can be done anywhere. Does not belong here: the work (`mrr`,
`metrics`), where it is done (`fan_out`).
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from pipeline import mrr
from pipeline.assets import inputs
from pipeline.assets.fan_out import processors
from pipeline.assets.place import Place
from pipeline.months import Calendar, add_months
from pipeline.schemas import ITEM_TIMELINE, USAGE_CHARGE


@dataclass(frozen=True, slots=True)
class Share:
    """Some accounts, and what is computed of them, wherever that is: nothing in it is secret.

    Attributes:
        book: of all accounts, unless `apart`.
        policy: what values follow.
        calendar: when months end.
        months: ascending.
        root: the lake's, to which the objects are written.
        number: which of the shares it is.
        of: how many shares there are.
        apart: the book is that of these accounts already.
    """

    book: mrr.Book
    policy: mrr.Policy
    calendar: Calendar
    months: tuple[date, ...]
    root: Path | str
    number: int
    of: int
    apart: bool = False

    @property
    def since(self) -> datetime:
        """The earliest instant that the movements of the months look at."""
        return self.calendar.boundary(add_months(self.months[0], -max(mrr.WINDOWS)))

    @property
    def accounts(self) -> mrr.Book:
        """The book of these accounts, with their timeline in memory: it is read from many sides."""
        book = self.book if self.apart else self.book.share(self.number, self.of)
        timeline, usage, phases = pl.collect_all(
            [book.item_timeline, book.usage_charge, book.subscription_phase]
        )
        return replace(
            book,
            item_timeline=timeline.lazy(),
            usage_charge=usage.lazy(),
            subscription_phase=phases.lazy(),
        )


@contextmanager
def shares(
    place: Place, months: Sequence[date], spans: int = mrr.SPANS, address: str | None = None
) -> Iterator[list[Share]]:
    """All accounts: one share for a small company here, more for a large one or on a cluster.

    Several shares on this machine are files of their own while they are worked on, so that the timeline is read once
    and not once for each. On a cluster, of which machines share nothing but the lake, each reads what it needs.

    Args:
        place: where they are.
        months: what is computed of them, ascending.
        spans: the most rows of the timeline of a share.
        address: of the Ray cluster that works on them; None: this machine does.
    """
    book, calendar, policy = inputs.book(place), place.calendar(), place.policy

    whole = Share(book, policy, calendar, tuple(months), place.lake.root, number=0, of=1)
    of = mrr.shares(book.since(whole.since), spans, processors(address))
    all_of_them = [replace(whole, number=number, of=of) for number in range(of)]
    if of == 1 or address:
        yield all_of_them
        return
    with tempfile.TemporaryDirectory(prefix="expansion-shares-") as folder:
        books = _apart(book, of, Path(folder))
        yield [
            replace(share, book=own, apart=True)
            for share, own in zip(all_of_them, books, strict=True)
        ]


def _apart(book: mrr.Book, of: int, folder: Path) -> list[mrr.Book]:
    """The books of all shares, each with a timeline and usage charges in files of its own."""
    read = []
    for table, frame in zip((ITEM_TIMELINE, USAGE_CHARGE), book.shared(of), strict=True):
        to = folder / table.name
        frame.sink_parquet(pl.PartitionBy(to, key="share", include_key=False), compression="lz4")
        files = [sorted(to.glob(f"share={number}/*.parquet")) for number in range(of)]
        read.append(
            [pl.scan_parquet(each, glob=False) if each else table.empty().lazy() for each in files]
        )
    return [
        replace(book, item_timeline=timeline, usage_charge=usage)
        for timeline, usage in zip(*read, strict=True)
    ]
