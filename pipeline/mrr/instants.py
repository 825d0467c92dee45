"""Items at instants: which spans of the timeline hold there, what they are worth.

Belongs here: joining the timeline with instants and valuing what counts. A *boundary* is an instant just before which
states are read: a span holds when valid_from < boundary <= valid_to.
"""

from datetime import datetime

import polars as pl

from pipeline.billing.asof import asof
from pipeline.billing.charges import PRICED_BY
from pipeline.billing.evidence import worst_of
from pipeline.mrr.book import Book
from pipeline.mrr.discounts import with_steps
from pipeline.mrr.policy import Policy
from pipeline.mrr.value import STEP, depth_of, with_list, with_value

UTC = pl.Datetime("us", "UTC")
MONTH_SECONDS = 365 * 86_400 // 12
"""365/12 days, without a rest."""
ROW = "row"
"""A row's number, by which narrow frames are joined."""
LISTED_BY = (
    *PRICED_BY,
    "quantity",
    "usage_type",
    "factor_num",
    "factor_den",
    "charge_num",
    "charge_den",
)
"""What the list value of a row is computed from."""


def at_boundaries(items: pl.LazyFrame, boundaries: list[datetime]) -> pl.LazyFrame:
    """One row per span of `items` and boundary it holds at, with the boundary in `at`."""
    ordered = sorted(boundaries)
    ends = pl.LazyFrame(
        {"end": range(len(ordered)), "at": ordered}, schema={"end": pl.Int64, "at": UTC}
    )
    return held_at(items, ordered).drop("first", "stop").join(ends, on="end").drop("end")


def held_at(items: pl.LazyFrame, boundaries: list[datetime]) -> pl.LazyFrame:
    """`spanned`, once for each boundary that the span holds at, by its place in `boundaries` (`end`)."""
    return (
        spanned(items, boundaries)
        .with_columns(end=pl.int_ranges("first", "stop"))
        .explode("end", empty_as_null=False, keep_nulls=False)
    )


def spanned(items: pl.LazyFrame, boundaries: list[datetime]) -> pl.LazyFrame:
    """The spans of `items` that hold at any of `boundaries`, which ascend, with the places of these.

    `first` is the first that the span holds at, `stop` the one after the last. They are found by counting, for each
    edge of the span, the boundaries not beyond it: no join, one pass.
    """
    lits = [pl.lit(value, dtype=UTC) for value in boundaries]
    passed = pl.sum_horizontal([(pl.col("valid_from") >= lit).cast(pl.Int64) for lit in lits])
    reached = pl.sum_horizontal(
        [(pl.col("valid_to") >= lit).fill_null(value=True).cast(pl.Int64) for lit in lits]
    )
    return items.with_columns(first=passed, stop=reached).filter(pl.col("first") < pl.col("stop"))


def _beside(rows: pl.DataFrame, more: pl.LazyFrame) -> pl.DataFrame:
    """`rows` with the other columns of `more` at the same ROW, null where it has none; nothing wide is joined."""
    found = rows.lazy().select(ROW).join(more, on=ROW, how="left", maintain_order="left").drop(ROW)
    return pl.concat([rows, found.collect()], how="horizontal")


