"""What stands beside a month's figures: alerts, checks, how sure the evidence is, links, restatements.

Belongs here: reading it from the warehouse.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from pipeline import schemas
from pipeline.database import table_of
from pipeline.publish.page import words
from pipeline.publish.page.given import Judged
from pipeline.publish.series import Begun, begun

GRADES = ("exact", "invoiced", "bounded", "inferred")
LINKED = "accounts revenue_linked"
FAILED = 20


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule and member that was judged for the month, by the latest evaluation."""

    rule: str
    dimension: str
    member: str
    told: str
    breach: bool | None
    guard: str | None
    state: str | None


@dataclass(frozen=True, slots=True)
class Check:
    """A check that failed, of the run that looked last."""

    name: str
    severity: str
    figures: str


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of the total that changed after the month was closed."""

    version: int
    metric: str
    old: float | None
    new: float | None
    cause: str
    at: str
    evidence: str | None

    @property
    def old_told(self) -> str:
        """The figure before, as text."""
        return _told(self.metric, self.old)

    @property
    def new_told(self) -> str:
        """The figure after, as text."""
        return _told(self.metric, self.new)


@dataclass(frozen=True, slots=True)
class Notes:
    """Everything beside the figures.

    Attributes:
        alerts: judged rules, breaches first.
        checks: how many checks were last looked at for this month or the latest sync.
        failed: those of them that failed.
        evidence: grade -> accounts of the month.
        coverage: share of the MRR that is linked to the CRM, as it is now; null where no check looked.
        links: status -> customers, as it is now; null in months that are not recent.
        changes: restatements of the total.
        series: the series that the figures belong to, where older copies of the page show another one.
    """

    alerts: tuple[Alert, ...]
    checks: int
    failed: tuple[Check, ...]
    evidence: Mapping[str, int]
    coverage: float | None
    links: Mapping[str, int] | None
    changes: tuple[Change, ...]
    series: Begun | None

    @property
    def brought(self) -> Mapping[int, str]:
        """Version -> the ids of what brought it, where ids tell that."""
        return {each.version: each.evidence for each in self.changes if each.evidence}


def notes(connection: Connection, month: date, judged: Judged, *, recent: bool) -> Notes:
    """What stands beside the figures of `month`.

    Args:
        connection: to the warehouse.
        month: whose page it is.
        judged: tells the figures of a rule.
        recent: whether the page says how customers are linked now, which would change every old page each night.
    """
    checks = _checks(connection, month)
    return Notes(
        alerts=_alerts(connection, month, judged),
        checks=len(checks),
        failed=tuple(_failed(row) for row in checks.values() if not row["passed"])[:FAILED],
        evidence=_evidence(connection, month),
        coverage=_coverage(connection) if recent else None,
        links=_links(connection) if recent else None,
        changes=_changes(connection, month),
        series=_series(connection, month),
    )


def _alerts(connection: Connection, month: date, judged: Judged) -> tuple[Alert, ...]:
    table, states = table_of(schemas.ALERT_EVALUATION), table_of(schemas.ALERT_STATE)
    rows = connection.execute(
        select(table, states.c.state)
        .select_from(table.outerjoin(states, states.c.fingerprint == table.c.fingerprint))
        .where(table.c.month == month)
        .order_by(table.c.at, table.c.run_id)
    ).mappings()
    latest = {row["fingerprint"]: row for row in rows}
    found = [_alert(row, judged) for row in latest.values()]
    return tuple(sorted(found, key=lambda each: (not each.breach, each.rule, each.member)))


def _alert(row: Mapping[Any, Any], judged: Judged) -> Alert:
    rule, dimension, member = (*str(row["fingerprint"]).split("|", 2), "", "")[:3]
    return Alert(
        rule=rule,
        dimension=dimension,
        member=member,
        told=judged(rule, row["observed"], row["baseline"]),
        breach=row["breach"],
        guard=row["guard"],
        state=row["state"],
    )


def _checks(connection: Connection, month: date) -> dict[str, Mapping[Any, Any]]:
    """Check -> its latest row."""
    table = table_of(schemas.DATA_QUALITY)
    query = select(table).where(table.c.month == month).order_by(table.c.at.nulls_first())
    rows = connection.execute(query).mappings()
    return {row["check"]: row for row in rows}


def _failed(row: Mapping[Any, Any]) -> Check:
    figures = json.loads(row["figures"] or "{}")
    told = ", ".join(
        f"{name}: {value}" for name, value in figures.items() if isinstance(value, int | float)
    )
    return Check(row["check"], row["severity"] or "warning", told)


def _evidence(connection: Connection, month: date) -> dict[str, int]:
    table = table_of(schemas.MRR_MOVEMENT)
    rows = connection.execute(
        select(table.c.evidence, func.count())
        .where(table.c.month == month)
        .group_by(table.c.evidence)
    ).all()
    counts = {grade: count for grade, count in rows if grade is not None}
    return {grade: counts[grade] for grade in GRADES if counts.get(grade)}


def _coverage(connection: Connection) -> float | None:
    table = table_of(schemas.DATA_QUALITY)
    rows = connection.execute(
        select(table.c.figures)
        .where(table.c.check == LINKED)
        .order_by(table.c.month, table.c.at.nulls_first())
    ).scalars()
    found = [json.loads(figures or "{}").get("coverage") for figures in rows]
    return found[-1] if found else None


def _links(connection: Connection) -> dict[str, int]:
    table = table_of(schemas.ACCOUNT_LINK)
    rows = connection.execute(
        select(table.c.status, func.count()).group_by(table.c.status).order_by(table.c.status)
    ).all()
    return {status or "unmatched": count for status, count in rows}


def _changes(connection: Connection, month: date) -> tuple[Change, ...]:
    table = table_of(schemas.RESTATEMENT)
    rows = connection.execute(
        select(table)
        .where(table.c.month == month, table.c.dimension == "total")
        .order_by(table.c.version, table.c.metric)
    ).mappings()
    return tuple(
        Change(
            row["version"],
            row["metric"],
            row["old"],
            row["new"],
            row["cause"],
            f"{row['at']:%Y-%m-%d}",
            row["evidence"],
        )
        for row in rows
    )


def _series(connection: Connection, month: date) -> Begun | None:
    found = begun(connection)
    return found if found is not None and month <= found.at.date() else None


def _told(metric: str, value: float | None) -> str:
    name = metric.removesuffix("_3m").removesuffix("_12m")
    kind = schemas.EXPANSION_METRICS.column(name).kind
    return words.share(value, 2) if kind == "ratio" else words.money(value)
