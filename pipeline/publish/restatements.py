"""Versions of closed months: what changed after people had seen it.

Belongs here: comparing figures with those published before. Better evidence without another figure is no version, nor
is a dimension that was set up or taken away; a change of policy starts a new series. Source of the rules:
docs/method.md, "Closed months".
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

import polars as pl

from pipeline.money import MICRO
from pipeline.schemas import EXPANSION_METRICS, RESTATEMENT

Cause = Literal["evidence", "link", "code"]
ROW = ("month", "window_months", "dimension", "member")
NO_FIGURE = (*ROW, "target", "attainment", "band", "provisional", "version", "policy")
FIGURES = tuple(column for column in EXPANSION_METRICS.columns if column.name not in NO_FIGURE)
NOISE = 1e-12
"""Shares that differ by less are equal: they went through a database."""


def restate(
    old_metrics: pl.DataFrame,
    new_metrics: pl.DataFrame,
    closed_months: Sequence[date],
    cause: Cause | Mapping[date, Cause],
    at: datetime,
    evidence: str | Mapping[date, str] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`new_metrics` with each month's version, and the RESTATEMENT rows of closed months whose figures changed.

    Args:
        old_metrics: EXPANSION_METRICS rows as published; may be empty.
        new_metrics: EXPANSION_METRICS rows as computed now.
        closed_months: the months that are closed; only those that were published as closed can be restated.
        cause: what brought the change, for all months or by month; a month that is not named changed by `code`.
        at: when it is published.
        evidence: the ids of what brought it, for all months or by month; null where none is known.

    Returns:
        The metrics, and one row per month, member and figure that changed: major units, or shares. Figures of the
        windows of 3 and 12 months are named `expansion_mrr_12m`.
    """
    comparable = _comparable(old_metrics, new_metrics, closed_months)
    changes = pl.concat([_changed(old_metrics, new_metrics, name.name) for name in FIGURES])
    changed = changes.join(comparable, on="month", how="semi").join(
        _of_both(old_metrics, new_metrics), on=["month", "dimension"], how="semi"
    )
    before = old_metrics.group_by("month").agg(before=pl.col("version").max())
    touched = changed.select("month", touched=pl.lit(1, dtype=pl.Int64)).unique()
    versions = before.join(touched, on="month", how="left").select(
        "month", now=pl.col("before") + pl.col("touched").fill_null(0)
    )
    metrics = new_metrics.join(versions, on="month", how="left").with_columns(
        version=pl.col("now").fill_null(1)
    )
    rows = changed.join(versions.rename({"now": "version"}), on="month", how="left").with_columns(
        metric=pl.when(pl.col("window_months") == 1)
        .then("metric")
        .otherwise(pl.format("{}_{}m", "metric", "window_months")),
        cause=_of_month(cause, "code"),
        evidence=_of_month(evidence, None),
        at=pl.lit(at).cast(RESTATEMENT.column("at").dtype),
    )
    return (
        EXPANSION_METRICS.conform(metrics.lazy()).sort(EXPANSION_METRICS.key).collect(),
        RESTATEMENT.conform(rows.lazy()).sort(RESTATEMENT.key).collect(),
    )


def _of_month(told: str | Mapping[date, str] | None, otherwise: str | None) -> pl.Expr:
    """What is told for all months, or for each; `otherwise` of a month that is not named."""
    if not isinstance(told, Mapping):
        return pl.lit(told, dtype=pl.String)
    found = pl.lit(otherwise, dtype=pl.String)
    for month, text in told.items():
        found = pl.when(pl.col("month") == month).then(pl.lit(text)).otherwise(found)
    return found


def _comparable(old: pl.DataFrame, new: pl.DataFrame, closed: Sequence[date]) -> pl.DataFrame:
    """Months that were published as closed, are computed again, and follow the same policy."""
    was = (
        old.filter(pl.col("month").is_in(list(closed)))
        .group_by("month")
        .agg(pl.col("provisional").any(), before=pl.col("policy").max())
        .filter(~pl.col("provisional"))
    )
    now = new.group_by("month").agg(now=pl.col("policy").max())
    return was.join(now, on="month").filter(pl.col("before") == pl.col("now")).select("month")


def _of_both(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """`month, dimension` with rows before and now: one that was only set up or taken away changed no figure."""
    on = ["month", "dimension"]
    return old.select(on).unique().join(new.select(on).unique(), on=on)


def _changed(old: pl.DataFrame, new: pl.DataFrame, name: str) -> pl.DataFrame:
    """One row per member for which the figure differs; a member that is not there has nothing."""
    column = EXPANSION_METRICS.column(name)
    share = column.kind == "ratio"
    scale = MICRO if column.kind == "money" else 1
    both = old.select(*ROW, old=name).join(
        new.select(*ROW, new=name), on=list(ROW), how="full", coalesce=True
    )
    if share:
        differs = pl.col("old").is_null().ne_missing(pl.col("new").is_null()) | (
            ((pl.col("old") - pl.col("new")).abs() > NOISE).fill_null(value=False)
        )
    else:
        differs = pl.col("old").fill_null(0) != pl.col("new").fill_null(0)
    return both.filter(differs).select(
        *ROW,
        pl.col("old").cast(pl.Float64) / scale,
        pl.col("new").cast(pl.Float64) / scale,
        metric=pl.lit(name),
    )
