"""Items at instants: which spans of the timeline hold there, what they are worth.

Belongs here: joining the timeline with instants and valuing what counts. A *boundary* is an instant just before which
states are read: a span holds when valid_from < boundary <= valid_to.
"""

from datetime import datetime

import polars as pl

from pipeline.billing.asof import asof
from pipeline.billing.evidence import worst_of
from pipeline.mrr.book import Book
from pipeline.mrr.discounts import with_steps
from pipeline.mrr.policy import Policy
from pipeline.mrr.value import depth_of, with_list, with_value

MONTH_SECONDS = 365 * 86_400 // 12
"""365/12 days, without a rest."""


def at_boundaries(items: pl.LazyFrame, boundaries: list[datetime]) -> pl.LazyFrame:
    """One row per span of `items` and boundary it holds at, with the boundary in `at`.

    Spans are found by counting, for each end, the boundaries not beyond it: no join, one pass.
    """
    ordered = sorted(boundaries)
    lits = [pl.lit(value, dtype=pl.Datetime("us", "UTC")) for value in ordered]
    passed = pl.sum_horizontal([(pl.col("valid_from") >= lit).cast(pl.Int64) for lit in lits])
    reached = pl.sum_horizontal(
        [(pl.col("valid_to") >= lit).fill_null(value=True).cast(pl.Int64) for lit in lits]
    )
    ends = pl.LazyFrame(
        {"index": range(len(ordered)), "at": ordered},
        schema={"index": pl.Int64, "at": pl.Datetime("us", "UTC")},
    )
    return (
        items.with_columns(first=passed, stop=reached)
        .filter(pl.col("first") < pl.col("stop"))
        .with_columns(index=pl.int_ranges("first", "stop"))
        .drop("first", "stop")
        .explode("index", empty_as_null=False, keep_nulls=False)
        .join(ends, on="index")
        .drop("index")
    )


def with_usage(rows: pl.LazyFrame, usage: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """`rows` with the charge of the latest service period that ended at or before `at`.

    Adds charge_num / charge_den (minor units a billing interval; null where nothing was billed yet), usage_discounts,
    usage_evidence. With policy `per_day` the charge is per day and a month has 365/12 days.
    """
    seconds = (pl.col("period_end") - pl.col("period_start")).dt.total_seconds()
    per_day = policy.usage == "per_day"
    charges = usage.select(
        "subscription_item_id",
        ended="period_end",
        charge_num=pl.col("amount").cast(pl.Int128) * (MONTH_SECONDS if per_day else 1),
        charge_den=seconds if per_day else pl.lit(1, dtype=pl.Int64),
        usage_discounts="discounts",
        usage_net_num="net_num",
        usage_net_den="net_den",
        usage_evidence="evidence",
    )
    joined = asof(rows, "at", charges, "ended", "subscription_item_id")
    metered = pl.col("usage_type") == "metered"
    if per_day:
        whole = metered & pl.col("charge_num").is_not_null()
        joined = joined.with_columns(
            factor_num=pl.when(whole).then(1).otherwise("factor_num"),
            factor_den=pl.when(whole).then(1).otherwise("factor_den"),
        )
    return joined.with_columns(
        charge_num=pl.when(metered).then("charge_num"),
        charge_den=pl.when(metered).then("charge_den"),
        discounts=pl.when(metered & pl.col("usage_discounts").is_not_null())
        .then("usage_discounts")
        .otherwise("discounts"),
        net_num=pl.coalesce("net_num", "usage_net_num", 1),
        net_den=pl.coalesce("net_den", "usage_net_den", 1),
    ).drop("usage_discounts", "usage_net_num", "usage_net_den", "ended")


def valued(book: Book, rows: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """The rows of `at_boundaries` that count under the policy, with their value.

    Adds list_num, list_den, steps, list_native, discount_native, mrr_native (Int64 micro-units a month). An item that
    shares an amount off with others is as sure as the least sure item of its subscription, counting or not.
    """
    siblings = rows.group_by("at", "subscription_id").agg(least=worst_of(pl.col("evidence")))
    counting = with_usage(rows.filter(policy.counts(pl.col("at"))), book.usage_charge, policy)
    listed = with_list(counting, book.price).collect().lazy()
    steps = (
        with_steps(listed, book.coupon, policy, "at")
        .join(siblings, on=["at", "subscription_id"], how="left")
        .with_columns(
            evidence=pl.when("shares").then("least").otherwise("evidence"),
            usage_evidence=pl.when("shares")
            .then(worst_of(pl.col("usage_evidence")).over("at", "subscription_id"))
            .otherwise("usage_evidence"),
        )
        .drop("shares", "least")
        .collect()
        .lazy()
    )
    return with_value(steps, depth_of(steps, "steps"))
