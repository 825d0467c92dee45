"""Reading the warehouse's tables as the frames that the pure functions take.

Belongs here: published columns, money in micro-units; the columns that are not published are null.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, select

from pipeline.config import AlertRule
from pipeline.database import table_of
from pipeline.money import MICRO
from pipeline.months import Calendar
from pipeline.schemas import EXPANSION_METRICS, Table


def read(connection: Connection, table: Table, *where: ColumnElement[bool]) -> pl.DataFrame:
    """The rows of a table that meet every condition, with all columns of its schema."""
    return framed(connection.execute(select(table_of(table)).where(*where)).mappings().all(), table)


def framed(rows: Sequence[Mapping[Any, Any]], table: Table) -> pl.DataFrame:
    """Rows of the database as a frame with all columns of the table's schema."""
    money = {column.name for column in table.columns if column.kind == "money"}
    return pl.DataFrame(
        [[_value(row, name, money) for name in table.names] for row in rows],
        schema=table.schema,
        orient="row",
    )


def closed_metrics(
    connection: Connection, rules: Sequence[AlertRule], calendar: Calendar
) -> pl.DataFrame:
    """The figures that the rules read, of closed months only: EXPANSION_METRICS."""
    metrics = table_of(EXPANSION_METRICS)
    return read(
        connection,
        EXPANSION_METRICS,
        metrics.c.dimension.in_({rule.dimension for rule in rules}),
        metrics.c.window_months.in_({rule.window_months for rule in rules}),
        metrics.c.month <= calendar.last_closed,
        metrics.c.provisional.is_(False),
    )


def _value(row: Mapping[Any, Any], name: str, money: set[str]) -> Any:
    value = row.get(name)
    return int(value * MICRO) if name in money and value is not None else value
