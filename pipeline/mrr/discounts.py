"""Discounts of items at an instant as steps of a valuation.

Belongs here: which coupons a policy counts, and how an amount off a subscription is shared between its items.
Source of the rules: docs/method.md, "Value of an item". An amount is per cycle, the shortest interval among the items
it applies to; it is shared by their monthly list after item discounts (largest remainder, ties by item id).
"""

import polars as pl

from pipeline.money import micro_per_minor, round_half_even
from pipeline.mrr.policy import Policy
from pipeline.mrr.value import STEP, depth_of, left_after

PPM = 1_000_000
WIDE = pl.Int128
ITEM = "subscription_item_id"


def _kept(ppm: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """The share a percentage leaves, as a fraction of small numbers."""
    coarse = pl.when(ppm % 10_000 == 0).then(10_000).when(ppm % 100 == 0).then(100).otherwise(1)
    return (PPM - ppm) // coarse, pl.lit(PPM, dtype=pl.Int64) // coarse


def _counted(rows: pl.LazyFrame, coupons: pl.LazyFrame, policy: Policy, key: str) -> pl.LazyFrame:
    """One row per item at an instant and discount that the policy counts and that applies to its product."""
    reference = pl.col("discounts").struct
    spread = (
        rows.select(
            key, "at", ITEM, "subscription_id", "customer_id", "currency", "product_id", "factor_num", "factor_den",
            "discounts", position=pl.int_ranges(pl.col("discounts").list.len()),
        )
        .explode("discounts", "position", empty_as_null=False, keep_nulls=False)
        .with_columns(
            discount_id=reference.field("discount_id"),
            coupon_id=reference.field("coupon_id"),
            level=reference.field("level"),
        )
        .drop("discounts")
    )  # fmt: skip
    wanted = coupons.filter(pl.col("duration").is_in(list(policy.durations)))
    applies = pl.col("applies_to").is_null() | pl.col("applies_to").list.contains(
        pl.col("product_id")
    )
    return (
        spread.join(wanted.rename({"currency": "coupon_currency"}), on="coupon_id")
        .filter(
            (pl.col("coupon_currency") == "") | (pl.col("coupon_currency") == pl.col("currency"))
        )
        .filter(applies)
    )


def with_steps(rows: pl.LazyFrame, coupons: pl.LazyFrame, policy: Policy, key: str) -> pl.LazyFrame:
    """The `steps` (List of STEP) of counting items (with their instant `at` and list value) that have any, by `key`.

    Items of one subscription at one instant share its amounts. `shares` is true where an item has part in such an
    amount, so that its value depends on the others.

    Args:
        rows: unique on `key`, and on `at` and item.
        coupons: COUPON.
        policy: which coupons count.
        key: the column that names a row.
    """
    num, den = _kept(pl.col("percent_ppm").fill_null(0))
    counted = (
        _counted(rows.filter(pl.col("discounts").list.len() > 0), coupons, policy, key)
        .with_columns(num=num.cast(pl.Int64), den=den.cast(pl.Int64))
        .collect()
        .lazy()
    )
    micro = micro_per_minor(pl.col("currency"))
    own = counted.filter(pl.col("level") == "item").with_columns(
        amount=round_half_even(
            pl.col("amount_off").fill_null(0).cast(WIDE) * micro * pl.col("factor_num").cast(WIDE),
            pl.col("factor_den").cast(WIDE),
        ).cast(pl.Int64)
    )
    shared = counted.filter(pl.col("level") != "item")
    fixed = shared.filter(pl.col("amount_off").is_not_null())
    item_steps = _listed(own, key, "item_steps").collect().lazy()
    lists = rows.select(key, "list_num", "list_den").join(fixed.select(key), on=key, how="semi")
    weights = left_after(
        lists.join(item_steps, on=key, how="left"), "item_steps", depth_of(item_steps, "item_steps")
    ).select(key, "weight")
    amounts = _amounts(fixed.join(weights, on=key), key)
    subscription = shared.join(amounts, on=[key, "discount_id"], how="left").with_columns(
        pl.col("amount").fill_null(0)
    )
    columns = [key, "discount_id", "num", "den", "amount", "position"]
    steps = _listed(pl.concat([own.select(columns), subscription.select(columns)]), key, "steps")
    sharing = fixed.select(key).unique().with_columns(shares=pl.lit(value=True))
    return steps.join(sharing, on=key, how="left")


def _listed(rows: pl.LazyFrame, key: str, name: str) -> pl.LazyFrame:
    """The steps of each item in order of application as one list."""
    return (
        rows.sort(key, "position")
        .group_by(key, maintain_order=True)
        .agg(pl.struct("discount_id", "num", "den", "amount").cast(STEP).alias(name))
    )


def _amounts(rows: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """Each item's share of an amount off, in micro-units a month: (`key`, discount_id, amount)."""
    group = ["at", "subscription_id", "discount_id"]
    months = pl.col("factor_den") / pl.col("factor_num")
    shortest = (
        rows.sort(*group, months, ITEM)
        .group_by(group, maintain_order=True)
        .agg(
            total=round_half_even(
                pl.col("amount_off").first().cast(WIDE)
                * micro_per_minor(pl.col("currency").first())
                * pl.col("factor_num").first().cast(WIDE),
                pl.col("factor_den").first().cast(WIDE),
            ),
            weights=pl.col("weight").sum().cast(WIDE),
        )
    )
    product = pl.col("total") * pl.col("weight").cast(WIDE)
    return (
        rows.join(shortest, on=group)
        .filter(pl.col("weights") > 0)
        .with_columns(
            floor=product // pl.col("weights"),
            rest=product % pl.col("weights"),
        )
        .with_columns(spare=pl.col("total") - pl.col("floor").sum().over(group))
        .sort(*group, "rest", ITEM, descending=[False] * 3 + [True, False])
        .with_columns(rank=pl.int_range(pl.len()).over(group))
        .select(
            key,
            "discount_id",
            amount=(pl.col("floor") + (pl.col("rank") < pl.col("spare")).cast(WIDE)).cast(pl.Int64),
        )
    )
