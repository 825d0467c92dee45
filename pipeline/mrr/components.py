"""Components: each account's delta as signed amounts by type, one or more per item.

Belongs here: item movements, and what comes or goes. What lies between two states of an item is in `path`.
Source of the rules: docs/method.md, "Components: where it comes from".
"""

import polars as pl

from pipeline.mrr.ends import Sides
from pipeline.mrr.pairing import CELL, ITEM, Turned, pair
from pipeline.mrr.path import SIDES, steps
from pipeline.mrr.valued import Valued
from pipeline.schemas.mrr import ITEM_END

WHOLE = ("new", "reactivation", "churn")
"""Movements whose components are one per item, of the movement's own type."""

ABOUT = ("month", "window_months", "account_id", "movement", "evidence")
"""What every row says of its case and account."""
TOLD = (
    *ABOUT,
    "opening_item",
    "closing_item",
    *(f"{side}_{name}" for side in SIDES for name in ("subscription_item_id", "product_id")),
)
"""What a component says of its pair."""


def item_movements(
    sides: Sides, valued: Valued, accounts: pl.DataFrame, cases: pl.DataFrame
) -> pl.DataFrame:
    """One row per pair of items, or item without a partner, of every account (MRR_ITEM_MOVEMENT, and both spans).

    Args:
        sides: the items at both ends.
        valued: what the spans hold.
        accounts: classified accounts in the order of CELL, all of `sides` among them: CELL and ABOUT.
        cases: the instants of both ends.
    """
    pairs = pair(sides.opening, sides.closing, _turned(valued, cases)).sort(
        CELL, "opening_item", "closing_item"
    )
    owner = accounts.get_column(CELL).search_sorted(pairs.get_column(CELL))
    zero = pl.lit(0, dtype=pl.Int64)
    before, after = (pl.coalesce(f"{side}_value", zero) for side in SIDES)
    ends = (valued.at(pairs[f"{side}_span"], ITEM_END, f"{side}_") for side in SIDES)
    return pl.concat([pairs, *ends, accounts.select(ABOUT)[owner]], how="horizontal").with_columns(
        opening_mrr=pl.coalesce("stood", zero),
        fx_mrr=before - pl.coalesce("stood", zero),
        closing_mrr=after,
        delta_mrr=after - before,
    )


def _turned(valued: Valued, cases: pl.DataFrame) -> Turned:
    """Tells the items that do not exist at the other end, counting or not."""
    states = valued.states.select(ITEM, "valid_from", "valid_to")
    size = valued.accounts.len()

    def absent(rows: pl.DataFrame, at: str) -> pl.DataFrame:
        boundary = cases.get_column(at).gather(rows.get_column(CELL) // size).alias("boundary")
        there = (
            rows.lazy()
            .select(CELL, ITEM, boundary)
            .join(states, on=ITEM)
            .filter(
                (pl.col("valid_from") < pl.col("boundary"))
                & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("boundary")))
            )
            .collect()
        )
        return rows.join(there, on=[CELL, ITEM], how="anti")

    return lambda opening, closing: (absent(opening, "closing_at"), absent(closing, "opening_at"))


def _unpaired(pairs: pl.LazyFrame) -> pl.LazyFrame:
    """`pairs` with, for items without a partner of retained accounts, the type of their coming or going."""
    product = pl.coalesce("closing_product", "opening_product")
    subscription = pl.coalesce("closing_subscription", "opening_subscription")
    model = pl.coalesce("closing_pricing_model", "opening_pricing_model")
    without = pl.col("opening_item").is_null() | pl.col("closing_item").is_null()
    single = pairs.filter(without).collect().lazy()
    theirs = pairs.join(single, on=CELL, how="semi").collect().lazy()

    def held(column: str) -> pl.LazyFrame:
        """Values of `column` that an account holds at both ends."""
        opened, closed = (
            theirs.select(CELL, held=f"{side}_{column}").drop_nulls("held").unique()
            for side in SIDES
        )
        return opened.join(closed, on=[CELL, "held"])

    both_products = held("product").with_columns(product_held=pl.lit(value=True))
    both_subscriptions = held("subscription").with_columns(subscription_held=pl.lit(value=True))
    return (
        single.with_columns(product=product, subscription=subscription, model=model)
        .join(both_products, left_on=[CELL, "product"], right_on=[CELL, "held"], how="left")
        .join(
            both_subscriptions,
            left_on=[CELL, "subscription"],
            right_on=[CELL, "held"],
            how="left",
        )
        .select(
            "pair",
            type=pl.when(pl.col("model") == "usage")
            .then(pl.lit("usage"))
            .when(pl.col("product_held"))
            .then(pl.lit("seat"))
            .when(pl.col("subscription_held"))
            .then(pl.lit("add_on"))
            .otherwise(pl.lit("cross_sell")),
            amount="delta_mrr",
        )
    )


def components(item_movements: pl.DataFrame, valued: Valued) -> pl.DataFrame:
    """The components of every account (MRR_MOVEMENT_COMPONENT), in the order of the pairs; they sum to its delta.

    Args:
        item_movements: the frame of `item_movements`.
        valued: what the spans hold.
    """
    numbered = item_movements.with_row_index("pair")
    pairs = numbered.lazy()
    whole = pl.col("movement").is_in(WHOLE).fill_null(value=False)
    retained = pairs.filter(whole.not_())
    both = retained.filter(
        pl.col("opening_span").is_not_null()
        & pl.col("closing_span").is_not_null()
        & (pl.col("opening_span") != pl.col("closing_span"))
    )
    # An account that left or came back may hold the same item at both ends (at zero): one component per item still.
    simple = pairs.filter(whole).select("pair", type="movement", amount="delta_mrr")
    before, after = (f"{side}_subscription_item_id" for side in SIDES)
    parts = (
        pl.concat([simple, steps(both, valued), _unpaired(retained)])
        .filter(pl.col("amount") != 0)
        .sort("pair", maintain_order=True)
        .collect()
    )
    told = numbered.select(TOLD)[parts.get_column("pair")]
    return pl.concat([told, parts], how="horizontal").with_columns(
        subscription_item_id=pl.when(pl.col("movement") == "churn")
        .then(before)
        .otherwise(pl.coalesce(after, before)),
        paired_item_id=pl.when(
            whole.not_()
            & pl.col("closing_item").is_not_null()
            & (pl.col("opening_item") != pl.col("closing_item"))
        ).then(before),
        product_id=pl.coalesce("closing_product_id", "opening_product_id"),
    )
