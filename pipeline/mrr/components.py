"""Components: each account's delta as signed amounts by type, one or more per item.

Belongs here: the one path along which items at both ends are compared, and the types.
Source of the rules: docs/method.md, "Components: where it comes from".
"""

import polars as pl

from pipeline.money import convert, round_half_even
from pipeline.mrr.book import Book
from pipeline.mrr.pairing import CASE, pair
from pipeline.mrr.value import STEP, depth_of, with_list, with_value
from pipeline.schemas.mrr import ITEM_END

WHOLE = ("new", "reactivation", "churn")
"""Movements whose components are one per item, of the movement's own type."""

CARRIED = (
    "price_id", "price_version", "quantity", "steps", "rate", "usage_type", "billing_scheme", "charge_num",
    "charge_den", "factor_num", "factor_den", "net_num", "net_den", "mrr_native", "plan_key",
)  # fmt: skip


def item_movements(
    opening: pl.LazyFrame, closing: pl.LazyFrame, accounts: pl.LazyFrame
) -> pl.DataFrame:
    """One row per pair of items, or item without a partner, of every account (MRR_ITEM_MOVEMENT and both ends).

    Args:
        opening: items at the opening end, one row per CASE and item, valued at the month's rates (`value`; `stood`
            at the opening's own rates).
        closing: items at the closing end, the same.
        accounts: classified accounts (CASE, movement).
    """
    narrow = [*CASE, "subscription_item_id", "subscription_id", "product_id", "value", "turned"]
    pairs = pair(opening.select(narrow).collect(), closing.select(narrow).collect())

    def side(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
        return rows.select(
            *CASE,
            pl.col("subscription_item_id").alias(f"{name}_item"),
            *(
                pl.col(column).alias(f"{name}_{column}")
                for column in (*ITEM_END, *CARRIED, "value")
            ),
            *([pl.col("stood")] if name == "opening" else []),
        )

    zero = pl.lit(0, dtype=pl.Int64)
    return (
        pairs.lazy()
        .join(side(opening, "opening"), on=[*CASE, "opening_item"], how="left", nulls_equal=False)
        .join(side(closing, "closing"), on=[*CASE, "closing_item"], how="left", nulls_equal=False)
        .join(accounts.select(*CASE, "movement"), on=CASE, how="inner")
        .with_columns(
            opening_mrr=pl.coalesce("stood", zero),
            fx_mrr=pl.coalesce("opening_value", zero) - pl.coalesce("stood", zero),
            closing_mrr=pl.coalesce("closing_value", zero),
            delta_mrr=pl.coalesce("closing_value", zero) - pl.coalesce("opening_value", zero),
        )
        .collect()
    )


def _point(
    pairs: pl.LazyFrame, book: Book, price: str, steps: str, name: str, depth: int
) -> pl.LazyFrame:
    """The value of (price of `price`'s end, closing quantity, discounts in `steps`) as column `name`."""
    ends = pairs.select(
        "pair",
        price_id=f"{price}_price_id",
        currency=f"{price}_currency",
        price_version=f"{price}_price_version",
        quantity="closing_quantity",
        usage_type=f"{price}_usage_type",
        factor_num=f"{price}_factor_num",
        factor_den=f"{price}_factor_den",
        net_num=f"{price}_net_num",
        net_den=f"{price}_net_den",
        charge_num=pl.lit(None, dtype=pl.Int64),
        charge_den=pl.lit(None, dtype=pl.Int64),
        steps=steps,
        rate=f"{price}_rate",
    )
    return with_value(with_list(ends, book.price), depth).select(
        "pair", convert(pl.col("mrr_native"), pl.col("rate")).alias(name)
    )


def _in_currency(pairs: pl.LazyFrame) -> pl.LazyFrame:
    """`steps_moved`: the opening discounts with their amounts in the closing price's currency."""
    same = pairs.filter(pl.col("opening_currency") == pl.col("closing_currency")).with_columns(
        steps_moved="opening_steps"
    )
    other = pairs.filter(pl.col("opening_currency") != pl.col("closing_currency"))
    step = pl.col("opening_steps").struct
    moved = (
        other.select(
            "pair",
            "opening_rate",
            "closing_rate",
            "opening_steps",
            place=pl.int_ranges(pl.col("opening_steps").list.len()),
        )
        .explode("opening_steps", "place", empty_as_null=False, keep_nulls=False)
        .with_columns(
            discount_id=step.field("discount_id"),
            num=step.field("num"),
            den=step.field("den"),
            amount=round_half_even(
                step.field("amount").cast(pl.Int128) * pl.col("opening_rate").cast(pl.Int128),
                pl.col("closing_rate").cast(pl.Int128),
            ).cast(pl.Int64),
        )
        .sort("pair", "place")
        .group_by("pair", maintain_order=True)
        .agg(steps_moved=pl.struct("discount_id", "num", "den", "amount").cast(STEP))
    )
    empty = pl.lit([], dtype=pl.List(STEP))
    return pl.concat(
        [
            same,
            other.join(moved, on="pair", how="left").with_columns(
                pl.col("steps_moved").fill_null(empty)
            ),
        ]
    )


def _path(pairs: pl.LazyFrame, book: Book) -> pl.LazyFrame:
    """The components of pairs at both ends of retained accounts: quantity, price and discount steps."""
    licensed = _in_currency(
        pairs.filter(
            (pl.col("opening_usage_type") != "metered")
            & (pl.col("closing_usage_type") != "metered")
        )
    )
    licensed = licensed.collect().lazy()
    depth = depth_of(licensed, "opening_steps", "steps_moved", "closing_steps")
    same_plan = pl.col("opening_plan_key").eq_missing(pl.col("closing_plan_key"))
    per_unit = (pl.col("opening_billing_scheme") == "per_unit") & (
        pl.col("closing_billing_scheme") == "per_unit"
    )
    many = (pl.col("opening_quantity").fill_null(1) > 1) & (
        pl.col("closing_quantity").fill_null(1) > 1
    )
    seats = same_plan | (per_unit & many)
    changed_price = (
        pl.when(same_plan.not_())
        .then(pl.lit("plan"))
        .when(pl.col("opening_billing_interval") != pl.col("closing_billing_interval"))
        .then(pl.lit("interval"))
        .otherwise(pl.lit("price"))
    )
    steps = (
        licensed.join(
            _point(licensed, book, "opening", "opening_steps", "at_quantity", depth), on="pair"
        )
        .join(_point(licensed, book, "closing", "steps_moved", "at_price", depth), on="pair")
        .with_columns(
            quantity_step=pl.col("at_quantity") - pl.col("opening_value"),
            price_step=pl.col("at_price") - pl.col("at_quantity"),
            discount_step=pl.col("closing_value") - pl.col("at_price"),
            price_type=changed_price,
        )
    )
    usage = pairs.filter(
        (pl.col("opening_usage_type") == "metered") | (pl.col("closing_usage_type") == "metered")
    )
    return pl.concat(
        [
            steps.select(
                "pair",
                type=pl.when(seats).then(pl.lit("seat")).otherwise("price_type"),
                amount="quantity_step",
            ),
            steps.select("pair", type="price_type", amount="price_step"),
            steps.select("pair", type=pl.lit("discount"), amount="discount_step"),
            usage.select("pair", type=pl.lit("usage"), amount="delta_mrr"),
        ]
    )


def _unpaired(pairs: pl.LazyFrame) -> pl.LazyFrame:
    """`pairs` with, for items without a partner of retained accounts, the type of their coming or going."""
    product = pl.coalesce("closing_product_id", "opening_product_id")
    subscription = pl.coalesce("closing_subscription_id", "opening_subscription_id")
    usage_type = pl.coalesce("closing_usage_type", "opening_usage_type")

    def held(column: str) -> pl.LazyFrame:
        """Values of `column` that an account holds at both ends."""
        opened = (
            pairs.select(*CASE, pl.col(f"opening_{column}").alias("held")).drop_nulls().unique()
        )
        closed = (
            pairs.select(*CASE, pl.col(f"closing_{column}").alias("held")).drop_nulls().unique()
        )
        return opened.join(closed, on=[*CASE, "held"])

    both_products = held("product_id").with_columns(product_held=pl.lit(value=True))
    both_subscriptions = held("subscription_id").with_columns(subscription_held=pl.lit(value=True))
    single = pl.col("opening_item").is_null() | pl.col("closing_item").is_null()
    return (
        pairs.filter(single)
        .with_columns(product=product, subscription=subscription, kind=usage_type)
        .join(both_products, left_on=[*CASE, "product"], right_on=[*CASE, "held"], how="left")
        .join(
            both_subscriptions,
            left_on=[*CASE, "subscription"],
            right_on=[*CASE, "held"],
            how="left",
        )
        .select(
            "pair",
            type=pl.when(pl.col("kind") == "metered")
            .then(pl.lit("usage"))
            .when(pl.col("product_held"))
            .then(pl.lit("seat"))
            .when(pl.col("subscription_held"))
            .then(pl.lit("add_on"))
            .otherwise(pl.lit("cross_sell")),
            amount="delta_mrr",
        )
    )


def components(item_movements: pl.DataFrame, book: Book, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """The components of every account (MRR_MOVEMENT_COMPONENT); an account's amounts sum to its delta.

    Args:
        item_movements: the frame of `item_movements`.
        book: for prices.
        accounts: classified accounts (CASE, movement, evidence).
    """
    pairs = item_movements.with_row_index("pair").lazy()
    whole = pl.col("movement").is_in(WHOLE).fill_null(value=False)
    retained = pairs.filter(whole.not_())
    both = retained.filter(
        pl.col("opening_item").is_not_null() & pl.col("closing_item").is_not_null()
    )
    # An account that left or came back may hold the same item at both ends (at zero): one component per item still.
    simple = pairs.filter(whole).select("pair", type="movement", amount="delta_mrr")
    parts = pl.concat([simple, _path(both, book), _unpaired(retained)])
    return (
        parts.filter(pl.col("amount") != 0)
        .group_by("pair", "type")
        .agg(pl.col("amount").sum())
        .filter(pl.col("amount") != 0)
        .join(pairs, on="pair")
        .join(accounts.select(*CASE, "evidence"), on=CASE)
        .with_columns(
            subscription_item_id=pl.when(pl.col("movement") == "churn")
            .then("opening_item")
            .otherwise(pl.coalesce("closing_item", "opening_item")),
            paired_item_id=pl.when(
                whole.not_()
                & pl.col("closing_item").is_not_null()
                & (pl.col("opening_item") != pl.col("closing_item"))
            ).then("opening_item"),
            product_id=pl.coalesce("closing_product_id", "opening_product_id"),
        )
    )
