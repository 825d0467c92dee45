"""What earlier nights left, as an evaluation asks for it.

Belongs here: reading it, and no more of it than is asked for: every night adds a row per rule and member.
"""

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection, func, select

from pipeline.alerts.delivery.frames import framed, read
from pipeline.alerts.delivery.hushing import acknowledged
from pipeline.alerts.members import Known
from pipeline.config import AlertRule
from pipeline.database import table_of
from pipeline.months import Calendar, add_months
from pipeline.schemas import ALERT_EVALUATION, ALERT_STATE, SILENCE

_EVALUATION = table_of(ALERT_EVALUATION)


def known(connection: Connection, rules: Sequence[AlertRule], calendar: Calendar) -> Known:
    """The states, the verdicts, the silences and who has taken what on."""
    return Known(
        states=read(connection, ALERT_STATE),
        evaluated=pl.concat([_verdicts(connection), _paces(connection, rules, calendar)]),
        silences=read(connection, SILENCE),
        acknowledged=acknowledged(connection),
    )


def _verdicts(connection: Connection) -> pl.DataFrame:
    """The latest verdict on each month of a rule and member; one that was suppressed is none."""
    each = _EVALUATION.c
    place = func.row_number().over(
        partition_by=(each.fingerprint, each.month),
        order_by=(each.data_version.desc(), each.at.desc()),
    )
    judged = (
        select(_EVALUATION, place.label("place"))
        .where(each.data_version.is_not(None), each.guard.is_distinct_from("suppressed"))
        .subquery()
    )
    rows = connection.execute(select(judged).where(judged.c.place == 1)).mappings().all()
    return framed(rows, ALERT_EVALUATION)


def _paces(connection: Connection, rules: Sequence[AlertRule], calendar: Calendar) -> pl.DataFrame:
    """What the nights of earlier months saw of their open month, as far back as a rule compares with."""
    back = [rule.months or 0 for rule in rules if rule.kind == "pacing"]
    if not back:
        return ALERT_EVALUATION.empty()
    each = _EVALUATION.c
    return read(
        connection,
        ALERT_EVALUATION,
        each.data_version.is_(None),
        each.observed.is_not(None),
        each.month >= add_months(calendar.current, -max(back)),
    )
