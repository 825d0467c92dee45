"""`floor`, `target` and `concentration`: the figure as it is against a number.

Belongs here: kinds that compare a month with nothing but their threshold. A floor and a target have no guard on sample
size: they are the user's own thresholds.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.alerts.kinds.series import missing, observations, rows
from pipeline.alerts.observations import Seen
from pipeline.alerts.rules import metric_of, threshold_of
from pipeline.config import AlertRule


def floor(rule: AlertRule, metrics: pl.DataFrame) -> Seen:
    """A figure under its threshold; for `target` the attainment under its share."""
    limit = threshold_of(rule)
    figure = pl.col("observed")
    breach = (figure < limit).fill_null(value=False)
    judged = rows(rule, metrics).with_columns(
        breach=breach,
        expected=pl.lit(limit, pl.Float64),
        effect=_relative(figure, limit),
        missing=pl.when(breach).then(missing(metric_of(rule), limit - figure)),
    )
    return observations(judged, lambda row: _floor_said(rule, row))


def concentration(rule: AlertRule, metrics: pl.DataFrame) -> Seen:
    """A share over its threshold, where enough accounts expand for a share to mean something."""
    limit = threshold_of(rule)
    figure = pl.col("observed")
    judged = rows(rule, metrics).with_columns(
        breach=(figure > limit).fill_null(value=False),
        clear=(figure <= limit - (rule.clear or 0.0)).fill_null(value=True),
        expected=pl.lit(limit, pl.Float64),
        effect=_relative(figure, limit),
        guard=pl.when(pl.col("k") < (rule.min_events or 0)).then(pl.lit("insufficient_data")),
    )
    return observations(judged, lambda row: _share_said(rule, row))


def _relative(figure: pl.Expr, limit: float) -> pl.Expr:
    return figure / limit - 1 if limit > 0 else pl.lit(None, pl.Float64)


def _floor_said(rule: AlertRule, row: Mapping[str, Any]) -> str:
    if row["observed"] is None:
        return "The figure is undefined."
    side = "under" if row["breach"] else "at or over"
    return f"It is {side} its {'target' if rule.kind == 'target' else 'floor'}."


def _share_said(rule: AlertRule, row: Mapping[str, Any]) -> str:
    if row["guard"]:
        return f"Only {row['k']} accounts expanded; {rule.min_events} are needed to judge."
    if row["observed"] is None:
        return "The figure is undefined."
    side = "over" if row["breach"] else "not over"
    return f"{row['observed']:.0%} is {side} {threshold_of(rule):.0%} ({row['k']:,} accounts expanded)."
