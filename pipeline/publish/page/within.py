"""What accounts did within a month and took back, as the page shows it: how many, how much, and the largest.

Belongs here: reading it from the warehouse. Money is in major units of the reporting currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from pipeline import schemas
from pipeline.database import table_of

TOP = 5
TABLE = schemas.INTRA_MONTH_ACTIVITY


@dataclass(frozen=True, slots=True)
class Turner:
    """An account that went up and down within the month, or had items that came and left."""

    name: str
    up: float
    down: float
    netted: float
    passing: int


@dataclass(frozen=True, slots=True)
class Within:
    """What the month's movements do not show.

    Attributes:
        accounts: how many went up and down.
        netted: the MRR that went up and down again, or down and up.
        passing: items that counted within the month alone.
        hosts: accounts that held them.
        top: the accounts with most of it.
        more: accounts beyond those.
    """

    accounts: int
    netted: float
    passing: int
    hosts: int
    top: tuple[Turner, ...]
    more: int


def within(connection: Connection, month: date) -> Within:
    """The activity of `month`; nothing at all where no account has a row."""
    table, account = table_of(TABLE), table_of(schemas.ACCOUNT)
    netted, passing = table.c.netted_mrr, table.c.passing_items
    here = table.c.month == month
    whole = connection.execute(
        select(
            func.count().label("rows"),
            func.count().filter(netted > 0).label("accounts"),
            func.coalesce(func.sum(netted), 0).label("netted"),
            func.coalesce(func.sum(passing), 0).label("passing"),
            func.count().filter(passing > 0).label("hosts"),
        ).where(here)
    ).one()
    largest = connection.execute(
        select(table, account.c.name)
        .select_from(table.outerjoin(account, account.c.account_id == table.c.account_id))
        .where(here)
        .order_by(netted.desc(), passing.desc(), table.c.account_id)
        .limit(TOP)
    ).mappings()
    top = tuple(_turner(row) for row in largest)
    return Within(
        accounts=whole.accounts,
        netted=float(whole.netted),
        passing=int(whole.passing),
        hosts=whole.hosts,
        top=top,
        more=whole.rows - len(top),
    )


def _turner(row: Mapping[Any, Any]) -> Turner:
    return Turner(
        name=row["name"] or row["account_id"],
        up=float(row["up_mrr"]),
        down=float(row["down_mrr"]),
        netted=float(row["netted_mrr"]),
        passing=row["passing_items"],
    )
