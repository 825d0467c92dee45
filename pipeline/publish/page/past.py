"""What the pages of several months show, read from the warehouse once for all of them.

Belongs here: totals, types and cohorts of every month. What one page alone shows is read in `figures`. Money is in
major units of the reporting currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, select

from pipeline import schemas
from pipeline.database import table_of
from pipeline.months import add_months

Row = Mapping[str, Any]
SERIES = 25
"""Months of the lines: two years and the month before them."""
YEAR = 12


@dataclass(frozen=True, slots=True)
class Past:
    """The history that pages show parts of.

    Attributes:
        totals: EXPANSION_METRICS of the total over one month and over twelve, oldest first.
        types: month, type, amount and accounts of the total's expansion, oldest first.
        cohorts: the month in which a cohort reached an age -> cohort_month, age_months, accounts, nrr and grr.
        growth: COHORT_GROWTH, money as it is stored.
    """

    totals: tuple[Row, ...]
    types: tuple[Row, ...]
    cohorts: tuple[tuple[date, Row], ...]
    growth: tuple[Row, ...]

    @property
    def held(self) -> tuple[Row, ...]:
        """Every published month's total over one month, oldest first."""
        return tuple(row for row in self.totals if row["window_months"] == 1)

    def series(self, month: date, window: int) -> tuple[Row, ...]:
        """The totals of the two years up to `month`, and the month before them."""
        first = add_months(month, 1 - SERIES)
        return tuple(
            row
            for row in self.totals
            if row["window_months"] == window and first <= row["month"] <= month
        )

    def types_of(self, month: date) -> tuple[Row, ...]:
        """The types of the year up to `month`, and of the month before it."""
        first = add_months(month, -YEAR)
        return tuple(row for row in self.types if first <= row["month"] <= month)

    def cohorts_of(self, month: date) -> tuple[Row, ...]:
        """The cohorts of the two years up to `month`, as far as they are over by then."""
        first = add_months(month, 1 - SERIES)
        return tuple(
            row
            for reached, row in self.cohorts
            if reached <= month and first <= row["cohort_month"] <= month
        )


def past(connection: Connection) -> Past:
    """All of it."""
    cohorts = rows(connection, _cohorts())
    return Past(
        totals=rows(connection, _totals()),
        types=rows(connection, _types()),
        cohorts=tuple((add_months(row["cohort_month"], row["age_months"]), row) for row in cohorts),
        growth=tuple(dict(row) for row in connection.execute(_growth()).mappings()),
    )


def latest_of(held: Sequence[Row]) -> date | None:
    """The month that a reader wants first: the latest closed one, else the latest."""
    rows = [row for row in held if not row["provisional"]] or held
    return rows[-1]["month"] if rows else None


def rows(connection: Connection, query: Select[Any]) -> tuple[Row, ...]:
    """Rows with money as floats: the page rounds to whole units."""
    return tuple(
        {name: _plain(value) for name, value in row.items()}
        for row in connection.execute(query).mappings()
    )


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _totals() -> Select[Any]:
    table = table_of(schemas.EXPANSION_METRICS)
    return (
        select(table)
        .where(table.c.dimension == "total", table.c.window_months.in_([1, YEAR]))
        .order_by(table.c.month)
    )


def _types() -> Select[Any]:
    table = table_of(schemas.EXPANSION_BY_TYPE)
    return (
        select(table.c.month, table.c.type, table.c.amount, table.c.accounts)
        .where(table.c.dimension == "total", table.c.window_months == 1)
        .order_by(table.c.month, table.c.type)
    )


def _cohorts() -> Select[Any]:
    table = table_of(schemas.EXPANSION_COHORT)
    names = ("cohort_month", "age_months", "accounts", "nrr", "grr")
    return select(*(table.c[name] for name in names)).order_by(
        table.c.cohort_month, table.c.age_months
    )


def _growth() -> Select[Any]:
    table = table_of(schemas.COHORT_GROWTH)
    return select(table).order_by(table.c.month, table.c.cohort_month)
