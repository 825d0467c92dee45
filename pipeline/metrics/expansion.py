"""The expansion metrics of every month, window, dimension and member, and the same expansion by type.

Belongs here: figures and judgement of the sums of all accounts. Does not belong here: the sums (`tally`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.metrics import figures, judgement
from pipeline.metrics.contributions import SPAN
from pipeline.metrics.moves import Moves
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
    told: Moves,
    rates: pl.LazyFrame,
    account: pl.LazyFrame,
    spec: MetricsSpec,
    past: Past | None = None,
) -> Metrics:
    """Every figure of every month and window that the movements hold, for the total and each dimension (`tallied`)."""
    return concluded([tallied(told, rates, account, spec, past)], spec)


def concluded(tallies: Sequence[Tally], spec: MetricsSpec) -> Metrics:
    """The figures of all accounts of `tallies`; an account and month is in one of them."""
    sums = figures.added([each.sums for each in tallies], KEYS)
    types = figures.added([each.types for each in tallies], [*KEYS, "type"]).lazy()
    quality = figures.added([each.quality for each in tallies], ["month", *MEMBER])
    months = pl.concat([each.months for each in tallies]).group_by("month").max()
    told = figures.with_tops(sums.lazy()).collect().lazy()
    rows = pl.concat([told, _to_come(told, quality.lazy())], how="diagonal")
    metrics = _judged(_figures(rows, types, quality.lazy()), months.lazy(), spec)
    shares = types.join(
        told.select(*KEYS, "expansion_mrr"), on=list(KEYS), how="left"
    ).with_columns(share=figures.ratio(pl.col("amount"), pl.col("expansion_mrr")))
    return Metrics(
        EXPANSION_METRICS.conform(metrics).sort(EXPANSION_METRICS.key).collect(),
        EXPANSION_BY_TYPE.conform(shares).sort(EXPANSION_BY_TYPE.key).collect(),
    )


def _to_come(sums: pl.LazyFrame, quality: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of zeros for members that have none in `sums` and something to come: so committed MRR adds up."""
    amounts = [name for name, dtype in sums.collect_schema().items() if dtype == pl.Int64]
    zeros = {name: pl.lit(0, dtype=pl.Int64) for name in amounts if name not in KEYS}
    windows = sums.select(SPAN).unique()
    return (
        quality.filter(pl.col("scheduled_mrr") != 0)
        .join(windows, on="month")
        .join(sums, on=list(KEYS), how="anti")
        .select(*KEYS, **zeros)
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
            committed_mrr=pl.col("ending_mrr") + pl.col("scheduled_mrr"),
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
