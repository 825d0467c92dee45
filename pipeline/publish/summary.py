"""What a person wants to know first: the last months, where expansion came from, how sure it is, what was sent.

Belongs here: reading it from the warehouse. How it looks is in `render`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, select

from pipeline import schemas
from pipeline.database import reading, table_of
from pipeline.months import add_months
from pipeline.publish.brought import Brought, brought

GRADES = ("exact", "invoiced", "bounded", "inferred")
YEAR = 12


@dataclass(frozen=True, slots=True)
class Figures:
    """The total of one month over one window: money in major units of the reporting currency, shares as they are."""

    month: date
    provisional: bool
    version: int
    opening: float
    fx: float
    new: float
    expansion: float
    contraction: float
    churned: float
    reactivation: float
    closing: float
    closing_accounts: int
    expansion_rate: float | None
    nrr: float | None
    grr: float | None
    quick_ratio: float | None
    band: str | None
    policy: str


@dataclass(frozen=True, slots=True)
class TypeOfExpansion:
    """Expansion of one type: in the last closed month, and in the window of twelve months that ends with it."""

    type: str
    month: float
    year: float
    accounts: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A message to Slack and what became of it."""

    kind: str
    status: str
    channel: str
    text: str
    day: date | None = None
    """When it was sent, in UTC."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The warehouse in short.

    Attributes:
        months: the last months, oldest first, in the window of one month.
        last_closed: the latest of them that is closed.
        year: the same month in the window of twelve months.
        types: expansion by type, largest over the year first.
        evidence: grade -> share of the account-months shown.
        messages: what was sent to Slack, or could not be, latest first.
        accounts: how many accounts have MRR in the last of the months.
        linked: share of those accounts that are CRM accounts.
        brought: who brought the expansion of the last closed month; null without a CRM.
    """

    months: tuple[Figures, ...]
    last_closed: Figures | None
    year: Figures | None
    types: tuple[TypeOfExpansion, ...]
    evidence: Mapping[str, float]
    messages: tuple[Sent, ...]
    accounts: int
    linked: float | None
    brought: Brought | None


def summary(source: Engine, months: int = YEAR, messages: int = 3) -> Summary:
    """The last `months` months as the warehouse has them, and the last `messages` messages."""
    with reading(source) as connection:
        totals = _totals(connection, months)
        monthly = tuple(each for window, each in totals if window == 1)[-months:]
        closed = [each for each in monthly if not each.provisional]
        last = closed[-1] if closed else None
        accounts, linked = _accounts(connection, monthly)
        return Summary(
            months=monthly,
            last_closed=last,
            year=next(
                (
                    each
                    for window, each in totals
                    if window == YEAR and last and each.month == last.month
                ),
                None,
            ),
            types=_types(connection, last.month) if last else (),
            evidence=_evidence(connection, [each.month for each in monthly]),
            messages=_messages(connection, messages),
            accounts=accounts,
            linked=linked,
            brought=brought(connection, last.month, months) if last else None,
        )


def _totals(connection: Connection, months: int) -> list[tuple[int, Figures]]:
    metrics = table_of(schemas.EXPANSION_METRICS)
    latest = connection.execute(select(func.max(metrics.c.month))).scalar()
    if latest is None:
        return []
    rows = connection.execute(
        select(metrics)
        .where(metrics.c.dimension == "total", metrics.c.month > add_months(latest, -months))
        .order_by(metrics.c.month)
    ).mappings()
    return [(row["window_months"], _figures(row)) for row in rows]


def _figures(row: Mapping[Any, Any]) -> Figures:
    return Figures(
        month=row["month"],
        provisional=row["provisional"],
        version=row["version"],
        opening=float(row["starting_mrr"]),
        fx=float(row["fx_mrr"]),
        new=float(row["new_mrr"]),
        expansion=float(row["expansion_mrr"]),
        contraction=float(row["contraction_mrr"]),
        churned=float(row["churned_mrr"]),
        reactivation=float(row["reactivation_mrr"]),
        closing=float(row["ending_mrr"]),
        closing_accounts=row["closing_accounts"],
        expansion_rate=row["expansion_rate"],
        nrr=row["nrr"],
        grr=row["grr"],
        quick_ratio=row["quick_ratio"],
        band=row["band"],
        policy=row["policy"],
    )


def _types(connection: Connection, month: date) -> tuple[TypeOfExpansion, ...]:
    types = table_of(schemas.EXPANSION_BY_TYPE)
    rows = connection.execute(
        select(types.c.type, types.c.window_months, types.c.amount, types.c.accounts).where(
            types.c.dimension == "total",
            types.c.window_months.in_((1, YEAR)),
            types.c.month == month,
        )
    ).all()
    held = {(row.type, row.window_months): row for row in rows}
    found = []
    for kind in {row.type for row in rows}:
        own, year = held.get((kind, 1)), held.get((kind, YEAR))
        found.append(
            TypeOfExpansion(
                type=kind,
                month=float(own.amount) if own else 0.0,
                year=float(year.amount) if year else 0.0,
                accounts=own.accounts if own else 0,
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.year, -each.month, each.type)))


def _evidence(connection: Connection, months: Sequence[date]) -> dict[str, float]:
    movement = table_of(schemas.MRR_MOVEMENT)
    rows = connection.execute(
        select(movement.c.evidence, func.count())
        .where(movement.c.month.in_(months))
        .group_by(movement.c.evidence)
    ).all()
    counts = {grade: count for grade, count in rows if grade is not None}
    whole = sum(counts.values())
    return {grade: counts[grade] / whole for grade in GRADES if counts.get(grade)}


def _accounts(connection: Connection, months: Sequence[Figures]) -> tuple[int, float | None]:
    if not months:
        return 0, None
    movement, account = table_of(schemas.MRR_MOVEMENT), table_of(schemas.ACCOUNT)
    rows = connection.execute(
        select(account.c.source, func.count())
        .select_from(_joined(movement, account))
        .where(movement.c.month == months[-1].month, movement.c.closing_mrr > 0)
        .group_by(account.c.source)
    ).all()
    counts = {source or "stripe": count for source, count in rows}
    whole = sum(counts.values())
    return whole, 1 - counts.get("stripe", 0) / whole if whole else None


def _joined(movement: Table, account: Table) -> Any:
    return movement.outerjoin(account, account.c.account_id == movement.c.account_id)


def _messages(connection: Connection, count: int) -> tuple[Sent, ...]:
    outbox = table_of(schemas.SLACK_OUTBOX)
    rows = connection.execute(
        select(outbox).order_by(outbox.c.created_at.desc(), outbox.c.key).limit(count)
    ).mappings()
    return tuple(
        Sent(
            row["kind"],
            row["status"],
            row["channel"] or "",
            _text(row["payload_json"]),
            row["sent_at"].date() if row["sent_at"] else None,
        )
        for row in rows
    )


def _text(payload: str | None) -> str:
    text = json.loads(payload or "{}").get("text", "")
    return str(text)
