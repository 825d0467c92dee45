"""The warehouse's tables: a month is replaced as a whole, in one transaction.

Belongs here: what is deleted and inserted, and in which transaction. Readers see the old months or the new ones.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, delete, extract, func, select

from pipeline import schemas
from pipeline.database import reading, table_of
from pipeline.errors import SchemaMismatch
from pipeline.months import add_months
from pipeline.publish.bulk import insert_rows
from pipeline.publish.rows import to_frame
from pipeline.schemas import EXPANSION_COHORT, MRR_SNAPSHOT, RESTATEMENT, Table

ITEM_MONTHS = 25
Rows = pl.DataFrame | Sequence[pl.LazyFrame]
"""A table's rows, or lots of them that fit into memory: they are read one after the other, the last first."""


def publish_months(
    target: Engine,
    frames: Mapping[str, Rows],
    months: Sequence[date],
    *,
    whole: Mapping[str, pl.LazyFrame] | None = None,
    restatements: pl.DataFrame | None = None,
    item_months: int = ITEM_MONTHS,
    beside: Sequence[tuple[Mapping[str, Rows], Sequence[date]]] = (),
    still: Callable[[Connection], None] | None = None,
) -> dict[str, int]:
    """Replace `months` of the tables named in `frames`, all in one transaction.

    Args:
        target: the warehouse.
        frames: table -> rows with a column `month`, money in micro-units, lots in order of months. Rows of other
            months are not looked at; of tables without a published window, those of the window of one month are
            published.
        months: the months that are replaced, also where a frame has no row of them.
        whole: table -> rows of tables that are replaced as a whole, as `account`.
        restatements: RESTATEMENT rows that are added in the same transaction.
        item_months: months of item snapshots that the warehouse keeps, up to the latest.
        beside: frames of some tables, each with the months of them that are replaced in the same transaction.
        still: is called within the transaction, before whole tables are replaced; what it raises undoes everything.

    Returns:
        Rows inserted, by table; without those beside.

    Raises:
        SchemaMismatch: a table is not published by month, or a frame lacks a column.
    """
    wanted = sorted(set(months))
    inserted: dict[str, int] = {}
    with target.begin() as connection:
        inserted |= _replace_months(connection, frames, wanted, item_months)
        for others, theirs in beside:
            _replace_months(connection, others, sorted(set(theirs)), item_months)
        if MRR_SNAPSHOT.name in frames:
            _forget_items(connection, item_months)
        if restatements is not None:
            inserted[RESTATEMENT.name] = insert_rows(connection, RESTATEMENT, restatements)
        if still is not None:
            still(connection)
        for name, rows in (whole or {}).items():
            inserted[name] = _replace(connection, _published(name), rows.collect())
    return inserted


def replace_table(target: Engine, table_name: str, frame: pl.DataFrame) -> int:
    """Replace every row of a table, as `account` or `fx_rate`; returns how many rows it has now.

    Raises:
        SchemaMismatch: there is no such published table, or the frame lacks a column.
    """
    with target.begin() as connection:
        return _replace(connection, _published(table_name), frame)


def published(
    source: Engine, table_name: str, months: Sequence[date] | None = None
) -> pl.DataFrame:
    """What the warehouse holds of a table: its published columns, money in micro-units, sorted by key.

    Args:
        source: the warehouse.
        table_name: a published table.
        months: only these months; null for all.
    """
    table = _published(table_name)
    stored = table_of(table)
    query = select(stored).order_by(*stored.primary_key.columns)
    if months is not None:
        query = query.where(_of_months(table, sorted(set(months))))
    with reading(source) as connection:
        return to_frame(table, connection.execute(query).mappings().all())


def months_of(source: Engine, table_name: str) -> list[date]:
    """The months of which the warehouse has rows of a table, sorted."""
    stored = table_of(_monthly(table_name))
    with reading(source) as connection:
        found = connection.execute(select(stored.c.month).distinct().order_by(stored.c.month))
        return list(found.scalars())


def _replace(connection: Connection, table: Table, frame: pl.DataFrame) -> int:
    connection.execute(delete(table_of(table)))
    return insert_rows(connection, table, frame)


def _replace_months(
    connection: Connection, frames: Mapping[str, Rows], months: list[date], item_months: int
) -> dict[str, int]:
    """Rows inserted, by table."""
    inserted = dict.fromkeys(frames, 0)
    for name, rows in frames.items():
        table = _monthly(name)
        connection.execute(delete(table_of(table)).where(_of_months(table, months)))
        lots = [rows.lazy()] if isinstance(rows, pl.DataFrame) else rows
        for lot in reversed(lots):
            shown = _shown(table, lot, months)
            if table is MRR_SNAPSHOT and (first := _first_kept(connection, item_months)):
                shown = shown.filter(pl.col("month") >= first)
            inserted[name] += insert_rows(connection, table, shown.collect())
    return inserted


def _shown(table: Table, rows: pl.LazyFrame, months: list[date]) -> pl.LazyFrame:
    shown = rows.filter(pl.col("month").is_in(months))
    if "window_months" in table.names and "window_months" not in table.published:
        shown = shown.filter(pl.col("window_months") == 1)
    return shown


def _first_kept(connection: Connection, item_months: int) -> date | None:
    """The first month whose items are kept; None while there is no item."""
    latest = connection.execute(select(func.max(table_of(MRR_SNAPSHOT).c.month))).scalar()
    return None if latest is None else add_months(latest, 1 - item_months)


def _forget_items(connection: Connection, item_months: int) -> None:
    if first := _first_kept(connection, item_months):
        items = table_of(MRR_SNAPSHOT)
        connection.execute(delete(items).where(items.c.month < first))


def _published(name: str) -> Table:
    table = schemas.TABLES.get(name)
    if table is None or not table.published:
        raise SchemaMismatch(f"'{name}' is no table of the warehouse.")
    return table


def _monthly(name: str) -> Table:
    table = _published(name)
    if not table.partitioned:
        raise SchemaMismatch(f"Table {name} is not published by month; replace it as a whole.")
    return table


def _of_months(table: Table, months: list[date]) -> ColumnElement[bool]:
    """Whether a stored row belongs to one of `months`; a cohort's row to the month that its age falls in."""
    stored = table_of(table)
    if table is not EXPANSION_COHORT:
        return stored.c.month.in_(months)
    begun = stored.c.cohort_month
    number = extract("year", begun) * 12 + extract("month", begun) + stored.c.age_months
    return number.in_([month.year * 12 + month.month for month in months])
