"""Components: each account's delta as signed amounts by type, one or more per item.

Belongs here: the one path along which items at both ends are compared, and the types.
Source of the rules: docs/method.md, "Components: where it comes from".
"""

import polars as pl

from pipeline.billing.charges import PRICED_BY
from pipeline.money import convert, round_half_even
from pipeline.mrr.book import Book
from pipeline.mrr.ends import Sides
from pipeline.mrr.pairing import CELL, ITEM, Turned, pair
from pipeline.mrr.value import STEP, depth_of, with_list, with_value
from pipeline.mrr.valued import CARRIED, Valued
from pipeline.schemas.mrr import ITEM_END

WHOLE = ("new", "reactivation", "churn")
"""Movements whose components are one per item, of the movement's own type."""

SIDES = ("opening", "closing")
TERMS = (*PRICED_BY, "factor_num", "factor_den", "net_num", "net_den")
"""What a quantity is valued by, but for discounts."""
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


def _point(points: pl.LazyFrame, book: Book, price: str, steps: str, depth: int) -> pl.LazyFrame:
    """The native value of (price of `price`'s end, closing quantity, discounts in `steps`), by `point`."""
    ends = points.select(
        "point",
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
    )
    return with_value(with_list(ends, book.price), depth).select("point", value="mrr_native")


def _in_currency(points: pl.LazyFrame) -> pl.LazyFrame:
    """`steps_moved`: the opening discounts with their amounts in the closing price's currency."""
    same = points.filter(pl.col("opening_currency") == pl.col("closing_currency")).with_columns(
        steps_moved="opening_steps"
    )
    other = points.filter(pl.col("opening_currency") != pl.col("closing_currency"))
    step = pl.col("opening_steps").struct
    moved = (
        other.select(
            "point",
            "opening_moved",
            "closing_moved",
            "opening_steps",
            place=pl.int_ranges(pl.col("opening_steps").list.len()),
        )
        .explode("opening_steps", "place", empty_as_null=False, keep_nulls=False)
        .with_columns(
            discount_id=step.field("discount_id"),
            num=step.field("num"),
            den=step.field("den"),
            amount=round_half_even(
                step.field("amount").cast(pl.Int128) * pl.col("opening_moved").cast(pl.Int128),
                pl.col("closing_moved").cast(pl.Int128),
            ).cast(pl.Int64),
        )
        .sort("point", "place")
        .group_by("point", maintain_order=True)
        .agg(steps_moved=pl.struct("discount_id", "num", "den", "amount").cast(STEP))
    )
    empty = pl.lit([], dtype=pl.List(STEP))
    return pl.concat(
        [
            same,
            other.join(moved, on="point", how="left").with_columns(
                pl.col("steps_moved").fill_null(empty)
            ),
        ]
    )


def _path(pairs: pl.LazyFrame, valued: Valued) -> pl.LazyFrame:
    """The components of pairs at both ends of retained accounts: quantity, price and discount steps.

    What the steps between two spans are worth in their own currency is the same in every month; where the currency
    changes, amounts off follow the month's rates.
    """
    rates = valued.book.fx_rate.select("month", "currency", "rate")
    for side in SIDES:
        theirs = rates.rename({"currency": f"{side}_currency", "rate": f"{side}_rate"})
        pairs = pairs.join(theirs, on=["month", f"{side}_currency"], how="left")
    other = pl.col("opening_currency") != pl.col("closing_currency")
    moved = {f"{side}_moved": pl.when(other).then(f"{side}_rate") for side in SIDES}
    rows = pairs.with_columns(**moved).collect().lazy()
    key = ["opening_span", "closing_span", *moved]
    points = _points(rows.select(key).unique(maintain_order=True).collect(), valued)
    steps = (
        rows.join(points.lazy(), on=key, nulls_equal=True, maintain_order="left")
        .with_columns(
            at_quantity=convert(pl.col("at_quantity"), pl.col("opening_rate")),
            at_price=convert(pl.col("at_price"), pl.col("closing_rate")),
        )
        .with_columns(
            quantity_step=pl.col("at_quantity") - pl.col("opening_value"),
            price_step=pl.col("at_price") - pl.col("at_quantity"),
            discount_step=pl.col("closing_value") - pl.col("at_price"),
        )
        .select(
            "pair",
            "delta_mrr",
            "seats",
            "metered",
            "price_type",
            "quantity_step",
            "price_step",
            "discount_step",
        )
        .collect()
        .lazy()
    )
    licensed = steps.filter(~pl.col("metered"))
    quantity, price = pl.col("quantity_step"), pl.col("price_step")
    return pl.concat(
        [
            licensed.filter("seats").select("pair", type=pl.lit("seat"), amount=quantity),
            # Where the quantity step is no seats, both steps are of one type.
            licensed.select(
                "pair",
                type="price_type",
                amount=pl.when("seats").then(price).otherwise(quantity + price),
            ),
            licensed.select("pair", type=pl.lit("discount"), amount="discount_step"),
            steps.filter("metered").select("pair", type=pl.lit("usage"), amount="delta_mrr"),
        ]
    ).filter(pl.col("amount") != 0)


