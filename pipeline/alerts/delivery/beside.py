"""What some kinds of rules read beside the metrics of closed months.

Belongs here: reading it: what a rule in force asks for, and always what says whether figures are to be trusted.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl
from sqlalchemy import Connection

from pipeline.alerts.delivery.frames import read
from pipeline.alerts.observations import Beside
from pipeline.config import AlertRule
from pipeline.database import table_of
from pipeline.months import Calendar
from pipeline.schemas import DATA_QUALITY, EXPANSION_BY_TYPE, EXPANSION_METRICS, SOURCE_SYNC


def beside(connection: Connection, rules: Sequence[AlertRule], calendar: Calendar) -> Beside:
    """The frames that `rules` read, and what may hold them; types and the open month are empty where nobody asks."""
    by_kind: dict[str, set[str]] = {}
    for rule in rules:
        by_kind.setdefault(rule.kind, set()).add(rule.dimension)
    found = Beside()
    return Beside(
        by_type=_types(connection, by_kind["mix_shift"], calendar.last_closed)
        if "mix_shift" in by_kind
        else found.by_type,
        open_month=_open(connection, by_kind["pacing"], calendar.current)
        if "pacing" in by_kind
        else found.open_month,
        quality=_checks(connection, calendar.current),
        syncs=read(connection, SOURCE_SYNC),
    )


def _types(connection: Connection, dimensions: set[str], last: date) -> pl.DataFrame:
    types = table_of(EXPANSION_BY_TYPE)
    return read(
        connection,
        EXPANSION_BY_TYPE,
        types.c.dimension.in_(dimensions),
        types.c.window_months == 1,
        types.c.month <= last,
    )


def _open(connection: Connection, dimensions: set[str], month: date) -> pl.DataFrame:
    metrics = table_of(EXPANSION_METRICS)
    return read(
        connection,
        EXPANSION_METRICS,
        metrics.c.dimension.in_(dimensions),
        metrics.c.window_months == 1,
        metrics.c.month == month,
    )


def _checks(connection: Connection, month: date) -> pl.DataFrame:
    """The latest row of each check of the current month: the one noted last."""
    rows = read(connection, DATA_QUALITY, table_of(DATA_QUALITY).c.month == month)
    return rows.sort("at", nulls_last=False, maintain_order=True).unique(
        "check", keep="last", maintain_order=True
    )
