"""What items are worth, and how long: the timeline cut where any value may change, valued once.

Belongs here: the instants at which the value of an item may change, and its value from one to the next. Month ends,
payments of the past and changes within a month are all read out of it.
"""

import polars as pl

from pipeline.mrr.book import Book
from pipeline.mrr.instants import valued
from pipeline.mrr.policy import Policy

ITEM = "subscription_item_id"
TICK = pl.duration(microseconds=1)


def worth(book: Book, policy: Policy) -> pl.LazyFrame:
    """Every counting item with its value, one row per item and span over which it is worth the same.

    The timeline's and price's columns, those of `valued`, and valid_from and valid_to of the span: it holds at an
    instant when valid_from < instant <= valid_to, as in `instants`; valid_to is null while it lasts. Items that share
    an amount off are cut where any of them changes.
    """
    items = book.items().collect()
    cuts = _cuts(book, items.lazy(), policy).with_row_index("place").collect()
    pieces = _pieces(items.lazy(), cuts.lazy()).collect()
    found = cuts[pieces["place"]]
    rows = items[pieces["row"]].with_columns(
        at=found["cut"] + TICK, valid_from=found["cut"], valid_to=found["next_cut"]
    )
    return valued(book, rows.lazy(), policy).drop("at")


def _pieces(items: pl.LazyFrame, cuts: pl.LazyFrame) -> pl.LazyFrame:
    """The `row` of every item and span, once for each cut (`place`) from its first instant to before its last."""
    begins, ends = (
        cuts.select(ITEM, pl.col("cut").alias(at), pl.col("place").alias(name))
        for at, name in (("valid_from", "first"), ("valid_to", "stop"))
    )
    last = cuts.group_by(ITEM).agg(last=pl.col("place").max() + 1)
    return (
        items.select(ITEM, "valid_from", "valid_to")
        .with_row_index("row")
        .join(begins, on=[ITEM, "valid_from"], maintain_order="left")
        .join(ends, on=[ITEM, "valid_to"], how="left", maintain_order="left")
        .join(last, on=ITEM, maintain_order="left")
        .with_columns(place=pl.int_ranges("first", pl.coalesce("stop", "last")))
        .select("row", "place")
        .explode("place", empty_as_null=False, keep_nulls=False)
    )


def _cuts(book: Book, items: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Instants after which an item may be worth something else, in their order: subscription_item_id, cut, next_cut.

    A span's edges; the last instant before a usage period ends, whose charge counts from its end on; where the policy
    looks at the time that has passed; and those of the items with which it shares an amount off.
    """
    periods = book.usage_charge.select(ITEM, cut=pl.col("period_end") - TICK)
    instants = [pl.col("valid_from"), pl.col("valid_to"), *policy.instants()]
    own = pl.concat([*(items.select(ITEM, cut=each) for each in instants), periods]).drop_nulls()
    sharing = _sharing(book, items).collect().lazy()
    together = own.join(sharing, on=ITEM).select("subscription_id", "cut").unique()
    shared = together.join(sharing, on="subscription_id").select(ITEM, "cut")
    return (
        pl.concat([own, shared])
        .unique()
        .sort(ITEM, "cut")
        .with_columns(next_cut=pl.col("cut").shift(-1).over(ITEM))
    )


def _sharing(book: Book, items: pl.LazyFrame) -> pl.LazyFrame:
    """The items of subscriptions that ever had an amount off which their items share: ids of both."""
    of = items.select(ITEM, "subscription_id").unique()
    reference = pl.col("discounts").struct
    amounts = book.coupon.filter(pl.col("amount_off").is_not_null()).select("coupon_id")
    discounted = (
        pl.concat([each.select(ITEM, "discounts") for each in (items, book.usage_charge)])
        .filter(pl.col("discounts").list.len() > 0)
        .explode("discounts")
        .filter(reference.field("level") != "item")
        .select(ITEM, coupon_id=reference.field("coupon_id"))
        .join(amounts, on="coupon_id", how="semi")
    )
    subscriptions = of.join(discounted, on=ITEM, how="semi").select("subscription_id")
    return of.join(subscriptions, on="subscription_id", how="semi")
