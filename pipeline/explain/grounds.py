"""Grounds: which steps, invoices and discounts prove each component.

Belongs here: what a component of a type rests on. A seat component rests on the steps of its item's quantity, not on
where the span at the closing end happens to begin. Where nothing of the kind changed (an amount off a subscription
that is shared anew because another item came), it rests on every step of the subscription.
"""

from datetime import datetime

import polars as pl

from pipeline.explain.steps import INSTANT, ITEM, STEP
from pipeline.mrr import Book

WHOLE = ("new", "reactivation", "churn")
PRICED = ("plan", "interval", "price")
OWN = {
    "seat": ["quantity"],
    "plan": ["price"],
    "interval": ["price"],
    "price": ["price"],
    "discount": ["discount"],
    "usage": ["price"],
}
EVERYTHING = ["counting", "quantity", "price", "discount"]
ORDER = {"seat": 0, "plan": 1, "interval": 1, "price": 1, "discount": 2}
"""The path along which items are compared: quantity, price, discounts."""
ASPECTS = pl.List(pl.String)


def parts(component: pl.DataFrame, item_movement: pl.DataFrame) -> pl.DataFrame:
    """The components in the order of the path, each with its pair of items and the values before and after it.

    Adds part (a number), opening_item, closing_item, from_value and to_value (the item's value at the month's rates
    before and after this component, micro-units of the reporting currency), and seats: the quantity has a component of
    its own.
    """
    opening, closing = (f"{end}_subscription_item_id" for end in ("opening", "closing"))
    pairs = item_movement.lazy().select(
        opening_item=opening,
        closing_item=closing,
        began_at=pl.col("opening_mrr") + pl.col("fx_mrr"),
        moved="delta_mrr",
        subscription_item_id=pl.when(pl.col("movement") == "churn")
        .then(pl.coalesce(opening, closing))
        .otherwise(pl.coalesce(closing, opening)),
    )
    order = pl.col("type").replace_strict(ORDER, default=0, return_dtype=pl.Int8)
    return (
        component.lazy()
        .join(pairs, on=ITEM)
        .sort(pl.col("moved").abs(), ITEM, order, descending=[True, False, False])
        .with_columns(
            to_value=pl.col("began_at") + pl.col("amount").cum_sum().over(ITEM, order_by=order)
        )
        .with_columns(
            from_value=pl.col("to_value") - pl.col("amount"),
            seats=(pl.col("type") == "seat").any().over(ITEM),
        )
        .with_row_index("part")
        .collect()
    )


def charges(
    book: Book, items: pl.LazyFrame, opening_at: datetime, closing_at: datetime
) -> pl.DataFrame:
    """The usage charges that count at either end: USAGE_CHARGE and `end`, one row per metered item and end."""
    metered = items.filter(pl.col("usage_type") == "metered").select(ITEM).unique()
    known = book.usage_charge.join(metered, on=ITEM, how="semi").sort("period_end")
    return pl.concat(
        known.filter(pl.col("period_end") <= at).group_by(ITEM).last().with_columns(end=pl.lit(end))
        for end, at in (("opening", opening_at), ("closing", closing_at))
    ).collect()


def grounds(
    found: pl.DataFrame, steps: pl.DataFrame, charged: pl.DataFrame, items: pl.LazyFrame
) -> pl.DataFrame:
    """What each component rests on: one row per part and step, or part and invoice of usage (STEP, with part).

    Args:
        found: the frame of `parts`.
        steps: the frame of `steps.steps`.
        charged: the frame of `charges`.
        items: `Book.items()`, for the subscriptions of items.
    """
    sides = _sides(found)
    own = sides.explode("aspects").join(
        steps, left_on=[ITEM, "aspects"], right_on=[ITEM, "aspect"], coalesce=False
    )
    came = (
        steps.filter(pl.col("aspect") == "counting", pl.col("after").is_not_null())
        .group_by(ITEM)
        .agg(came_at=pl.col("at").max())
    )
    earlier = (pl.col("at") <= pl.col("came_at")) & (pl.col("aspect") != "counting")
    own = own.join(came, on=ITEM, how="left").filter(
        (pl.col("arrives") & earlier).fill_null(value=False).not_()
    )
    columns = ["part", *STEP]
    used = _used(sides, charged)
    bare = found.select("part").join(own, on="part", how="anti").join(used, on="part", how="anti")
    around = _around(bare, sides, steps, charged, items)
    return (
        pl.concat(
            [own.select(columns), used.select(columns), *(each.select(columns) for each in around)]
        )
        .unique()
        .sort("part", "at", "aspect", ITEM, "proof")
    )