def with_usage(rows: pl.DataFrame, book: Book, policy: Policy) -> pl.DataFrame:
    """`rows` (by ROW) with the charge of the latest service period that ended at or before `at`.

    Adds charge_num / charge_den (minor units a billing interval; null where nothing was billed yet), usage_evidence;
    a metered item's interval (factor_num / factor_den), discounts and tax are those of its charge, whatever price it
    has since. With policy `per_day` the charge is what its days would be in an interval whose months have 365/12.
    """
    factors = ("factor_num", "factor_den")
    billed_by = book.prices().select(
        "price_id", **{f"usage_{name}": name for name in factors}
    ).unique("price_id")  # fmt: skip
    seconds = (pl.col("period_end") - pl.col("period_start")).dt.total_seconds()
    # Of two that end together the one with time in it counts, then the later one.
    ordered = book.usage_charge.sort("period_end", seconds > 0, "period_start")
    billed = ordered.join(billed_by, on="price_id", how="left", maintain_order="left")
    charges = billed.select(
        "subscription_item_id",
        *(f"usage_{name}" for name in factors),
        ended="period_end",
        charge_num=pl.col("amount").cast(pl.Int128),
        seconds=seconds,
        usage_discounts="discounts",
        usage_net_num="net_num",
        usage_net_den="net_den",
        usage_evidence="evidence",
    )
    asked = rows.lazy().select(ROW, "at", "subscription_item_id")
    asked = asked.join(charges, on="subscription_item_id", how="semi")
    found = asof(asked, "at", charges, "ended", "subscription_item_id")
    joined = _beside(rows, found.drop("at", "subscription_item_id", "ended"))
    metered = pl.col("usage_type") == "metered"
    num, den = (
        pl.when(metered).then(pl.coalesce(f"usage_{name}", name)).otherwise(name)
        for name in factors
    )
    joined = joined.with_columns(factor_num=num, factor_den=den)
    # What was billed for no time at all has no day.
    by_day = pl.lit(policy.usage == "per_day") & (pl.col("seconds") > 0)
    return joined.with_columns(
        charge_num=pl.when(metered).then(
            pl.when(by_day)
            .then(pl.col("charge_num") * MONTH_SECONDS * pl.col("factor_den"))
            .otherwise("charge_num")
        ),
        charge_den=pl.when(metered & pl.col("charge_num").is_not_null()).then(
            pl.when(by_day).then(pl.col("seconds") * pl.col("factor_num")).otherwise(1)
        ),
        discounts=pl.when(metered & pl.col("usage_discounts").is_not_null())
        .then("usage_discounts")
        .otherwise("discounts"),
        net_num=pl.coalesce("net_num", "usage_net_num", 1),
        net_den=pl.coalesce("net_den", "usage_net_den", 1),
    ).drop("seconds", "^usage_(discounts|net_num|net_den|factor_num|factor_den)$")


def valued(book: Book, rows: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """The rows of `at_boundaries` that count under the policy, with their value.

    Adds list_num, list_den, steps, list_native, discount_native, mrr_native (Int64 micro-units a month). An item that
    shares an amount off with others is as sure as the least sure item of its subscription, counting or not.
    """
    counting = rows.filter(policy.counts(pl.col("at"))).collect().with_row_index(ROW)
    charged = with_usage(counting, book, policy)
    prices = with_list(charged.lazy().select(ROW, *LISTED_BY), book.price)
    listed = _beside(charged, prices.select(ROW, "list_num", "list_den"))
    stepped = _beside(listed, with_steps(listed.lazy(), book.coupon, policy, ROW)).lazy()
    none = pl.lit([], dtype=pl.List(STEP))
    steps = stepped.with_columns(
        pl.col("steps").fill_null(none), pl.col("shares").fill_null(value=False)
    )
    sure = _as_sure(rows, steps).drop(ROW).collect()
    return with_value(sure.lazy(), depth_of(sure.lazy(), "steps"))


def _as_sure(rows: pl.LazyFrame, counting: pl.LazyFrame) -> pl.LazyFrame:
    """`counting` without `shares`: who shares an amount off is as sure as the least sure item of its subscription."""
    group = ["at", "subscription_id"]
    sharing = counting.filter("shares").select(ROW, *group).collect()
    if sharing.is_empty():
        return counting.drop("shares")
    least, usage = (
        of.join(sharing.lazy(), on=group, how="semi")
        .group_by(group)
        .agg(worst_of(pl.col(name)).alias(f"least_{name}"))
        for of, name in ((rows, "evidence"), (counting, "usage_evidence"))
    )
    found = sharing.lazy().join(least, on=group, how="left").join(usage, on=group, how="left")
    evidence = ("evidence", "usage_evidence")
    return (
        _beside(counting.collect(), found.drop(group))
        .lazy()
        .with_columns(
            pl.when("shares").then(f"least_{name}").otherwise(name).alias(name) for name in evidence
        )
        .drop("shares", *(f"least_{name}" for name in evidence))
    )
