"""How alerts stand: states, silences and messages, as an operator wants to know them.

Belongs here: reading. Nothing is changed.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, func, select

from pipeline import schemas
from pipeline.alerts.delivery.beside import beside
from pipeline.alerts.delivery.frames import read
from pipeline.alerts.delivery.hushing import acknowledged
from pipeline.alerts.kinds.trust import troubles
from pipeline.database import reading, table_of
from pipeline.months import Calendar

UNDELIVERED = ("dead", "no_destination", "unknown")
LATEST = 20
"""Messages without a way to Slack that are listed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How alerts stand.

    Attributes:
        states: one row per rule and member: fingerprint, rule_id, dimension, member, state, since_month, last_month,
            severity, episode_id, slack_ts, acknowledged, and of the latest evaluation observed, expected, p, guard.
        silences: SILENCE rows that are in force.
        messages: status -> how many messages of the outbox.
        paces: the open month by rule of kind pacing and member: fingerprint, month, observed (so far), baseline
            (usual), threshold (what it is heading for), effect, guard; major units.
        checks: the names of the checks that have run.
        held: why no rule is judged now, a sentence each; none where figures are to be trusted.
        undelivered: key, kind, channel, status, attempts, last_error, created_at of the latest messages that did not
            reach Slack.
    """

    states: pl.DataFrame
    silences: pl.DataFrame
    messages: dict[str, int]
    paces: list[dict[str, Any]]
    checks: frozenset[str]
    held: list[str]
    undelivered: list[dict[str, Any]]


def standing(target: Engine, calendar: Calendar) -> Standing:
    """How alerts stand at the instant of the calendar."""
    outbox, silences = table_of(schemas.SLACK_OUTBOX), table_of(schemas.SILENCE)
    with reading(target) as connection:
        states = _states(connection)
        counted = connection.execute(
            select(outbox.c.status, func.count()).group_by(outbox.c.status)
        ).all()
        lost = connection.execute(
            select(
                outbox.c.key,
                outbox.c.kind,
                outbox.c.channel,
                outbox.c.status,
                outbox.c.attempts,
                outbox.c.last_error,
                outbox.c.created_at,
            )
            .where(outbox.c.status.in_(UNDELIVERED))
            .order_by(outbox.c.created_at.desc(), outbox.c.key)
            .limit(LATEST)
        ).mappings()
        return Standing(
            states=states,
            silences=read(connection, schemas.SILENCE, silences.c.until > calendar.now),
            messages={str(status): int(count) for status, count in sorted(counted)},
            paces=_paces(connection),
            checks=_checks(connection),
            held=_held(connection, calendar),
            undelivered=[dict(row) for row in lost],
        )


def _states(connection: Connection) -> pl.DataFrame:
    states = read(connection, schemas.ALERT_STATE)
    judged = table_of(schemas.ALERT_EVALUATION)
    last = states["last_month"].max()
    latest = (
        read(connection, schemas.ALERT_EVALUATION, judged.c.month == last)
        .sort("month", "at")
        .unique("fingerprint", keep="last", maintain_order=True)
        .select("fingerprint", "observed", "p", "guard", expected="baseline")
    )
    known = list(acknowledged(connection))
    # A rule that is gone leaves its states where its last month left them.
    month = pl.col("last_month")
    judged_now = month.is_null() | (month == month.max())
    return (
        states.filter(judged_now)
        .select(
            *("fingerprint", "rule_id", "dimension", "member", "state", "since_month"),
            *("last_month", "severity", "episode_id", "slack_ts"),
            acknowledged=pl.col("episode_id").is_in(known).fill_null(value=False),
        )
        .join(latest, on="fingerprint", how="left")
        .sort("rule_id", "dimension", "member")
    )


def _paces(connection: Connection) -> list[dict[str, Any]]:
    """The latest night's rows of pacing rules: the only ones with a figure and without a version."""
    each = table_of(schemas.ALERT_EVALUATION).c
    told = (each.data_version.is_(None), each.observed.is_not(None))
    night = select(func.max(each.at)).where(*told).scalar_subquery()
    columns = ("fingerprint", "month", "observed", "baseline", "threshold", "effect", "guard")
    query = select(*(each[name] for name in columns)).where(*told, each.at == night)
    return [dict(row) for row in connection.execute(query.order_by(each.fingerprint)).mappings()]


def _checks(connection: Connection) -> frozenset[str]:
    check = table_of(schemas.DATA_QUALITY).c.check
    return frozenset(connection.execute(select(check).distinct()).scalars())


def _held(connection: Connection, calendar: Calendar) -> list[str]:
    found = troubles(beside(connection, (), calendar), calendar.now)
    return [each.said for each in found if each.holds]
