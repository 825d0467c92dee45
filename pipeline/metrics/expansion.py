"""The expansion metrics of every month, window, dimension and member, and the same expansion by type.

Belongs here: how contributions, figures and judgement come together, one dimension after another. A company that does
not fit into memory is tallied account by account: tallies of different accounts add up.
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

MEMBER = ("dimension", "member")
ROW = (*SPAN, *MEMBER)
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
class Tally:
    """Sums over some accounts, to which those of others can be added; each frame has one row per its keys.

    Attributes:
        sums: month, window, dimension, member: `figures.summed`.
        types: the same and type of expansion: amount, accounts.
        quality: month, dimension, member: `figures.quality`.
        months: month: provisional, policy.
    """

    sums: pl.DataFrame
    types: pl.DataFrame
    quality: pl.DataFrame
    months: pl.DataFrame


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
    """Every figure of every month and window that `movement` holds, for the total and each dimension (see `tallied`)."""
    return concluded(
        [tallied(snapshot, movement, item_movement, component, account, spec, past)], spec
    )


def tallied(
    snapshot: pl.LazyFrame,
    movement: pl.LazyFrame,
    item_movement: pl.LazyFrame,
    component: pl.LazyFrame,
    account: pl.LazyFrame,
    spec: MetricsSpec,
    past: Past | None = None,
) -> Tally:
    """The sums of every month and window that `movement` holds, for the total and each dimension.

    Args:
        snapshot: MRR_SNAPSHOT rows of the same months and accounts.
        movement: MRR_MOVEMENT.
        item_movement: MRR_ITEM_MOVEMENT of the same months, windows and accounts.
        component: MRR_MOVEMENT_COMPONENT of the same months, windows and accounts.
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
    sums, types, quality = zip(*(_sums(each) for each in breakdowns), strict=True)
    months = moves.group_by("month").agg(
        provisional=pl.col("provisional").any(), policy=pl.col("policy").max()
    )
    return Tally(pl.concat(sums), pl.concat(types), pl.concat(quality), months.collect())


def concluded(tallies: Sequence[Tally], spec: MetricsSpec) -> Metrics:
    """The figures of all accounts of `tallies`; an account and month is in one of them."""
    sums = figures.added([each.sums for each in tallies], ROW)
    types = figures.added([each.types for each in tallies], [*ROW, "type"]).lazy()
    quality = figures.added([each.quality for each in tallies], ["month", *MEMBER])
    months = pl.concat([each.months for each in tallies]).group_by("month").max()
    told = figures.with_tops(sums.lazy()).collect().lazy()
    metrics = _judged(_figures(told, types, quality.lazy()), months.lazy(), spec)
    shares = types.join(told.select(*ROW, "expansion_mrr"), on=list(ROW), how="left").with_columns(
        share=figures.ratio(pl.col("amount"), pl.col("expansion_mrr"))
    )
    return Metrics(
        EXPANSION_METRICS.conform(metrics).sort(EXPANSION_METRICS.key).collect(),
        EXPANSION_BY_TYPE.conform(shares).sort(EXPANSION_BY_TYPE.key).collect(),
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


def _sums(part: _Breakdown) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """One dimension's rows of a tally: sums, types, quality."""
    types = part.components.group_by(*SPAN, "member", "type").agg(
        pl.col("amount").sum(), accounts=pl.col("account_id").n_unique().cast(pl.Int64)
    )
    found = (figures.summed(part.contributions), types, figures.quality(part.items))
    named = pl.lit(part.dimension).alias("dimension")
    sums, types_of, quality = (rows.with_columns(named).collect() for rows in found)
    return sums, types_of, quality


def _figures(sums: pl.LazyFrame, types: pl.LazyFrame, quality: pl.LazyFrame) -> pl.LazyFrame:
    """Every row of the dimensions, before judgement."""
    by_hand = (
        types.filter(pl.col("type").is_in(NOT_ORGANIC))
        .group_by(ROW)
        .agg(by_hand=pl.col("amount").sum())
    )
    rows = (
        sums.join(quality, on=["month", *MEMBER], how="left")
        .join(by_hand, on=list(ROW), how="left")
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
