"""A warehouse of which every row tells the version that wrote it, so that a mixture of two can be recognised.

Version 1 publishes every month, each one after it two of three; the table `account` always names the latest. So what
the whole warehouse must hold follows from the version that `account` names.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Engine,
    Integer,
    Row,
    Select,
    cast,
    extract,
    func,
    literal,
    select,
    union_all,
)

from pipeline.database import reading, table_of
from pipeline.money import MICRO
from pipeline.publish import publish_months, published
from pipeline.schemas import ACCOUNT, EXPANSION_COHORT, PUBLISHED, RESTATEMENT, Column, Table

MONTHS = (date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1))
ROWS = 60
"""Rows of a month of a table; versions differ in it, too."""
TABLES = {table.name: table for table in PUBLISHED if table.partitioned}
State = dict[tuple[str, int], tuple[int, int, int]]
"""(table, number of the month) -> rows, least and greatest version; of tables without months the number is 0."""


def covered(version: int) -> tuple[date, ...]:
    """The months that a version publishes."""
    return MONTHS if version == 1 else MONTHS[version % 2 :][:2]


def last(month: date, version: int) -> int:
    """The version that wrote a month last, up to `version`."""
    return next(each for each in range(version, 0, -1) if month in covered(each))


def rows_in(version: int) -> int:
    """Rows of each month of each table."""
    return ROWS + version % 7


def rows_of(table: Table, month: date, version: int) -> pl.DataFrame:
    """A month of a table: keys that do not repeat, and everything else says the version."""
    numbers = pl.DataFrame({"number": range(rows_in(version))})
    return numbers.select(_values(table, column, month, version) for column in table.columns)


def _values(table: Table, column: Column, month: date, version: int) -> pl.Expr:
    number = pl.col("number")
    if column.name == "month":
        value = pl.lit(month)
    elif column.name == "cohort_month":
        value = pl.lit(month).dt.offset_by(pl.format("-{}mo", number))
    elif column.name == "age_months":
        value = number
    elif column.name == "window_months":
        value = pl.lit(1)
    elif column.name in table.key:
        value = pl.format("k{}", number) if column.dtype == pl.String else number
    elif column.dtype == pl.String:
        value = pl.lit(f"v{version}")
    elif column.dtype in (pl.Int64, pl.Float64):
        value = pl.lit(version * (MICRO if column.kind == "money" else 1))
    else:
        value = pl.lit(None)
    return value.cast(column.dtype).alias(column.name)


def frames_of(version: int) -> dict[str, pl.DataFrame]:
    """What a version publishes by month."""
    return {
        name: pl.concat([rows_of(table, month, version) for month in covered(version)])
        for name, table in TABLES.items()
    }


def accounts_of(version: int) -> pl.DataFrame:
    """The table that is replaced as a whole."""
    accounts = pl.DataFrame({"account_id": [f"a{n}" for n in range(rows_in(version))]})
    return ACCOUNT.conform(
        accounts.lazy().with_columns(
            pl.lit(str(version) if name == "name" else None).alias(name)
            for name in ACCOUNT.names[1:]
        )
    ).collect()


def restated_by(version: int) -> pl.DataFrame:
    """The row that each version adds."""
    row = dict.fromkeys(RESTATEMENT.names) | {
        "month": MONTHS[0],
        "version": version,
        "dimension": "total",
        "member": "all",
        "metric": "nrr",
        "at": datetime(2026, 4, 1, tzinfo=UTC) + timedelta(seconds=version),
    }
    return pl.DataFrame([row], schema=RESTATEMENT.schema)


def publish_version(warehouse: Engine, version: int) -> None:
    """As the asset does: months, whole tables and restatements in one call."""
    publish_months(
        warehouse,
        frames_of(version),
        covered(version),
        whole={ACCOUNT.name: accounts_of(version).lazy()},
        restatements=restated_by(version),
    )


def expected(version: int) -> dict[str, pl.DataFrame]:
    """Everything that a warehouse holds in which nobody was disturbed up to a version."""
    found = {
        name: pl.concat([rows_of(table, month, last(month, version)) for month in MONTHS])
        for name, table in TABLES.items()
    }
    history = [restated_by(each) for each in range(1, version + 1)]
    return found | {ACCOUNT.name: accounts_of(version), RESTATEMENT.name: pl.concat(history)}


def stored(warehouse: Engine) -> Mapping[str, pl.DataFrame]:
    """Everything that the warehouse holds."""
    return {name: published(warehouse, name) for name in (*TABLES, ACCOUNT.name, RESTATEMENT.name)}


def questions() -> list[Select[Any]]:
    """Of every table and month how many rows, and the least and greatest version that they tell."""
    account, restatement = table_of(ACCOUNT), table_of(RESTATEMENT)
    return [
        *(_question(table, _month(table), _mark(table)) for table in TABLES.values()),
        _question(ACCOUNT, literal(0), cast(account.c.name, Integer)),
        _question(RESTATEMENT, literal(0), restatement.c.version),
    ]


def answered(rows: Iterable[Row[Any]]) -> State:
    """What the answers say together."""
    return {(str(name), int(month)): (count, int(a), int(b)) for name, month, count, a, b in rows}


def at_once(warehouse: Engine) -> State:
    """All of it in one statement on a connection of somebody else's, as a dashboard asks."""
    with warehouse.connect() as connection:
        return answered(connection.execute(union_all(*questions())))


def one_by_one(warehouse: Engine) -> State:
    """All of it in a statement a table, as the report asks."""
    with reading(warehouse) as connection:
        return answered(row for each in questions() for row in connection.execute(each))


def shown(state: State) -> int:
    """The version that a warehouse says it shows; 0 before the first."""
    return state[ACCOUNT.name, 0][2] if state else 0


def told(version: int) -> State:
    """What readers see of a version: every month of every table by it, or by the one before that wrote it last."""
    found = {
        (name, number_of(month)): (rows_in(last(month, version)), *2 * (last(month, version),))
        for name in TABLES
        for month in MONTHS
    }
    whole = {
        (ACCOUNT.name, 0): (rows_in(version), version, version),
        (RESTATEMENT.name, 0): (version, 1, version),
    }
    return found | whole if version else {}


def number_of(month: date) -> int:
    """Months since the beginning of the calendar."""
    return month.year * 12 + month.month


def _question(table: Table, month: ColumnElement[Any], mark: ColumnElement[Any]) -> Select[Any]:
    return (
        select(literal(table.name), month, func.count(), func.min(mark), func.max(mark))
        .select_from(table_of(table))
        .group_by(month)
    )


def _month(table: Table) -> ColumnElement[Any]:
    columns = table_of(table).c
    age = columns.age_months if table is EXPANSION_COHORT else literal(0)
    begun = columns.cohort_month if table is EXPANSION_COHORT else columns.month
    return extract("year", begun) * 12 + extract("month", begun) + age


def _mark(table: Table) -> ColumnElement[Any]:
    return next(
        column
        for column in table_of(table).columns
        if column.name not in table.key
        and table.column(column.name).dtype in (pl.Int64, pl.Float64)
    )