def _sides(found: pl.DataFrame) -> pl.DataFrame:
    """One row per part and item that it compares: the aspects of the item that matter, and at which ends it is held."""
    opening, closing = pl.col("opening_item"), pl.col("closing_item")
    kind = pl.col("type")
    own = kind.replace_strict(OWN, default=[], return_dtype=ASPECTS)
    merged = pl.when(kind.is_in(PRICED) & pl.col("seats").not_()).then(
        pl.lit(["quantity"], dtype=ASPECTS)
    )
    none = pl.lit([], dtype=ASPECTS)
    moved = pl.when(opening != closing).then(pl.lit(["counting"], dtype=ASPECTS)).otherwise(none)
    aspects = (
        pl.when(closing.is_null())
        .then(pl.lit(["counting"], dtype=ASPECTS))
        .when(opening.is_null() | kind.is_in(WHOLE))
        .then(pl.lit(EVERYTHING, dtype=ASPECTS))
        .otherwise(pl.concat_list(own, merged.otherwise(none), moved))
    )
    rows = found.with_columns(aspects=aspects, kept=(opening == closing).fill_null(value=False))
    return pl.concat(
        [
            rows.filter(opening.is_not_null()).select(
                "part", "type", "aspects", pl.col("opening_item").alias(ITEM),
                at_opening=pl.lit(value=True), at_closing="kept", arrives=pl.lit(value=False),
            ),
            rows.filter(closing.is_not_null() & pl.col("kept").not_()).select(
                "part", "type", "aspects", pl.col("closing_item").alias(ITEM),
                at_opening=pl.lit(value=False), at_closing=pl.lit(value=True), arrives=pl.lit(value=True),
            ),
        ]
    )  # fmt: skip


def _used(sides: pl.DataFrame, charged: pl.DataFrame) -> pl.DataFrame:
    """The invoices whose charges a component compares."""
    held = pl.when(pl.col("end") == "opening").then("at_opening").otherwise("at_closing")
    return _invoices(
        sides.filter(pl.col("type").is_in(["usage", *WHOLE])).join(charged, on=ITEM).filter(held)
    )


def _invoices(rows: pl.DataFrame) -> pl.DataFrame:
    """Charges as steps: the period's end is the instant, the charge is what held before or after."""
    said = pl.format(
        "{}|{}|{}|{}",
        "amount",
        "currency",
        pl.col("period_start").dt.epoch("s"),
        pl.col("period_end").dt.epoch("s"),
    )
    opening = pl.col("end") == "opening"
    return rows.with_columns(
        subscription_id=pl.lit(None, dtype=pl.String),
        at=pl.col("period_end"),
        since=pl.lit(None, dtype=INSTANT),
        aspect=pl.lit("usage"),
        before=pl.when(opening).then(said),
        after=pl.when(opening.not_()).then(said),
        proof="invoice_id",
    )


def _around(
    bare: pl.DataFrame,
    sides: pl.DataFrame,
    steps: pl.DataFrame,
    charged: pl.DataFrame,
    items: pl.LazyFrame,
) -> list[pl.DataFrame]:
    """For parts without a step of their own: every step and every usage invoice of their subscriptions."""
    of = items.select(ITEM, "subscription_id").unique().collect()
    subscriptions = (
        bare.join(sides, on="part").join(of, on=ITEM).select("part", "subscription_id").unique()
    )
    beside = subscriptions.join(of, on="subscription_id").select("part", ITEM).unique()
    return [
        subscriptions.join(steps, on="subscription_id"),
        _invoices(beside.join(charged, on=ITEM)),
    ]


def discounts(found: pl.DataFrame, ends: pl.DataFrame, known: pl.LazyFrame) -> pl.DataFrame:
    """The discounts that count at one end only: when they start or end (STEP, with part).

    For components of discounts, and for an item that is held at both ends, but worth nothing at one.

    Args:
        found: the frame of `parts`.
        ends: items at both ends with `counted` (discount ids) and `end`.
        known: DISCOUNT.
    """
    of = found.lazy().filter(
        pl.col("type").is_in(["discount", *WHOLE]),
        pl.col("opening_item").is_not_null() & pl.col("closing_item").is_not_null(),
    )

    def counted(end: str) -> pl.LazyFrame:
        here = ends.lazy().filter(pl.col("end") == end)
        return (
            of.select("part", pl.col(f"{end}_item").alias(ITEM))
            .join(here.select(ITEM, "counted", "evidence"), on=ITEM)
            .explode("counted", empty_as_null=False, keep_nulls=False)
        )

    gone = counted("opening").join(counted("closing"), on=["part", "counted"], how="anti")
    come = counted("closing").join(counted("opening"), on=["part", "counted"], how="anti")
    added = pl.col("added")
    closing_at = ends.filter(end="closing").get_column("at").max()
    return (
        pl.concat(
            [
                gone.with_columns(added=pl.lit(value=False)),
                come.with_columns(added=pl.lit(value=True)),
            ]
        )
        .join(known, left_on="counted", right_on="discount_id", how="left", suffix="_known")
        .with_columns(
            subscription_id=pl.lit(None, dtype=pl.String),
            # One that was only later seen to be over was over by the closing end, where it no longer counts.
            at=pl.when(added)
            .then("start")
            .when(pl.col("end").is_not_null())
            .then(pl.min_horizontal("end", pl.lit(closing_at))),
            since=pl.lit(None, dtype=INSTANT),
            aspect=pl.lit("discount"),
            before=pl.when(added.not_()).then("coupon_id"),
            after=pl.when(added).then("coupon_id"),
            proof="counted",
        )
        .filter(pl.col("at").is_not_null())  # one without an end did not end: what it was on did
        .select("part", *STEP)
        .collect()
    )
