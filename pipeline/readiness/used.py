"""How much of the product an account had used before a month's end.

Belongs here: the usage table by day, and usage that was billed beyond what a price includes. A day's usage is known
when the day is over, a period's charge when the period is.
"""

import polars as pl

from pipeline.readiness.held import ONE, of_products
from pipeline.readiness.known import Known

RECENT = 28
"""Days that make the present level."""
EARLIER = (56, 84)
"""Days back that it is compared with."""
OVERAGE = pl.duration(days=90)
REACH = 3
"""Months after a day in which it can still matter."""


def used(known: Known, ends: pl.LazyFrame) -> pl.LazyFrame:
    """One row per month, account and feature: `level` (mean of the last 28 days), `growth` (null without earlier days).

    Means are over the days that there are: a day that is not told is not known to be a day without use.

    Args:
        known: what is known.
        ends: `month, at`.
    """
    # West of Greenwich a month ends on the first of the next one, by UTC.
    until = (pl.col("at") - pl.duration(microseconds=1)).dt.date()
    last = ends.select("month", last=pl.min_horizontal(until, pl.col("month").dt.month_end()))
    days = known.usage.with_columns(ahead=pl.int_ranges(0, REACH + 1, dtype=pl.Int64)).explode(
        "ahead"
    )
    ago = (pl.col("last") - pl.col("day")).dt.total_days()
    recent = ago.is_between(0, RECENT - 1)
    earlier = ago.is_between(EARLIER[0], EARLIER[1] - 1)
    return (
        days.with_columns(
            month=pl.col("day").dt.month_start().dt.offset_by(pl.format("{}mo", "ahead"))
        )
        .join(last, on="month")
        .filter(recent | earlier)
        .group_by(*ONE, "feature")
        .agg(
            level=pl.col("value").filter(recent).mean(),
            before=pl.col("value").filter(earlier).mean(),
        )
        .filter(pl.col("level").is_not_null())
        .select(
            *ONE,
            "feature",
            "level",
            growth=pl.when(pl.col("before") > 0).then(pl.col("level") / pl.col("before") - 1),
        )
    )


def of_limits(levels: pl.LazyFrame, held: pl.LazyFrame, known: Known) -> pl.LazyFrame:
    """`used_share, used_of, used_feature` of the feature that is nearest to its limit; `usage_growth` of the fastest.

    The limit of seats is what the account pays for; others are those of its plan, else the largest that a product's
    metadata has of those that the account holds.
    """
    limits = known.limits.select("plan", "feature", "limit").unique(
        ["plan", "feature"], keep="last"
    )
    told = (
        held.select(*ONE, product_id="products")
        .explode("product_id", empty_as_null=False, keep_nulls=False)
        .join(of_products(known), on="product_id")
        .group_by(*ONE, "feature")
        .agg(told=pl.col("limit").max())
    )
    planned = pl.coalesce("limit", "told")
    limit = pl.when(pl.col("feature") == known.seats).then("seats").otherwise(planned)
    share = pl.when(limit > 0).then(pl.col("level") / limit)
    nearest = pl.col("share").is_not_null()
    return (
        levels.join(held.select(*ONE, "plan", "seats"), on=ONE)
        .join(limits, on=["plan", "feature"], how="left")
        .join(told, on=[*ONE, "feature"], how="left")
        .with_columns(share=share, of=limit)
        .sort(*ONE, "share", "feature", nulls_last=False)
        .group_by(ONE, maintain_order=True)
        .agg(
            used_share=pl.col("share").filter(nearest).last(),
            used_of=pl.col("of").filter(nearest).last(),
            used_feature=pl.col("feature").filter(nearest).last(),
            usage_growth=pl.col("growth").max(),
        )
    )


def overages(known: Known, ends: pl.LazyFrame) -> pl.LazyFrame:
    """`overage`: whether usage beyond a free first tier was charged in the 90 days before the month's end.

    One row per month and account that has such a price; an account without one has nothing to go beyond.
    """
    first = pl.col("tiers").list.first()
    free = (first.struct.field("unit").fill_null(0) == 0) & (
        first.struct.field("flat").fill_null(0) == 0
    )
    included = (
        known.price.filter(pl.col("tiers").list.len() > 1).filter(free).select("price_id").unique()
    )
    links = known.account_link.select("customer_id", linked="account_id")
    return (
        known.usage_charge.join(included, on="price_id", how="semi")
        .join(links, on="customer_id", how="left")
        .select("amount", "period_end", account_id=pl.coalesce("linked", "customer_id"))
        .join(ends, how="cross")
        .filter(pl.col("period_end") <= pl.col("at"), pl.col("period_end") > pl.col("at") - OVERAGE)
        .group_by(ONE)
        .agg(overage=(pl.col("amount") > 0).any())
    )
