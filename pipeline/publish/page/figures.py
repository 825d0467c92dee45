"""One month as the page shows it, read from the warehouse.

Belongs here: putting a month together, and members and stages of deals. What several months show is in `past`, accounts
are read in `accounts`, alerts and checks in `notes`. Money is in major units of the reporting currency, shares as they
are (0.05 = 5%).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, or_, select

from pipeline import schemas
from pipeline.database import table_of
from pipeline.metrics.contributions import ROLL_FORWARD
from pipeline.months import add_months
from pipeline.publish.brought import Brought, brought
from pipeline.publish.page.accounts import Mover, movers
from pipeline.publish.page.given import Given
from pipeline.publish.page.growth import Year, growth
from pipeline.publish.page.notes import Notes, notes
from pipeline.publish.page.past import YEAR, Past, Row, latest_of, rows
from pipeline.publish.page.within import Within, within
from pipeline.publish.ready import Listed, ready

READY = 10
"""Accounts of the list of those that expand next."""
SPLITS = ("segment", "owner")
COLUMNS = tuple(column.name for column in schemas.EXPANSION_METRICS.columns)


@dataclass(frozen=True, slots=True)
class Month:
    """Everything on one month's page.

    Attributes:
        month: its first day.
        total: EXPANSION_METRICS of the total, window of one month.
        before: the same of the month before; null where there is none.
        year: of the month, window of twelve months; null where there is none.
        months: the total of the last months up to this one, oldest first.
        years: the same in the window of twelve months.
        members: dimension -> EXPANSION_METRICS of its members, window of one month, largest expansion first.
        types: month, type, amount and accounts of the total's expansion over the last year.
        cohorts: cohort_month, age_months, accounts, nrr and grr as far as they are over by this month.
        growth: how fast the cohorts of twelve months grew together, latest first.
        stages: stage, deals, amount and weighted of the open expansion pipeline.
        brought: who brought the expansion; null without a CRM.
        movers: the accounts that grew and shrank most.
        within: what accounts did within the month and took back.
        ready: the accounts that expand next; null where the month was not scored.
        notes: alerts, checks, restatements and evidence.
    """

    month: date
    total: Row
    before: Row | None
    year: Row | None
    months: tuple[Row, ...]
    years: tuple[Row, ...]
    members: Mapping[str, tuple[Row, ...]]
    types: tuple[Row, ...]
    cohorts: tuple[Row, ...]
    growth: tuple[Year, ...]
    stages: tuple[Row, ...]
    brought: Brought | None
    movers: tuple[Mover, ...]
    within: Within
    ready: Listed | None
    notes: Notes


def read(connection: Connection, month: date, given: Given, known: Past) -> Month:
    """The page of `month`, which must be published.

    Args:
        connection: to the warehouse.
        month: which one.
        given: what the configuration says.
        known: what several pages show.

    Raises:
        KeyError: the warehouse does not hold the month.
    """
    months, years = known.series(month, 1), known.series(month, YEAR)
    if not months or months[-1]["month"] != month:
        raise KeyError(month)
    before = [row for row in months if row["month"] == add_months(month, -1)]
    year = [row for row in years if row["month"] == month]
    latest = latest_of(known.held)
    return Month(
        month=month,
        total=months[-1],
        before=before[0] if before else None,
        year=year[0] if year else None,
        months=months,
        years=years,
        members={split: _members(connection, month, split) for split in SPLITS},
        types=known.types_of(month),
        cohorts=known.cohorts_of(month),
        growth=growth(known.growth, month),
        stages=_stages(connection, month),
        brought=brought(connection, month, YEAR),
        movers=movers(connection, month, given),
        within=within(connection, month),
        ready=ready(connection, month, READY),
        notes=notes(connection, month, given.judged, recent=latest is None or month >= latest),
    )


def _members(connection: Connection, month: date, dimension: str) -> tuple[Row, ...]:
    table = table_of(schemas.EXPANSION_METRICS)
    return rows(
        connection,
        select(table)
        .where(
            table.c.dimension == dimension,
            table.c.window_months == 1,
            table.c.month == month,
            # A member that only has something to come is nobody's yet.
            or_(*(table.c[name] != 0 for name in ROLL_FORWARD)),
        )
        .order_by(table.c.expansion_mrr.desc(), table.c.member),
    )


def _stages(connection: Connection, month: date) -> tuple[Row, ...]:
    table = table_of(schemas.CRM_PIPELINE)
    found: dict[str, dict[str, Any]] = {}
    for row in rows(connection, select(table).where(table.c.month == month)):
        stage = found.setdefault(
            row["stage"], {"stage": row["stage"], "deals": 0, "amount": 0.0, "weighted": None}
        )
        for name in ("deals", "amount"):
            stage[name] += row[name] or 0
        if row["weighted"] is not None:
            stage["weighted"] = (stage["weighted"] or 0) + row["weighted"]
    return tuple(sorted(found.values(), key=lambda stage: (-stage["amount"], stage["stage"])))