def _points(points: pl.DataFrame, valued: Valued) -> pl.DataFrame:
    """`points` (both spans, and the rates of both currencies where they differ) with what is on the path between them.

    Adds at_quantity and at_price (the value there, in the opening and the closing currency), `seats` (the quantity
    step is seats), `price_type`, and `metered` (either end is, so that there is no path).
    """
    carried = [valued.at(points[f"{side}_span"], CARRIED, f"{side}_") for side in SIDES]
    found = pl.concat([points, *carried], how="horizontal").with_row_index("point").lazy()
    metered = pl.any_horizontal(pl.col(f"{side}_usage_type") == "metered" for side in SIDES)
    same_plan = pl.col("opening_plan_key").eq_missing(pl.col("closing_plan_key"))
    per_unit = pl.all_horizontal(pl.col(f"{side}_billing_scheme") == "per_unit" for side in SIDES)
    many = pl.all_horizontal(pl.col(f"{side}_quantity").fill_null(1) > 1 for side in SIDES)
    changed_price = (
        pl.when(same_plan.not_())
        .then(pl.lit("plan"))
        .when(pl.col("opening_billing_interval") != pl.col("closing_billing_interval"))
        .then(pl.lit("interval"))
        .otherwise(pl.lit("price"))
    )
    # The same steps or the same terms at both ends: the point is where the path ends, or the next one.
    same_steps, same_terms = (
        pl.all_horizontal(
            pl.col(f"opening_{name}").eq_missing(pl.col(f"closing_{name}")) for name in names
        )
        for names in (("currency", "stepped"), TERMS)
    )
    typed = found.with_columns(
        metered=metered,
        seats=same_plan | (per_unit & many),
        price_type=changed_price,
        discounted=same_steps.not_() & metered.not_(),
        priced=same_terms.not_() & metered.not_(),
    )
    typed = typed.collect().lazy()
    between = typed.filter(pl.any_horizontal("discounted", "priced")).collect()
    steps = valued.at(between["opening_span"], ("steps",), "opening_")
    unlike = _in_currency(between.with_columns(steps).lazy()).collect().lazy()
    depth = depth_of(unlike, "opening_steps", "steps_moved")
    at_price = _point(unlike.filter("discounted"), valued.book, "closing", "steps_moved", depth)
    at_quantity = _point(unlike.filter("priced"), valued.book, "opening", "opening_steps", depth)
    price, quantity = pl.col("at_price"), pl.col("at_quantity")
    return (
        typed.join(at_price.rename({"value": "at_price"}), on="point", how="left")
        .join(at_quantity.rename({"value": "at_quantity"}), on="point", how="left")
        .with_columns(at_price=pl.when("discounted").then(price).otherwise("closing_mrr_native"))
        .with_columns(at_quantity=pl.when("priced").then(quantity).otherwise(price))
        .select(*points.columns, "metered", "seats", "price_type", "at_quantity", "at_price")
        .collect()
    )


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
