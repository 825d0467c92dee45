"""What items are worth, and how long: the timeline cut where any value may change, valued once.

Belongs here: the instants at which the value of an item may change, and its value from one to the next. Month ends,
payments of the past and changes within a month are all read out of it.
"""

import polars as pl

from pipeline.mrr.book import Book
from pipeline.mrr.instants import valued
from pipeline.mrr.policy import Policy

TICK = pl.duration(microseconds=1)


def worth(book: Book, policy: Policy) -> pl.LazyFrame:
    """Every counting item with its value, one row per item and span over which it is worth the same.

    The timeline's and price's columns, those of `valued`, and valid_from and valid_to of the span: it holds at an
    instant when valid_from < instant <= valid_to, as in `instants`; valid_to is null while it lasts. Spans are cut
    where any item of the subscription changes, as they share amounts off.
    """
    items = book.items().collect().lazy()
    cuts = _cuts(book, items, policy)
    rows = (
        items.join(cuts, on="subscription_id")
        .filter(
            (pl.col("valid_from") <= pl.col("cut"))
            & (pl.col("valid_to").is_null() | (pl.col("cut") < pl.col("valid_to")))
        )
        .with_columns(at=pl.col("cut") + TICK, valid_from="cut", valid_to="next_cut")
        .drop("cut", "next_cut")
    )
    return valued(book, rows, policy).drop("at")


def _cuts(book: Book, items: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Instants after which an item of the subscription may be worth something else: subscription_id, cut, next_cut.

    A span's edges; the last instant before a usage period ends, whose charge counts from its end on; and where the
    policy looks at the time that has passed.
    """
    of = items.select("subscription_item_id", "subscription_id").unique()
    periods = book.usage_charge.select("subscription_item_id", cut=pl.col("period_end") - TICK)
    instants = [pl.col("valid_from"), pl.col("valid_to"), *policy.instants()]
    return (
        pl.concat(
            [
                *(items.select("subscription_id", cut=each) for each in instants),
                periods.join(of, on="subscription_item_id").select("subscription_id", "cut"),
            ]
        )
        .drop_nulls("cut")
        .unique()
        .sort("subscription_id", "cut")
        .with_columns(next_cut=pl.col("cut").shift(-1).over("subscription_id"))
    )
