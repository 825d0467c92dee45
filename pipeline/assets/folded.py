"""What is folded: read from the lake as it was, and written to it as it is now, one share of the customers at a time.

Belongs here: what keeps a sync's memory bounded. A table of a large company has an object for each share. Folding is
`pipeline.billing`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline import billing
from pipeline.assets.evidence import Decoded
from pipeline.lake import Lake, StagedObject
from pipeline.schemas import ITEM_TIMELINE, USAGE_CHARGE, Table


@dataclass(frozen=True, slots=True)
class Written:
    """What was folded, as objects that readers see once they are committed.

    Attributes:
        lake: where they are.
        staged: the objects.
        changes: `at, proof`, from when on it says anything else than before.
        customers: how many customers were folded.
    """

    lake: Lake
    staged: Sequence[StagedObject]
    changes: pl.DataFrame
    customers: int

    @property
    def shares(self) -> range:
        """The numbers of the shares."""
        return range(max(each.shares for each in self.staged))

    def scan(self, table: Table, share: int | None = None) -> pl.LazyFrame:
        """The rows of a table, of all customers or of those of a share."""
        return self.lake.read(
            table,
            [
                each.path
                for each in self.staged
                if each.table == table.name and share in (None, each.share)
            ],
        )


def before(lake: Lake) -> billing.Before | None:
    """What was folded last; None before the first sync."""
    if not lake.partitions(ITEM_TIMELINE):
        return None
    found = pl.collect_all([lake.scan(table) for table in billing.DIMENSIONS])
    return billing.Before(
        {table.name: frame for table, frame in zip(billing.DIMENSIONS, found, strict=True)},
        item_timeline=lake.scan(ITEM_TIMELINE),
        usage_charge=lake.scan(USAGE_CHARGE),
    )


def fold(
    decoded: Decoded, known: billing.Before | None, share: int = billing.SHARE
) -> billing.Fold:
    """Fold what is new into what was folded before; everything, where this code has not folded yet.

    Args:
        decoded: the records.
        known: what was folded `before`.
        share: how many rows of evidence a share's customers have.
    """
    if known is not None and decoded.before:
        return billing.fold_new(
            known,
            decoded.known(),
            decoded.fresh(),
            decoded.covered(),
            decoded.coverage(),
            share=share,
        )
    return billing.fold_all(known, decoded.fresh(), decoded.coverage(), share=share)


def write(lake: Lake, found: billing.Fold) -> Written:
    """Write what is folded, share by share: no two are in memory together."""
    staged = [
        lake.write(table, found.shared.dimensions[table.name]) for table in billing.DIMENSIONS
    ]
    changes = []
    for number in range(found.of):
        objects, changed = _share(lake, found, number)
        staged += objects
        changes.append(changed)
    return Written(lake, staged, found.changes(changes), found.customers)


def _share(
    lake: Lake, found: billing.Fold, number: int
) -> tuple[list[StagedObject], billing.Changes]:
    share = found.share(number)
    frames = {table: getattr(share.folded, table.name) for table in billing.FOLDED}
    objects = [
        lake.write(table, frame, share=number, shares=found.of)
        for table, frame in frames.items()
        # Two empty objects would be the same one.
        if frame.height or not number
    ]
    return objects, share.changes
