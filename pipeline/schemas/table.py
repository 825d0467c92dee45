"""What a table is: its columns with a sentence each, its grain and its key.

Belongs here: the description of a table and what is derived from it (`pl.Schema`, an empty frame, a conformed frame).
Does not belong here: any table itself (see the modules beside this one), SQL types (`pipeline.database`), or I/O.
"""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from pipeline.errors import SchemaMismatch

UTC = pl.Datetime("us", "UTC")
MONEY = pl.Int64
RATE = pl.Int64

Kind = Literal["plain", "money", "rate", "ratio", "month", "json"]
"""How a column is read: `money` is Int64 micro-units here and NUMERIC(20,6) major units in the warehouse, `rate` is
an exchange rate scaled by 1e12, `ratio` is a Float64 share (0.05 = 5%), `month` a month's first day."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, Polars type, one sentence for people, and how its values are to be read."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    doc: str
    kind: Kind = "plain"
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake or the warehouse: one row per `grain`, unique on `key`."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitioned: bool = False
    """One object a month in the lake, replaced as a whole."""
    append_only: bool = False
    """Every write adds an object; nothing is replaced."""
    published: tuple[str, ...] = field(default=())
    """The columns of the warehouse table; empty: the table is not published."""

    @property
    def schema(self) -> pl.Schema:
        """The Polars schema, in column order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def empty(self) -> pl.DataFrame:
        """A frame of this schema without rows."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """`frame` with exactly this table's columns, in order and of their types.

        Raises:
            SchemaMismatch: a column is missing (extra columns are dropped).
        """
        present = frame.collect_schema()
        missing = [name for name in self.names if name not in present]
        if missing:
            raise SchemaMismatch(
                f"Table {self.name}: the frame has no column {', '.join(missing)}. "
                f"The step that writes it must produce every column of its schema."
            )
        return frame.select(
            pl.col(column.name)
            if present[column.name] == column.dtype
            else pl.col(column.name).cast(column.dtype)
            for column in self.columns
        )


def money(name: str, doc: str) -> Column:
    """A money column: Int64 micro-units in the lake, NUMERIC(20,6) major units in the warehouse."""
    return Column(name, MONEY, doc, kind="money")


def ratio(name: str, doc: str) -> Column:
    """A Float64 share; null where undefined."""
    return Column(name, pl.Float64, doc, kind="ratio")


def text(name: str, doc: str, *, key: bool = False) -> Column:
    """A text column."""
    return Column(name, pl.String, doc, nullable=not key)


def count(name: str, doc: str) -> Column:
    """A whole number."""
    return Column(name, pl.Int64, doc)


def instant(name: str, doc: str) -> Column:
    """An instant in UTC, microseconds."""
    return Column(name, UTC, doc)


def flag(name: str, doc: str) -> Column:
    """True or false."""
    return Column(name, pl.Boolean, doc)


def month_column(doc: str = "First day of the month.") -> Column:
    """The month a row belongs to."""
    return Column("month", pl.Date, doc, kind="month", nullable=False)
