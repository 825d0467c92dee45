"""Components: each account's delta as signed amounts by type, one or more per item.

Belongs here: the one path along which items at both ends are compared, and the types.
Source of the rules: docs/method.md, "Components: where it comes from".
"""

import polars as pl

from pipeline.money import convert, round_half_even
from pipeline.mrr.book import Book
from pipeline.mrr.ends import Sides
from pipeline.mrr.pairing import CASE, ITEM, Turned, pair
from pipeline.mrr.value import STEP, depth_of, with_list, with_value
from pipeline.mrr.valued import CARRIED, Valued
from pipeline.schemas.mrr import ITEM_END

WHOLE = ("new", "reactivation", "churn")
"""Movements whose components are one per item, of the movement's own type."""

SIDES = ("opening", "closing")
ABOUT = ("month", "window_months", "account_id", "movement", "evidence")
"""What every row says of its case and account."""
TOLD = (
    *CASE,
    *ABOUT,
    "opening_item",
    "closing_item",
    *(f"{side}_{name}" for side in SIDES for name in ("subscription_item_id", "product_id")),
)
"""What a component says of its pair."""


def item_movements(sides: Sides, valued: Valued, accounts: pl.LazyFrame) -> pl.DataFrame:
    """One row per pair of items, or item without a partner, of every account (MRR_ITEM_MOVEMENT, and both spans).

    Args:
        sides: the items at both ends.
        valued: what the spans hold.
        accounts: classified accounts (CASE, movement, opening_at, closing_at).
    """
    pairs = pair(sides.opening, sides.closing, _turned(valued, accounts)).sort(
        *CASE, "opening_item", "closing_item"
    )
    zero = pl.lit(0, dtype=pl.Int64)
    before, after = (pl.coalesce(f"{side}_value", zero) for side in SIDES)
    return (
        pl.concat(
            [pairs, *(valued.at(pairs[f"{side}_span"], ITEM_END, f"{side}_") for side in SIDES)],
            how="horizontal",
        )
        .lazy()
        .join(accounts.select(*CASE, *ABOUT), on=CASE, how="inner", maintain_order="left")
        .with_columns(
            opening_mrr=pl.coalesce("stood", zero),
            fx_mrr=before - pl.coalesce("stood", zero),
            closing_mrr=after,
            delta_mrr=after - before,
        )
        .collect()
    )


def _turned(valued: Valued, accounts: pl.LazyFrame) -> Turned:
    """Tells the items that do not exist at the other end, counting or not."""
    states = valued.states.select(ITEM, "valid_from", "valid_to")

    def absent(rows: pl.DataFrame, at: str) -> pl.DataFrame:
        there = (
            rows.lazy()
            .select(*CASE, ITEM)
            .join(accounts.select(*CASE, boundary=at), on=CASE)
            .join(states, on=ITEM)
            .filter(
                (pl.col("valid_from") < pl.col("boundary"))
                & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("boundary")))
            )
            .collect()
        )
        return rows.join(there, on=[*CASE, ITEM], how="anti")

    return lambda opening, closing: (absent(opening, "closing_at"), absent(closing, "opening_at"))


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


def _path(pairs: pl.LazyFrame, valued: Valued) -> pl.LazyFrame:
    """The components of pairs at both ends of retained accounts: quantity, price and discount steps."""
    pairs, book = _with_terms(pairs, valued), valued.book
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
    parts = pl.concat(
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
    # Two steps may be of one type.
    return (
        parts.filter(pl.col("amount") != 0)
        .group_by("pair", "type", maintain_order=True)
        .agg(pl.col("amount").sum())
    )


def _with_terms(pairs: pl.LazyFrame, valued: Valued) -> pl.LazyFrame:
    """`pairs` with what the value of both ends is computed from, and the month's rates."""
    rows = pairs.collect()
    carried = [valued.at(rows[f"{side}_span"], CARRIED, f"{side}_") for side in SIDES]
    found = pl.concat([rows, *carried], how="horizontal").lazy()
    rates = valued.book.fx_rate.select("month", "currency", "rate")
    for side in SIDES:
        theirs = rates.rename({"currency": f"{side}_currency", "rate": f"{side}_rate"})
        found = found.join(theirs, on=["month", f"{side}_currency"], how="left")
    return found


def _unpaired(pairs: pl.LazyFrame) -> pl.LazyFrame:
    """`pairs` with, for items without a partner of retained accounts, the type of their coming or going."""
    product = pl.coalesce("closing_product_id", "opening_product_id")
    subscription = pl.coalesce("closing_subscription_id", "opening_subscription_id")
    model = pl.coalesce("closing_pricing_model", "opening_pricing_model")
    without = pl.col("opening_item").is_null() | pl.col("closing_item").is_null()
    single = pairs.filter(without).collect().lazy()
    theirs = pairs.join(single, on=CASE, how="semi").collect().lazy()

    def held(column: str) -> pl.LazyFrame:
        """Values of `column` that an account holds at both ends."""
        opened, closed = (
            theirs.select(*CASE, held=f"{side}_{column}").drop_nulls("held").unique()
            for side in SIDES
        )
        return opened.join(closed, on=[*CASE, "held"])

    both_products = held("product_id").with_columns(product_held=pl.lit(value=True))
    both_subscriptions = held("subscription_id").with_columns(subscription_held=pl.lit(value=True))
    return (
        single.with_columns(product=product, subscription=subscription, model=model)
        .join(both_products, left_on=[*CASE, "product"], right_on=[*CASE, "held"], how="left")
        .join(
            both_subscriptions,
            left_on=[*CASE, "subscription"],
            right_on=[*CASE, "held"],
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
        pl.concat([simple, _path(both, valued), _unpaired(retained)])
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
