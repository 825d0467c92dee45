"""The path from a span to another one: quantity, then price, then discounts, each step valued like an item.

Belongs here: what lies on the path, and the type of each step. Which spans are compared is in `pairing`.
Source of the rules: docs/method.md, "Components: where it comes from".
"""

import polars as pl

from pipeline.billing.charges import PRICED_BY
from pipeline.money import convert, round_half_even
from pipeline.mrr.book import Book
from pipeline.mrr.value import STEP, depth_of, with_list, with_value
from pipeline.mrr.valued import CARRIED, Valued

SIDES = ("opening", "closing")
TERMS = (*PRICED_BY, "factor_num", "factor_den", "net_num", "net_den")
"""What a quantity is valued by, but for discounts."""


def steps(pairs: pl.LazyFrame, valued: Valued) -> pl.LazyFrame:
    """The components of pairs that stand in different spans: `pair`, type, amount (micro-units at the month's rates).

    What the steps between two spans are worth in their own currency is the same in every month; where the currency
    changes, amounts off follow the month's rates.

    Args:
        pairs: `pair`, month, both ends' span, currency and value, delta_mrr.
        valued: what the spans hold.
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
    walked = (
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
    licensed = walked.filter(~pl.col("metered"))
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
            walked.filter("metered").select("pair", type=pl.lit("usage"), amount="delta_mrr"),
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
