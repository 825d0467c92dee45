"""Who expands next, as people read it: the accounts in order, with reasons, and how far the order can be trusted.

Belongs here: reading it from the warehouse. Whom an experiment holds out is in no list: nobody should ask them. Money
is in major units of the reporting currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, func, select

from pipeline import schemas
from pipeline.database import table_of
from pipeline.months import add_months

RUNS = 3
"""Months after the scored one in which an experiment runs."""
REASONS = 3


@dataclass(frozen=True, slots=True)
class Ready:
    """An account of the list; `probability` is null where no record tells, `reasons` begin with the weightiest."""

    rank: int
    account_id: str
    name: str
    owner: str | None
    score: float
    probability: float | None
    motion: str | None
    mrr: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """The list of a month.

    Attributes:
        month: the month that was scored.
        method: what orders the accounts.
        verdict: `better`, `baseline`, `nothing`, or `unproven`, also where there is no record at all.
        lift: of the first tenth of that order, with the ends of its interval; null where unknown.
        origins: month ends that the record looked back at.
        expanded: accounts that expanded after them, as far as the record knows.
        taught: of points learned from outcomes the lift, and how much it is above that of the rules; null: none yet.
        accounts: the first of them.
        more: accounts beyond those.
        blocked: accounts that something blocks.
        held_out: accounts that an experiment holds out.
    """

    month: date
    method: str
    verdict: str
    lift: tuple[float, float, float] | None
    origins: int
    expanded: int
    taught: tuple[float, float] | None
    accounts: tuple[Ready, ...]
    more: int
    blocked: int
    held_out: int


def ready(
    connection: Connection, month: date, first: int | None = None, owner: str | None = None
) -> Listed | None:
    """The list of `month`; null where it was not scored.

    Args:
        connection: to the warehouse.
        month: whose scores.
        first: only so many accounts; null: all.
        owner: only those of one owner, as the CRM names it.
    """
    scores = table_of(schemas.READINESS_SCORE)
    here = [scores.c.month == month, *([scores.c.owner == owner] if owner is not None else [])]
    away = scores.c.account_id.in_(_held_out(month))
    clear = scores.c.blocked.is_(None)
    whole = connection.execute(
        select(
            func.count().filter(clear, ~away).label("ready"),
            func.count().filter(~clear).label("blocked"),
            func.count().filter(clear, away).label("held_out"),
        ).where(*here)
    ).one()
    method = connection.execute(
        select(func.max(scores.c.method)).where(scores.c.month == month)
    ).scalar()
    if method is None:
        return None
    account = table_of(schemas.ACCOUNT)
    rows = connection.execute(
        select(scores, account.c.name)
        .select_from(scores.outerjoin(account, account.c.account_id == scores.c.account_id))
        .where(*here, clear, ~away)
        .order_by(scores.c.rank)
        .limit(first)
    )
    found = [dict(row) for row in rows.mappings()]
    said = _reasons(connection, month, max((row["rank"] for row in found), default=0))
    record = _record(connection, month, method)
    return Listed(
        month=month,
        method=method,
        verdict=str(record["verdict"]) if record else "unproven",
        lift=_lift(record),
        origins=int(record["origins"]) if record else 0,
        expanded=_expanded(connection, month),
        taught=_taught(connection, month),
        accounts=tuple(_ready(row, said.get(row["account_id"], ())) for row in found),
        more=whole.ready - len(found),
        blocked=whole.blocked,
        held_out=whole.held_out,
    )


def newest(connection: Connection) -> date | None:
    """The newest month that was scored."""
    found: date | None = connection.execute(
        select(func.max(table_of(schemas.READINESS_SCORE).c.month))
    ).scalar()
    return found


def owners(connection: Connection, month: date) -> list[str]:
    """The owners of the accounts that were scored in a month, by name."""
    owner = table_of(schemas.READINESS_SCORE).c.owner
    query = select(owner).distinct().order_by(owner)
    scored = table_of(schemas.READINESS_SCORE).c.month == month
    return list(connection.execute(query.where(scored, owner.is_not(None))).scalars())


def _held_out(month: date) -> Select[Any]:
    """The accounts that nobody asks: held out by an experiment that ran at the month, or was begun since."""
    kept, member = table_of(schemas.EXPERIMENT), table_of(schemas.EXPERIMENT_MEMBER)
    running = kept.c.month >= add_months(month, 1 - RUNS)
    return (
        select(member.c.account_id)
        .join(kept, kept.c.experiment == member.c.experiment)
        .where(running, member.c.arm == "held_out")
    )


def _reasons(connection: Connection, month: date, until: int) -> dict[str, tuple[str, ...]]:
    """Account -> what gave most points, of those up to a rank."""
    told, scores = table_of(schemas.READINESS_REASON), table_of(schemas.READINESS_SCORE)
    rows = connection.execute(
        select(told.c.account_id, told.c.words)
        .join(scores, (scores.c.account_id == told.c.account_id) & (scores.c.month == told.c.month))
        .where(told.c.month == month, told.c.position <= REASONS, scores.c.rank <= until)
        .order_by(told.c.account_id, told.c.position)
    )
    found: dict[str, tuple[str, ...]] = {}
    for account, words in rows:
        found[account] = (*found.get(account, ()), words)
    return found


def _record(connection: Connection, month: date, method: str) -> Mapping[Any, Any] | None:
    record = table_of(schemas.SCORE_EVALUATION)
    query = select(record).where(
        record.c.month == month, record.c.method == method, record.c.measure == "lift_tenth"
    )
    return connection.execute(query).mappings().one_or_none()


def _expanded(connection: Connection, month: date) -> int:
    record = table_of(schemas.SCORE_EVALUATION)
    found = connection.execute(
        select(func.max(record.c.positives)).where(record.c.month == month)
    ).scalar()
    return int(found or 0)


def _taught(connection: Connection, month: date) -> tuple[float, float] | None:
    record = table_of(schemas.SCORE_EVALUATION)
    query = select(record.c.measure, record.c.value).where(
        record.c.month == month,
        record.c.method == "logistic",
        record.c.measure.in_(["lift_tenth", "lift_over_rules"]),
        record.c.value.is_not(None),
    )
    found = {measure: float(value) for measure, value in connection.execute(query)}
    return (found["lift_tenth"], found["lift_over_rules"]) if len(found) > 1 else None


def _lift(record: Mapping[Any, Any] | None) -> tuple[float, float, float] | None:
    values = [record[name] for name in ("value", "low", "high")] if record else []
    known = [float(value) for value in values if value is not None]
    return (known[0], known[1], known[2]) if len(known) == len(values) == 3 else None  # noqa: PLR2004


def _ready(row: Mapping[str, Any], reasons: tuple[str, ...]) -> Ready:
    return Ready(
        rank=row["rank"],
        account_id=row["account_id"],
        name=row["name"] or row["account_id"],
        owner=row["owner"],
        score=row["score"],
        probability=row["probability"],
        motion=row["motion"],
        mrr=float(row["mrr"]),
        reasons=reasons,
    )
