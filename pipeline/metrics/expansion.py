"""The expansion metrics of every month, window, dimension and member, and the same expansion by type.

Belongs here: figures and judgement of the sums of all accounts. Does not belong here: the sums (`tally`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.metrics import figures, judgement
from pipeline.metrics.contributions import SPAN
from pipeline.metrics.past import Past
from pipeline.metrics.spec import MetricsSpec
from pipeline.metrics.tally import Tally, tallied
from pipeline.schemas import EXPANSION_BY_TYPE, EXPANSION_METRICS

MEMBER = ("dimension", "member")
KEYS = (*SPAN, *MEMBER)
NOT_ORGANIC = ("price", "discount")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of some months: `expansion_metrics` as EXPANSION_METRICS, `expansion_by_type` as EXPANSION_BY_TYPE."""

    expansion_metrics: pl.DataFrame
    expansion_by_type: pl.DataFrame


def expansion(
    snapshot: pl.LazyFrame,
    movement: pl.LazyFrame,
    item_movement: pl.LazyFrame,
    component: pl.LazyFrame,
    rates: pl.LazyFrame,
    account: pl.LazyFrame,
    spec: MetricsSpec,
    past: Past | None = None,
) -> Metrics:
    """Every figure of every month and window that `movement` holds, for the total and each dimension (`tallied`)."""
    return concluded(
        [tallied(snapshot, movement, item_movement, component, rates, account, spec, past)], spec
    )


def concluded(tallies: Sequence[Tally], spec: MetricsSpec) -> Metrics:
    """The figures of all accounts of `tallies`; an account and month is in one of them."""
    sums = figures.added([each.sums for each in tallies], KEYS)
    types = figures.added([each.types for each in tallies], [*KEYS, "type"]).lazy()
    quality = figures.added([each.quality for each in tallies], ["month", *MEMBER])
    months = pl.concat([each.months for each in tallies]).group_by("month").max()
    told = figures.with_tops(sums.lazy()).collect().lazy()
    metrics = _judged(_figures(told, types, quality.lazy()), months.lazy(), spec)
    shares = types.join(
        told.select(*KEYS, "expansion_mrr"), on=list(KEYS), how="left"
    ).with_columns(share=figures.ratio(pl.col("amount"), pl.col("expansion_mrr")))
    return Metrics(
        EXPANSION_METRICS.conform(metrics).sort(EXPANSION_METRICS.key).collect(),
        EXPANSION_BY_TYPE.conform(shares).sort(EXPANSION_BY_TYPE.key).collect(),
    )


def _figures(sums: pl.LazyFrame, types: pl.LazyFrame, quality: pl.LazyFrame) -> pl.LazyFrame:
    """Every row of the dimensions, before judgement."""
    by_hand = (
        types.filter(pl.col("type").is_in(NOT_ORGANIC))
        .group_by(KEYS)
        .agg(by_hand=pl.col("amount").sum())
    )
    rows = (
        sums.join(quality, on=["month", *MEMBER], how="left")
        .join(by_hand, on=list(KEYS), how="left")
        .with_columns(
            pl.col("discounted_mrr", "at_risk_mrr", "scheduled_mrr", "by_hand").fill_null(0)
        )
        .with_columns(
            committed_mrr=pl.col("ending_mrr") - pl.col("scheduled_mrr"),
            organic_expansion_mrr=pl.col("expansion_mrr") - pl.col("by_hand"),
        )
    )
    return figures.with_rates(rows)


def _judged(rows: pl.LazyFrame, months: pl.LazyFrame, spec: MetricsSpec) -> pl.LazyFrame:
    versions = dict(spec.versions)
    version = (
        pl.col("month").replace_strict(versions, default=1, return_dtype=pl.Int64)
        if versions
        else pl.lit(1, dtype=pl.Int64)
    )
    return (
        rows.join(months, on="month", how="left")
        .with_columns(
            target=judgement.target(spec.targets),
            band=judgement.band(spec.benchmarks),
            version=version,
        )
        .with_columns(attainment=figures.ratio(pl.col("expansion_rate"), pl.col("target")))
    )
