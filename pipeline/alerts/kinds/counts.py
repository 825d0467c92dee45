"""`significant_drop` and `segment_deterioration`: fewer accounts expand than before, and chance does not explain it.

Belongs here: the test on counts over three months against the nine before. Amounts are too uneven to test: a drop of
amounts by a quarter is common where nothing changed, a drop of counts that chance makes in one of a hundred cases is
not. Figures: docs/alerts.md.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.alerts.kinds.chance import believed, fewer_than_before
from pipeline.alerts.kinds.series import contiguous, months_of, observations, rows
from pipeline.alerts.observations import Seen
from pipeline.config import AlertRule

NOW, BEFORE, LEAST_BEFORE = 3, 9, 6
"""Months that are judged, months before that say what is usual, and how many of those there must be."""
UNEVEN = {5: 11.07, 6: 12.59, 7: 14.07, 8: 15.51}
"""Chi-squared by degrees of freedom that even counts exceed in one of twenty cases."""
TOO_FEW = "insufficient_data"


def significant_drop(rule: AlertRule, metrics: pl.DataFrame) -> Seen:
    """Each member by itself: chance at most `p`, at least `threshold` fewer, and money that matters."""
    tested = _tested(rule, metrics).with_columns(believed=pl.col("p") <= rule.p)
    return _judged(rule, tested)


def segment_deterioration(rule: AlertRule, metrics: pl.DataFrame) -> Seen:
    """All members of a dimension together: of those that are reported, at most the share `q` is chance."""
    tested = _tested(rule, metrics)
    chances = (
        tested.filter(pl.col("p").is_not_null())
        .sort("month", "member")
        .group_by("month", maintain_order=True)
        .agg("member", "p")
    )
    kept = [believed(each, rule.q or 0.0) for each in chances["p"].to_list()]
    marked = (
        chances.drop("p")
        .with_columns(pl.Series("believed", kept, pl.List(pl.Boolean)))
        .explode("member", "believed")
    )
    return _judged(rule, tested.join(marked, on=["member", "month"], how="left"))


def _tested(rule: AlertRule, metrics: pl.DataFrame) -> pl.DataFrame:
    """One row per member and month: the two rates, the shortfall, and the probability where enough is known."""
    pooled = _pooled(rule, metrics).collect()
    keys = ("guard", "k", "n", "k_before", "n_before", "spread")
    # An exact tail has no form as a frame: one number a row.
    chances = [
        None if guard else fewer_than_before(now, size, before, size_before, spread)
        for guard, now, size, before, size_before, spread in pooled.select(keys).iter_rows()
    ]
    return pooled.with_columns(pl.Series("p", chances, pl.Float64))


def _pooled(rule: AlertRule, metrics: pl.DataFrame) -> pl.LazyFrame:
    counted = contiguous(rows(rule, metrics), months_of(metrics)).with_columns(
        pl.col("n", "k", "base", "money").fill_null(0)
    )
    spread = (pl.col("k") ** 2 / pl.col("n")).fill_nan(0.0)
    now = {f"{name}_now": _sum(pl.col(name), NOW) for name in ("n", "k", "base")}
    before = {f"{name}_before": _sum_before(pl.col(name)) for name in ("n", "k", "money")}
    usual = (pl.col("k_before") / pl.col("n_before")).fill_nan(None)
    expected = usual * pl.col("n_now")
    return (
        counted.with_columns(
            **now,
            **before,
            squares=_sum_before(spread),
            freedom=_sum_before(pl.col("n") * 0 + 1) - 1,
        )
        .filter(pl.col("version").is_not_null())
        .with_columns(
            guard=pl.when((expected >= (rule.min_events or 0)).fill_null(value=False))
            .then(None)
            .otherwise(pl.lit(TOO_FEW)),
            would_be=expected,
            observed=(pl.col("k_now") / pl.col("n_now")).fill_nan(None),
            expected=usual,
            missing=_short(expected),
            spread=_spread(usual),
        )
        .with_columns(effect=(pl.col("observed") / pl.col("expected") - 1).fill_nan(None))
        .drop("n", "k")
        .rename({"n_now": "n", "k_now": "k"})
    )


def _judged(rule: AlertRule, tested: pl.DataFrame) -> Seen:
    matters = pl.max_horizontal(
        pl.lit(rule.min_missing or 0.0),
        pl.col("base_now") / NOW * (rule.min_missing_share or 0.0),
    )
    far = pl.col("effect") <= -(rule.threshold or 0.0)
    breach = pl.col("believed") & far & (pl.col("missing") >= matters)
    judged = tested.lazy().with_columns(
        breach=breach.fill_null(value=False),
        clear=(pl.col("effect") > -(rule.clear or 0.0)).fill_null(value=True),
    )
    return observations(judged.sort("member", "month"), lambda row: _said(rule, row))


def _sum(value: pl.Expr, months: int) -> pl.Expr:
    return value.rolling_sum(months).over("member", order_by="month")


def _sum_before(value: pl.Expr) -> pl.Expr:
    return (
        value.rolling_sum(BEFORE, min_samples=LEAST_BEFORE)
        .shift(NOW)
        .over("member", order_by="month")
    )


def _short(expected: pl.Expr) -> pl.Expr:
    """The expansions that are missing, at the usual size of one, per month."""
    size = pl.col("money_before") / pl.col("k_before")
    short = (expected - pl.col("k_now")) * size / NOW
    return pl.when(short > 0).then(short)


def _spread(usual: pl.Expr) -> pl.Expr:
    """How much more uneven the months before were than even chance makes them; 1 unless it is certain enough."""
    chi = pl.col("squares") / usual - pl.col("k_before")
    limit = pl.col("freedom").replace_strict(UNEVEN, default=None, return_dtype=pl.Float64)
    uneven = pl.when(chi > limit).then(chi / pl.col("freedom"))
    return pl.coalesce(uneven, 1.0)


def _said(rule: AlertRule, row: Mapping[str, Any]) -> str:
    if row["guard"] and row["n_before"] is None:
        return f"{NOW + LEAST_BEFORE} months are needed to judge, and there are fewer."
    if row["guard"] and row["would_be"] is None:
        return "There were no accounts in the months before to compare with."
    if row["guard"]:
        return (
            f"{row['would_be']:.1f} expansions are usual in three months; "
            f"{rule.min_events} are needed to judge."
        )
    return (
        f"{row['k']:,} accounts expanded in three months; at the rate of the months before it would have been "
        f"{row['would_be']:,.0f}. {_chance(row['p'])}"
    )


def _chance(p: float) -> str:
    return f"Chance alone does this in {'under 0.1%' if p < 0.001 else f'{p:.1%}'} of cases."  # noqa: PLR2004
