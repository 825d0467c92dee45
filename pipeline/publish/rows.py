"""Frames to rows of the warehouse and back.

Belongs here: micro-units to major units, rates to their decimals, published columns. In the database money is
NUMERIC(20,6) of the reporting currency's major unit; SQLite has floating point beneath.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipeline.money import MICRO, RATE_SCALE
from pipeline.schemas import Column, Table

CHUNK = 10_000
"""Rows that go to the database in one call."""
SCALES = {"money": (6, MICRO), "rate": (12, RATE_SCALE)}


def shown(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The published columns of `frame`, money and rates as decimals in major units.

    Raises:
        SchemaMismatch: the frame lacks a column of the table.
    """
    columns = [table.column(name) for name in table.published]
    return table.conform(frame.lazy()).select(major(column) for column in columns).collect()


def to_frame(table: Table, rows: Sequence[Mapping[Any, Any]]) -> pl.DataFrame:
    """Rows read from the warehouse as a frame of the published columns, money in micro-units again."""
    columns = [table.column(name) for name in table.published]
    found = pl.DataFrame(
        [[row[column.name] for column in columns] for row in rows],
        schema={column.name: _stored_type(column) for column in columns},
        orient="row",
    )
    return found.select(_micro(column) for column in columns)


def major(column: Column) -> pl.Expr:
    """A column as the warehouse shows it: money and rates as decimals in major units."""
    if column.kind not in SCALES:
        return pl.col(column.name)
    decimals, scale = SCALES[column.kind]
    return pl.col(column.name).cast(pl.Decimal(38, decimals)) / pl.lit(scale).cast(
        pl.Decimal(38, 0)
    )


def _micro(column: Column) -> pl.Expr:
    if column.kind not in SCALES:
        return pl.col(column.name)
    return (pl.col(column.name) * SCALES[column.kind][1]).cast(pl.Int64)


def _stored_type(column: Column) -> pl.DataType | type[pl.DataType]:
    if column.kind not in SCALES:
        return column.dtype
    return pl.Decimal(38, SCALES[column.kind][0])
