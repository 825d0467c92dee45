"""A table as a file for other tools: money in major units, months as dates, lists as JSON.

Belongs here: which frame is exported and its form in a file. Published tables come from the warehouse, so that an
export shows what a dashboard shows; the rest, and the months of items that the warehouse does not keep, from the lake.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl
from sqlalchemy import Engine

from pipeline.lake import Lake
from pipeline.months import key_of
from pipeline.publish.rows import major
from pipeline.publish.warehouse import published
from pipeline.schemas import MRR_SNAPSHOT, Table

Form = Literal["csv", "parquet"]


def export(
    lake: Lake, warehouse: Engine, table: Table, first: date | None = None, last: date | None = None
) -> pl.LazyFrame:
    """Every row of `table` with its published columns (all columns where it is not published).

    Args:
        lake: the Parquet tables.
        warehouse: the published tables.
        table: what is exported.
        first: leave earlier months out; of a table without months nothing is left out.
        last: leave later months out.

    Returns:
        Money and rates as decimals in major units of the reporting currency (of deals: of the deal's), sorted by key
        where it comes from the warehouse.
    """
    if table.published and table is not MRR_SNAPSHOT:
        rows = published(warehouse, table.name).lazy()
        columns = [table.column(name) for name in table.published]
    else:
        rows = _of_lake(lake, table, first, last)
        columns = [table.column(name) for name in table.published or table.names]
    if "month" in rows.collect_schema():
        rows = rows.filter(
            pl.col("month").is_between(first or date.min, last or date.max)
            | pl.col("month").is_null()
        )
    return rows.select(major(column) for column in columns)


def write(frame: pl.LazyFrame, target: Path, form: Form) -> None:
    """Write `frame` to `target` in a stream; a file that was there is replaced when the new one is whole."""
    part = target.with_name(f".{target.name}.part")
    sinks: dict[Form, Callable[[], object]] = {
        "csv": lambda: as_text(frame).sink_csv(part),
        "parquet": lambda: frame.sink_parquet(part, compression="zstd"),
    }
    try:
        sinks[form]()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def as_text(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`frame` as a CSV can hold it: lists and structs as JSON."""
    nested = [
        name
        for name, dtype in frame.collect_schema().items()
        if isinstance(dtype, pl.List | pl.Struct)
    ]
    return frame.with_columns(_json(name) for name in nested)


def _json(name: str) -> pl.Expr:
    """One value as JSON: what a struct of it alone is written as, without the struct."""
    whole = pl.struct(x=pl.col(name)).struct.json_encode()
    return whole.str.slice(len('{"x":')).str.head(-1).alias(name)


def _of_lake(lake: Lake, table: Table, first: date | None, last: date | None) -> pl.LazyFrame:
    if not table.partitioned:
        return lake.scan(table)
    keys = [
        key
        for key in lake.partitions(table)
        if (first is None or key >= key_of(first)) and (last is None or key <= key_of(last))
    ]
    return lake.scan(table, keys)
