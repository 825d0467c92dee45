"""`pacing`: the open month against earlier months on the same day.

Belongs here: what an open month informs of. It never fires: an open month moves no state. How earlier months stood on
that day is what the nights of those months evaluated.
"""

import calendar
from collections.abc import Sequence
from datetime import date, datetime
from statistics import median

import polars as pl

from pipeline.alerts.rules import fingerprint, rule_hash
from pipeline.config import AlertRule
from pipeline.money import MICRO

QUIET = 0.4
"""Before this share of a month nothing is said of it."""
LEAST = 3
"""Earlier months that are needed."""
Row = dict[str, object]


def paces(
    rules: Sequence[AlertRule],
    metrics: pl.DataFrame,
    open_month: pl.DataFrame,
    evaluated: pl.DataFrame,
    now: datetime,
) -> list[Row]:
    """Rows of ALERT_EVALUATION without run and instant: the expansion MRR of the open month, for every pacing rule.

    `observed` is what it is so far, `baseline` what months come to usually, `threshold` what this one is heading for,
    `effect` how far that is off. Without enough of the month, or of earlier ones, `guard` is insufficient_data.

    Args:
        rules: the rules in force.
        metrics: EXPANSION_METRICS of closed months.
        open_month: EXPANSION_METRICS of the current month.
        evaluated: ALERT_EVALUATION of earlier nights.
        now: the instant.
    """
    found = []
    for rule in rules:
        if rule.kind != "pacing":
            continue
        mine = (
            (pl.col("dimension") == rule.dimension)
            & (pl.col("window_months") == 1)
            & (pl.lit(rule.member is None) | (pl.col("member") == (rule.member or "")))
        )
        closed = metrics.filter(mine)
        for row in open_month.filter(mine).sort("member").iter_rows(named=True):
            name = fingerprint(rule, row["member"])
            totals = _totals(closed.filter(pl.col("member") == row["member"]), rule.months or LEAST)
            nights = evaluated.filter(
                (pl.col("fingerprint") == name) & pl.col("month").is_in(list(totals))
            )
            told = _pace(row["expansion_mrr"] / MICRO, row["month"], now, totals, nights)
            found.append(
                told
                | {
                    "fingerprint": name,
                    "month": row["month"],
                    "n": row["opening_accounts"],
                    "k": row["expanding_accounts"],
                    "breach": False,
                    "rule_hash": rule_hash(rule),
                }
            )
    return found


def _pace(
    so_far: float, month: date, now: datetime, totals: dict[date, float], nights: pl.DataFrame
) -> Row:
    shares = _shares(totals, nights, _gone(month, now))
    if _gone(month, now) < QUIET or len(shares) < LEAST:
        return {"observed": so_far, "guard": "insufficient_data"}
    usual, heading = median(totals.values()), so_far / median(shares)
    return {
        "observed": so_far,
        "baseline": usual,
        "threshold": heading,
        "effect": heading / usual - 1 if usual > 0 else None,
    }


def _totals(closed: pl.DataFrame, months: int) -> dict[date, float]:
    """What the last closed months came to, where they came to anything."""
    last = closed.sort("month").tail(months).filter(pl.col("expansion_mrr") > 0)
    return dict(last.select("month", pl.col("expansion_mrr") / MICRO).iter_rows())


def _shares(totals: dict[date, float], nights: pl.DataFrame, gone: float) -> list[float]:
    """Which share of its total each earlier month had reached when as much of it was gone, within two days."""
    found = []
    for month, total in totals.items():
        seen = [
            (abs(_gone(month, at) - gone), observed)
            for at, observed in nights.filter(pl.col("month") == month)
            .select("at", "observed")
            .iter_rows()
            if observed is not None and observed > 0
        ]
        near = min(seen, default=None)
        if near is not None and near[0] <= 2 / 31:
            found.append(near[1] / total)
    return found


def _gone(month: date, now: datetime) -> float:
    """The share of the month that is gone."""
    days = calendar.monthrange(month.year, month.month)[1]
    return min(max((now.date() - month).days / days, 0.0), 1.0)
