"""What an account holds at a month's end: seats, plan, products, and how it stands beside accounts like it.

Belongs here: what snapshots say. All of it was so at that end; comparisons are with other accounts at the same end.
"""

import json
from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline.readiness.known import SLOPE, Known

ONE = ["month", "account_id"]
PEERS = 10
"""So many accounts must be alike for a comparison."""
TOP = 5
"""Products of a plan's accounts that are looked at, the most usual first."""


def held(known: Known, months: Sequence[date]) -> pl.LazyFrame:
    """One row per month and account with a counting item: MRR, seats, plan, products, growth, trouble, and peers."""
    items = known.snapshot.join(_limits(known), on=["plan", "product_id"], how="left")
    states = _states(items)
    now = states.filter(pl.col("month").is_in(list(months)))
    before = states.select(
        "account_id",
        month=pl.col("month").dt.offset_by(f"{SLOPE}mo"),
        seats_before="seats",
        metered_before="metered_mrr",
        mrr_before="mrr",
    )
    grown = now.join(before, on=ONE, how="left").with_columns(
        seat_growth=_growth("seats", "seats_before"),
        metered_growth=_growth("metered_mrr", "metered_before"),
    )
    return (
        grown.join(_larger_plans(now), on=ONE, how="left")
        .join(_missing_products(known, now, months), on=ONE, how="left")
        .drop("seats_before", "metered_before", "mrr_before")
    )


def _limits(known: Known) -> pl.LazyFrame:
    """`plan, product_id, seat_limit`: of the file, else of the product's metadata as it is now."""
    products = (
        of_products(known)
        .filter(pl.col("feature") == known.seats)
        .select("product_id", told="limit")
    )
    filed = known.limits.filter(pl.col("feature") == known.seats).select("plan", filed="limit")
    return (
        known.snapshot.select("plan", "product_id")
        .unique()
        .join(products, on="product_id", how="left")
        .join(filed.unique("plan", keep="last"), on="plan", how="left")
        .select("plan", "product_id", seat_limit=pl.coalesce("filed", "told"))
    )


def of_products(known: Known) -> pl.LazyFrame:
    """`product_id, feature, limit`: the limits that products' metadata has now; what is no number is none."""
    found = [
        known.product.select(
            "product_id",
            feature=pl.lit(feature),
            limit=pl.col("metadata")
            .str.json_path_match(f"$[{json.dumps(key)}]")
            .cast(pl.Float64, strict=False),
        )
        for feature, key in known.limit_keys
    ]
    none = pl.LazyFrame(schema={"product_id": pl.String, "feature": pl.String, "limit": pl.Float64})
    return pl.concat([none, *found]).drop_nulls("limit")


def _states(items: pl.LazyFrame) -> pl.LazyFrame:
    """One row per month and account."""
    by_seat = pl.col("pricing_model").is_in(["seat", "tier"]) & (pl.col("quantity") > 0)
    metered = pl.col("usage_type") == "metered"
    limited = by_seat & (pl.col("seat_limit") > 0)
    share = pl.when(limited).then(pl.col("quantity") / pl.col("seat_limit"))
    largest = ("mrr", "plan", "subscription_item_id")
    return items.group_by(ONE).agg(
        mrr=pl.col("mrr").sum(),
        list_mrr=pl.col("list_mrr").sum(),
        discount_mrr=pl.col("discount_mrr").sum(),
        seats=pl.col("quantity").filter(by_seat).sum(),
        metered_mrr=pl.col("mrr").filter(metered).sum(),
        has_metered=metered.any(),
        plan=pl.col("plan").sort_by(*largest).last(),
        products=pl.col("product_id").unique().sort(),
        limit_share=share.max(),
        limit_seats=pl.col("seat_limit").filter(limited).sort_by(share.filter(limited)).last(),
        cancel_scheduled=pl.col("cancel_at").is_not_null().any(),
        past_due=((pl.col("status") == "past_due") | pl.col("past_due_since").is_not_null()).any(),
    )


def _growth(now: str, before: str) -> pl.Expr:
    return pl.when(pl.col(before) > 0).then(pl.col(now) / pl.col(before) - 1)


def _larger_plans(now: pl.LazyFrame) -> pl.LazyFrame:
    """`larger_plan_share`: of the accounts with about as many seats, how many are on a plan that costs more a seat.

    As many means the same power of two. Null without seats, and where fewer than `PEERS` accounts are alike.
    """
    sized = now.filter(pl.col("seats") > 0).with_columns(
        size=pl.col("seats").cast(pl.Float64).log(2).floor().cast(pl.Int64)
    )
    level = (
        sized.group_by("month", "plan")
        .agg(level=(pl.col("mrr") / pl.col("seats")).median())
        .with_columns(level=pl.col("level").rank("dense").over("month"))
    )
    like = sized.join(level, on=["month", "plan"])
    counted = (
        like.group_by("month", "size", "level")
        .len("accounts")
        .sort("month", "size", "level", descending=[False, False, True])
        .with_columns(
            above=pl.col("accounts").cum_sum().over("month", "size") - pl.col("accounts"),
            peers=pl.col("accounts").sum().over("month", "size"),
        )
    )
    share = pl.when(pl.col("peers") >= PEERS).then(pl.col("above") / pl.col("peers"))
    return like.join(
        counted.select("month", "size", "level", larger_plan_share=share),
        on=["month", "size", "level"],
    ).select(*ONE, "larger_plan_share")


def _missing_products(known: Known, now: pl.LazyFrame, months: Sequence[date]) -> pl.LazyFrame:
    """`missing_share, missing_product`: the product that most accounts of the plan hold and this one does not."""
    plans = now.group_by("month", "plan").len("peers").filter(pl.col("peers") >= PEERS)
    holding = (
        known.snapshot.filter(pl.col("month").is_in(list(months)))
        .select(*ONE, "product_id")
        .unique()
        .join(now.select(*ONE, "plan"), on=ONE)
    )
    usual = (
        holding.group_by("month", "plan", "product_id")
        .len("holders")
        .join(plans, on=["month", "plan"])
        .with_columns(share=pl.col("holders") / pl.col("peers"))
        .sort("month", "plan", "share", "product_id", descending=[False, False, True, False])
        .group_by("month", "plan", maintain_order=True)
        .head(TOP)
        .select("month", "plan", "product_id", "share")
    )
    names = known.product.select("product_id", "name")
    return (
        now.select(*ONE, "plan")
        .join(usual, on=["month", "plan"])
        .join(holding, on=[*ONE, "product_id"], how="anti")
        .sort("share", "product_id", descending=[True, False])
        .group_by(ONE, maintain_order=True)
        .agg(missing_share=pl.col("share").first(), product_id=pl.col("product_id").first())
        .join(names, on="product_id", how="left")
        .select(*ONE, "missing_share", missing_product=pl.coalesce("name", "product_id"))
    )
