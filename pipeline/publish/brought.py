"""Who brought the expansion of a month, what is in the pipeline beside it, and what became of won deals.

Belongs here: reading it from the warehouse. How it looks is in `render_brought`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from pipeline import schemas
from pipeline.database import table_of
from pipeline.months import add_months

ORDER = ("contractual", "sales_driven", "influenced", "natural", "unknown")


@dataclass(frozen=True, slots=True)
class Share:
    """Expansion of one attribution: money in major units, and its accounts."""

    attribution: str
    amount: float
    accounts: int


@dataclass(frozen=True, slots=True)
class Won:
    """The expansion deals won in the last months: how many by outcome, and what those that pay brought.

    Attributes:
        months: over how many closed months.
        outcomes: outcome -> deals.
        amount: amounts of the deals that pay, where they have one.
        attributed: the MRR that those explain.
    """

    months: int
    outcomes: Mapping[str, int]
    amount: float
    attributed: float


@dataclass(frozen=True, slots=True)
class Brought:
    """Who brought the expansion of one month.

    Attributes:
        month: a closed month.
        shares: by attribution, in the order in which they are tried.
        sensitivity: days of every window -> the amounts by attribution.
        open_deals: expansion deals that were open at the month's end.
        open_amount: their amounts.
        weighted: the same, by how likely they are won; null where the CRM does not say.
        won: what became of won deals.
    """

    month: date
    shares: tuple[Share, ...]
    sensitivity: Mapping[int, Mapping[str, float]]
    open_deals: int
    open_amount: float
    weighted: float | None
    won: Won


def brought(connection: Connection, month: date, months: int) -> Brought | None:
    """Who brought the expansion of `month`; won deals of `months` months up to it. None where no CRM is connected."""
    if not _connected(connection):
        return None
    deals, amount, weighted = _pipeline(connection, month)
    return Brought(
        month=month,
        shares=_shares(connection, month),
        sensitivity=_sensitivity(connection, month),
        open_deals=deals,
        open_amount=amount,
        weighted=weighted,
        won=_won(connection, month, months),
    )


def _connected(connection: Connection) -> bool:
    """Whether a CRM told of any account or deal."""
    account, deal = table_of(schemas.ACCOUNT), table_of(schemas.CRM_DEAL)
    in_crm = select(func.count()).select_from(account).where(account.c.source != "stripe")
    deals = select(func.count()).select_from(deal)
    return bool(connection.execute(in_crm).scalar() or connection.execute(deals).scalar())


def _shares(connection: Connection, month: date) -> tuple[Share, ...]:
    table = table_of(schemas.EXPANSION_ATTRIBUTION)
    rows = connection.execute(
        select(
            table.c.attribution,
            func.sum(table.c.amount),
            func.count(table.c.account_id.distinct()),
        )
        .where(table.c.month == month)
        .group_by(table.c.attribution)
    ).all()
    found = {kind: Share(kind, float(amount), accounts) for kind, amount, accounts in rows}
    return tuple(found[kind] for kind in ORDER if kind in found)


def _sensitivity(connection: Connection, month: date) -> dict[int, dict[str, float]]:
    table = table_of(schemas.ATTRIBUTION_SENSITIVITY)
    rows = connection.execute(
        select(table.c.days, table.c.attribution, table.c.amount)
        .where(table.c.month == month)
        .order_by(table.c.days)
    ).all()
    found: dict[int, dict[str, float]] = {}
    for days, attribution, amount in rows:
        found.setdefault(days, {})[attribution] = float(amount)
    return found


def _pipeline(connection: Connection, month: date) -> tuple[int, float, float | None]:
    """Deals, amounts and weighted amounts."""
    table = table_of(schemas.CRM_PIPELINE)
    deals, amount, weighted = connection.execute(
        select(func.sum(table.c.deals), func.sum(table.c.amount), func.sum(table.c.weighted)).where(
            table.c.month == month
        )
    ).one()
    return int(deals or 0), float(amount or 0), None if weighted is None else float(weighted)


def _won(connection: Connection, last: date, months: int) -> Won:
    table, metrics = table_of(schemas.DEAL_RECONCILIATION), table_of(schemas.EXPANSION_METRICS)
    first = add_months(last, 1 - months)
    rows = connection.execute(
        select(table.c.outcome, table.c.amount, table.c.attributed_mrr).where(
            table.c.month.between(first, last)
        )
    ).all()
    held = connection.execute(
        select(func.count(metrics.c.month.distinct())).where(metrics.c.month.between(first, last))
    ).scalar_one()
    outcomes = [row.outcome for row in rows]
    paid = [row for row in rows if row.outcome == "paid" and row.amount]
    return Won(
        months=held,
        outcomes={each: outcomes.count(each) for each in sorted(set(outcomes))},
        amount=float(sum(row.amount for row in paid)),
        attributed=float(sum(row.attributed_mrr for row in paid)),
    )
