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
    items = book.items().collect().with_row_index("row")
    pieces = _pieces(book, items.lazy(), policy).collect()
    spans = items.drop("row", "valid_from", "valid_to")
    if not pieces.get_column("row").equals(items.get_column("row")):
        spans = spans[pieces.get_column("row")]
    rows = spans.with_columns(
        pieces.get_column("valid_from"),
        pieces.get_column("valid_to"),
        at=pieces.get_column("valid_from") + TICK,
    )
    return valued(book, rows.lazy(), policy).drop("at")


def _pieces(book: Book, items: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Every `row` of `items`, once for each piece that it is cut into: row, valid_from, valid_to of the piece."""
    narrow = items.select(
        "row",
        ITEM,
        "subscription_id",
        "valid_from",
        "valid_to",
        **{f"instant_{place}": each for place, each in enumerate(policy.instants())},
    )
    sharing = _sharing(book, items).collect().lazy()
    changing = pl.any_horizontal(pl.col("^instant_.*$").is_not_null(), pl.lit(value=False))
    within = pl.concat(
        [
            book.usage_charge.select(ITEM),
            sharing.select(ITEM),
            narrow.filter(changing).select(ITEM),
        ]
    )
    within = within.unique().collect().lazy()
    lasts = pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("valid_from"))
    whole = narrow.join(within, on=ITEM, how="anti").filter(lasts)
    cut = _cut(book, narrow.join(within, on=ITEM, how="semi"), sharing)
    return pl.concat([whole.select("row", "valid_from", "valid_to"), cut]).sort("row", "valid_from")


def _cut(book: Book, items: pl.LazyFrame, sharing: pl.LazyFrame) -> pl.LazyFrame:
    """`_pieces` of items that are cut: from the first instant of a span to before its last."""
    cuts = _cuts(book, items, sharing).with_row_index("place").collect().lazy()
    begins, ends = (
        cuts.select(ITEM, pl.col("cut").alias(at), pl.col("place").alias(name))
        for at, name in (("valid_from", "first"), ("valid_to", "stop"))
    )
    last = cuts.group_by(ITEM).agg(last=pl.col("place").max() + 1)
    return (
        items.select("row", ITEM, "valid_from", "valid_to")
        .join(begins, on=[ITEM, "valid_from"])
        .join(ends, on=[ITEM, "valid_to"], how="left")
        .join(last, on=ITEM)
        .select("row", place=pl.int_ranges("first", pl.coalesce("stop", "last")))
        .explode("place", empty_as_null=False, keep_nulls=False)
        .join(cuts.select(pl.col("place").cast(pl.Int64), "cut", "next_cut"), on="place")
        .select("row", valid_from="cut", valid_to="next_cut")
    )


def _cuts(book: Book, items: pl.LazyFrame, sharing: pl.LazyFrame) -> pl.LazyFrame:
    """Instants after which an item may be worth something else, in their order: subscription_item_id, cut, next_cut.

    A span's edges; the last instant before a usage period ends, whose charge counts from its end on; where the policy
    looks at the time that has passed; and those of the items with which it shares an amount off.
    """
    periods = book.usage_charge.select(ITEM, cut=pl.col("period_end") - TICK)
    instants = items.unpivot(pl.selectors.datetime(), index=ITEM, value_name="cut").drop("variable")
    own = pl.concat([instants, periods]).drop_nulls()
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
