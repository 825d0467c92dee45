"""Parquet objects: named by their content, never changed, complete or absent.

Belongs here: from rows to objects. Does not belong here: where they are (`pipeline.lake.storage`), and which of them
are live (`pipeline.lake.ledger`).
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipeline.errors import SchemaMismatch
from pipeline.lake.storage import Storage
from pipeline.months import key_of
from pipeline.schemas import Table

AT_ONCE = 4
"""Objects of a table that are written at a time: each waits for the disk, or for the bucket."""
ROW_GROUP = 10_000
"""Rows of a merged object that are stored together: who reads few of them skips the rest."""
FEW = 100
"""Rows that follow each other in a month, on average, from which on slices are cheaper than copies."""


@dataclass(frozen=True, slots=True)
class StagedObject:
    """An object that was written; readers see it once it is committed."""

    table: str
    partition: str
    path: str
    """Relative to the lake's root: `<table>/<partition>/<hash>.parquet`."""
    rows: int
    bytes: int
    hash: str
    share: int = 0
    """Which accounts or customers it holds: those of this share, from 0."""
    shares: int = 1
    """In how many shares they were written."""


@dataclass(frozen=True, slots=True)
class LiveObject:
    """An object that readers see."""

    table: str
    partition: str
    path: str
    """Relative to the lake's root."""
    rows: int
    bytes: int
    position: int
    """Its place in the order of commits."""
    share: int = 0
    """Which accounts or customers it holds: those of this share, from 0."""
    shares: int = 1
    """In how many shares they were written."""


def write_object(
    storage: Storage,
    table: str,
    partition: str,
    frame: pl.DataFrame,
    row_group: int | None = None,
    share: int = 0,
    shares: int = 1,
) -> StagedObject:
    """Write `frame` as one object; the same content twice is the same object.

    Args:
        storage: where the lake is.
        table: of which these are rows.
        partition: of which these are rows.
        frame: the rows.
        row_group: rows that are stored together.
        share: which accounts' or customers' rows they are: those of this share, from 0.
        shares: in how many shares they are written.
    """

    def write(part: Path) -> int:
        frame.write_parquet(part, compression="zstd", statistics=True, row_group_size=row_group)
        return frame.height

    return _written(storage, table, partition, write, share, shares)


def write_objects(
    storage: Storage,
    table: str,
    frames: Mapping[str, pl.DataFrame],
    share: int = 0,
    shares: int = 1,
) -> list[StagedObject]:
    """`write_object` of each partition's rows, some at a time; in the order of `frames`."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(
            pool.map(
                lambda key: write_object(
                    storage, table, key, frames[key], share=share, shares=shares
                ),
                frames,
            )
        )


def write_partitions(
    storage: Storage, table: Table, frame: pl.LazyFrame | pl.DataFrame, partitions: Sequence[str]
) -> list[StagedObject]:
    """Write one object a month (`2026-10`) of `partitions`, an empty one where `frame` has no row of the month.

    Raises:
        SchemaMismatch: a column is missing, or `frame` has rows of a month that is not in `partitions`.
    """
    months = by_month(table.conform(frame.lazy()).collect())
    stray = sorted(set(months) - set(partitions))
    if stray:
        raise SchemaMismatch(
            f"Table {table.name}: the frame has rows of {', '.join(stray)}, which were not asked for."
        )
    empty = table.empty()
    return write_objects(storage, table.name, {key: months.get(key, empty) for key in partitions})


def by_month(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each month in their order, by its key; rows of a month that follow each other are not copied."""
    runs = frame.get_column("month").rle().struct.unnest()
    if runs.height * FEW > frame.height:
        found = frame.partition_by("month", as_dict=True, maintain_order=True)
        return {key_of(month): rows for (month,), rows in found.items()}
    slices: dict[str, list[pl.DataFrame]] = {}
    start = 0
    for length, month in runs.iter_rows():
        slices.setdefault(key_of(month), []).append(frame.slice(start, length))
        start += length
    return {key: pl.concat(rows) for key, rows in slices.items()}


def merge_objects(storage: Storage, parts: Sequence[LiveObject], schema: pl.Schema) -> StagedObject:
    """Write one object with the rows of `parts`, of one table and partition, in their order; never all in memory."""
    first = parts[0]
    rows = sum(each.rows for each in parts)

    def write(part: Path) -> int:
        pl.scan_parquet(
            [str(storage.at(each.path)) for each in parts],
            schema=schema,
            missing_columns="insert",
            extra_columns="ignore",
            glob=False,
        ).sink_parquet(
            part,
            compression="zstd",
            statistics=True,
            row_group_size=ROW_GROUP,
            maintain_order=True,
        )
        return rows

    return _written(storage, first.table, first.partition, write)


def _written(
    storage: Storage,
    table: str,
    partition: str,
    write: Callable[[Path], int],
    share: int = 0,
    shares: int = 1,
) -> StagedObject:
    """The object that `write` writes to the file it is given; `write` returns its rows."""
    new = storage.put(f"{table}/{partition}", write)
    return StagedObject(
        table=table,
        partition=partition,
        path=new.path,
        rows=new.rows,
        bytes=new.bytes,
        hash=new.hash,
        share=share,
        shares=shares,
    )
