"""The expansion metrics of every month, window, dimension and member, and the same expansion by type.

Belongs here: how contributions, figures and judgement come together, one dimension after another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.metrics import contributions, figures, judgement
from pipeline.metrics.contributions import SPAN
from pipeline.metrics.members import AccountDimension, account_dimensions, item_dimensions
from pipeline.metrics.past import Past, versions, with_versions
from pipeline.metrics.spec import MetricsSpec
from pipeline.schemas import EXPANSION_BY_TYPE, EXPANSION_METRICS

ROW = (*SPAN, "member")
NOT_ORGANIC = ("price", "discount")
SNAPSHOT_COLUMNS = (
    "month",
    "account_id",
    "plan",
    "product_id",
    "currency",
    "billing_interval",
    "pricing_model",
    "mrr",
    "discount_mrr",
    "cancel_at",
    "past_due_since",
)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of some months: `expansion_metrics` as EXPANSION_METRICS, `expansion_by_type` as EXPANSION_BY_TYPE."""

    expansion_metrics: pl.DataFrame
    expansion_by_type: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Breakdown:
    """One dimension's parts: contributions, snapshot items with `member`, components with `member`."""

    dimension: str
    contributions: pl.LazyFrame
    items: pl.LazyFrame
    components: pl.LazyFrame


def expansion(
    snapshot: pl.LazyFrame,
    movement: pl.LazyFrame,
    item_movement: pl.LazyFrame,
    component: pl.LazyFrame,
    account: pl.LazyFrame,
    spec: MetricsSpec,
    past: Past | None = None,
) -> Metrics:
    """Every figure of every month and window that `movement` holds, for the total and each dimension.

    Args:
        snapshot: MRR_SNAPSHOT rows of the same months.
        movement: MRR_MOVEMENT.
        item_movement: MRR_ITEM_MOVEMENT of the same months and windows.
        component: MRR_MOVEMENT_COMPONENT of the same months and windows.
        account: ACCOUNT; accounts that are not in it are `unknown` in every CRM dimension.
        spec: dimensions, targets, bands, versions.
        past: what accounts were at the months' ends; None: what they are now.
    """
    dimensions = account_dimensions(spec.dimensions)
    fields = sorted({field for dimension in dimensions for field in dimension.fields})
    known = versions(account, past, fields)
    calendar = past.calendar if past else None
    moves = with_versions(movement.collect().lazy(), known, calendar).collect().lazy()
    items = item_movement.collect().lazy()
    holdings = snapshot.select(SNAPSHOT_COLUMNS).collect().lazy()
    expanding = component.filter(movement="expansion").collect().lazy()

    breakdowns = _of_accounts(moves, holdings, expanding, known.lazy(), dimensions)
    breakdowns += _of_items(moves, items, holdings, expanding, spec)
    parts = [_figures(each) for each in breakdowns]
    months = moves.group_by("month").agg(
        provisional=pl.col("provisional").any(), policy=pl.col("policy").max()
    )
    metrics = _judged(pl.concat([rows for rows, _ in parts]).lazy(), months, spec)
    return Metrics(
        EXPANSION_METRICS.conform(metrics).sort(EXPANSION_METRICS.key).collect(),
        EXPANSION_BY_TYPE.conform(pl.concat([types for _, types in parts]).lazy())
        .sort(EXPANSION_BY_TYPE.key)
        .collect(),
    )


def _of_accounts(
    moves: pl.LazyFrame,
    holdings: pl.LazyFrame,
    expanding: pl.LazyFrame,
    known: pl.LazyFrame,
    dimensions: Sequence[AccountDimension],
) -> list[_Breakdown]:
    found = []
    for dimension in dimensions:
        placed = contributions.placed(moves, known, dimension)
        closing = (
            placed.filter(pl.col("closing_mrr") > 0)
            .select("month", "account_id", member="end")
            .unique(["month", "account_id"])
        )
        base = placed.select(*SPAN, "account_id", member="base")
        found.append(
            _Breakdown(
                dimension.name,
                contributions.of_accounts(placed),
                holdings.join(closing, on=["month", "account_id"]),
                expanding.join(base, on=[*SPAN, "account_id"]),
            )
        )
    return found


def _of_items(
    moves: pl.LazyFrame,
    items: pl.LazyFrame,
    holdings: pl.LazyFrame,
    expanding: pl.LazyFrame,
    spec: MetricsSpec,
) -> list[_Breakdown]:
    keys = [*SPAN, "account_id", "subscription_item_id"]
    return [
        _Breakdown(
            dimension.name,
            contributions.of_items(items, moves, dimension),
            holdings.with_columns(member=dimension.of_item),
            expanding.join(contributions.item_members(items, dimension), on=keys),
        )
        for dimension in item_dimensions(spec.dimensions)
    ]


def _figures(part: _Breakdown) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One dimension's rows, before judgement, and its expansion by type."""
    sums = figures.summed(part.contributions).collect().lazy()
    types = (
        part.components.group_by(*ROW, "type")
        .agg(
            pl.col("amount").sum(),
            accounts=pl.col("account_id").n_unique().cast(pl.Int64),
        )
        .collect()
    )
    by_hand = (
        types.lazy()
        .filter(pl.col("type").is_in(NOT_ORGANIC))
        .group_by(ROW)
        .agg(by_hand=pl.col("amount").sum())
    )
    rows = (
        sums.join(figures.quality(part.items), on=["month", "member"], how="left")
        .join(by_hand, on=list(ROW), how="left")
        .with_columns(
            pl.col("discounted_mrr", "at_risk_mrr", "scheduled_mrr", "by_hand").fill_null(0)
        )
        .with_columns(
            dimension=pl.lit(part.dimension),
            committed_mrr=pl.col("ending_mrr") - pl.col("scheduled_mrr"),
            organic_expansion_mrr=pl.col("expansion_mrr") - pl.col("by_hand"),
        )
    )
    shares = types.lazy().join(sums.select(*ROW, "expansion_mrr"), on=list(ROW), how="left")
    return (
        figures.with_rates(rows).collect(),
        shares.with_columns(
            dimension=pl.lit(part.dimension),
            share=figures.ratio(pl.col("amount"), pl.col("expansion_mrr")),
        ).collect(),
    )


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
