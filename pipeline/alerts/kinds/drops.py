"""`drop` and `consecutive_declines`: a figure against its own past.

Belongs here: kinds that compare a month with months before it, without a test. Both fire often by chance where few
accounts expand: docs/alerts.md says how often.
"""

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.alerts.kinds.series import contiguous, missing, months_of, observations, rows
from pipeline.alerts.observations import Seen
from pipeline.alerts.rules import metric_of
from pipeline.config import AlertRule

YEAR = 12
OF_EXPANSION = (
    "expansion_rate",
    "expansion_rate_annualised",
    "expansion_mrr",
    "expansion_arr",
    "organic_expansion_mrr",
    "attainment",
)
"""Figures that rest on as many accounts as expand."""


def drop(rule: AlertRule, metrics: pl.DataFrame) -> Seen:
    """A figure at least `threshold` under the median of the months before, or the same month last year."""
    series = contiguous(rows(rule, metrics), months_of(metrics))
    figure, usual = pl.col("observed"), pl.col("expected")
    judged = (
        series.with_columns(expected=_before(rule, figure), usual_k=_before(rule, pl.col("k")))
        .filter(pl.col("version").is_not_null())
        .with_columns(effect=pl.when(usual > 0).then(figure / usual - 1), guard=_guard(rule, usual))
        .with_columns(
            breach=_known(pl.col("effect") <= -(rule.threshold or 0.0)),
            clear=(pl.col("effect") > -(rule.clear or 0.0)).fill_null(value=True),
        )
        .with_columns(
            missing=pl.when(pl.col("breach")).then(missing(metric_of(rule), usual - figure))
        )
    )
    return observations(judged, lambda row: _drop_said(rule, row))


def consecutive_declines(rule: AlertRule, metrics: pl.DataFrame) -> Seen:
    """A figure that fell `declines` times in a row, by at least `threshold` in all.

    Of `declines` + 1 figures in any order, one in (`declines` + 1)! falls all the way: that is its chance.
    """
    count = rule.declines or 1
    before = pl.col("observed").shift(1).over("member", order_by="month")
    fell = (pl.col("observed") < before).cast(pl.Int64)
    begun = pl.col("observed").shift(count)
    judged = (
        contiguous(rows(rule, metrics), months_of(metrics))
        .with_columns(
            falls=fell.rolling_sum(count).over("member", order_by="month"),
            expected=begun.over("member", order_by="month"),
        )
        .filter(pl.col("version").is_not_null())
        .with_columns(
            effect=pl.when(pl.col("expected") > 0).then(
                pl.col("observed") / pl.col("expected") - 1
            ),
            guard=pl.when(pl.col("falls").is_null() & pl.col("observed").is_not_null()).then(
                pl.lit("insufficient_data")
            ),
        )
        .with_columns(
            breach=_known(
                (pl.col("falls") == count) & (pl.col("effect") <= -(rule.threshold or 0.0))
            )
        )
        .with_columns(
            p=pl.when(pl.col("breach")).then(1 / math.factorial(count + 1)),
            missing=pl.when(pl.col("breach")).then(
                missing(metric_of(rule), pl.col("expected") - pl.col("observed"))
            ),
        )
    )
    return observations(judged, lambda row: _declines_said(rule, row))


def _known(condition: pl.Expr) -> pl.Expr:
    return (condition & pl.col("guard").is_null()).fill_null(value=False)


def _before(rule: AlertRule, value: pl.Expr) -> pl.Expr:
    if rule.against == "last_year":
        return value.shift(YEAR).over("member", order_by="month")
    months = rule.months or YEAR
    return value.rolling_median(months).shift(1).over("member", order_by="month")


def _guard(rule: AlertRule, usual: pl.Expr) -> pl.Expr:
    """Nothing is concluded without a past, from one that is not above zero, or from too few expanding accounts."""
    short = usual.is_null() | (usual <= 0)
    if metric_of(rule) in OF_EXPANSION:
        short = short | (pl.col("usual_k") < (rule.min_events or 0))
    return pl.when(short & pl.col("observed").is_not_null()).then(pl.lit("insufficient_data"))


def _drop_said(rule: AlertRule, row: Mapping[str, Any]) -> str:
    what = (
        "the same month last year"
        if rule.against == "last_year"
        else f"{rule.months} months before"
    )
    if row["observed"] is None:
        return "The figure is undefined."
    if row["guard"] and (row["expected"] is None or row["expected"] <= 0):
        return f"There is no figure above zero of {what} to compare with."
    if row["guard"]:
        return f"{row['usual_k']:.0f} accounts usually expand in a month; {rule.min_events} are needed to judge."
    return (
        f"It is {abs(row['effect']):.0%} {'under' if row['effect'] < 0 else 'over'} that of {what}."
    )


def _declines_said(rule: AlertRule, row: Mapping[str, Any]) -> str:
    if row["guard"]:
        return f"{(rule.declines or 1) + 1} months are needed to judge, and there are fewer."
    if not row["breach"]:
        return f"It has not fallen {rule.declines} times in a row."
    return (
        f"It fell {rule.declines} times in a row, by {abs(row['effect']):.0%} in all. "
        f"Where nothing changes, that happens in one of {math.factorial((rule.declines or 1) + 1)} cases."
    )
