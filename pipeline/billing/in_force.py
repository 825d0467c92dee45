"""The discounts in force when a service period begins, as events and listings show them.

Belongs here: what the first point of a period shows, and whether that was so at its start. What an invoice says of it
is in `periods`.
"""

import polars as pl

from pipeline.billing import chosen
from pipeline.billing.discounts import NO_IDS, PERIOD
from pipeline.billing.ordering import in_order


def in_force(rows: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame) -> pl.LazyFrame:
    """The discounts in force at the start of each item's service period, as the first point in it shows them.

    One row per (subscription_item_id, period_start): shown (discount ids in order; null: none), early (the first point
    shows the item and is no later than the start, or the item began with it, so nothing can have changed before),
    at_once (those of `shown` that were given in the very second in which the period begins, before or after it? But an
    item's own that it comes with, and of its subscription those that all events of that second show), moved (in that
    second others were taken away, or their order changed; what is over by then as it announced, or is used up by the
    period's own invoice, was not), moved_on_item (so did the item's own).
    """
    item = "subscription_item_id"
    followed = (
        (pl.col(item) == pl.col(item).shift(1))
        & (pl.col("valid_to").shift(1) == pl.col("valid_from"))
        & (pl.col("evidence").shift(1) == "exact")
    )
    born = pl.col("item_created") >= pl.col("valid_from")
    needed = (
        *PERIOD,
        "kind",
        "item_created",
        "valid_from",
        "valid_to",
        "evidence",
        "foreseen",
        "switched",
    )
    lists = ("item_discounts", "subscription_discounts")
    # Most rows show no discount: lists are slow.
    holds = (
        rows.select("valid_to", *lists)
        .with_row_index("place")
        .filter(pl.any_horizontal(pl.col(name).list.len() > 0 for name in lists))
        .collect()
        .lazy()
    )
    spans = (
        rows.select(*needed, "customer_id")
        .with_row_index("place")
        .pipe(in_order, item, "valid_from")
        .with_columns(
            followed=followed.fill_null(value=False),
            earlier=pl.when(pl.col(item) == pl.col(item).shift(1)).then(pl.col("place").shift(1)),
        )
        .collect()
        .lazy()
    )
    first = (
        chosen.first(spans, *PERIOD)
        .with_columns(
            early=(
                (pl.col("valid_from") <= pl.col("period_start"))
                | (
                    pl.col("kind").is_in(["initial", "listing"]).not_()
                    & (born | pl.col("followed"))
                )
            )
            & pl.col("foreseen").not_()
        )
        .with_columns(begun=pl.when("early").then("valid_from").otherwise("period_start"))
        .with_columns(first=(pl.col("item_created") >= pl.col("begun")).fill_null(value=False))
        .with_columns(with_item=pl.col("first") & pl.col("switched").not_())
        .collect()
        .lazy()
    )
    once = coupons.filter(pl.col("duration") == "once").collect().get_column("coupon_id")
    dates = refs.select(
        "discount_id", "start", "end", "announced_end", given_to="customer_id", on_subscription="subscription_id",
        on_item="subscription_item_id", one_off=pl.col("one_off").fill_null(value=False),
        used_up=pl.col("coupon_id").is_in(once.implode()).fill_null(value=False),
    )  # fmt: skip
    since = (pl.col("start") <= pl.col("begun")).fill_null(value=True)
    until = (pl.col("begun") < pl.col("end")).fill_null(value=True)
    announced = (pl.col("announced_end") <= pl.col("begun")).fill_null(value=False)
    lasting = (announced | pl.col("used_up")).fill_null(value=False).not_()
    taken = (pl.col("end") == pl.col("begun")).fill_null(value=False) & lasting
    at_once = pl.col("start") == pl.col("begun")

    def of(name: str, which: pl.Expr) -> pl.Expr:
        """The ids of a list of which something holds."""
        return pl.col("discount_id").filter((pl.col("list") == name) & which)

    now = first.select("place", "begun", "first", "with_item").join(
        holds.drop("valid_to"), on="place"
    )
    before = (
        first.select("place", "begun", "first", "with_item", "earlier", "valid_from")
        .join(
            holds, left_on=["earlier", "valid_from"], right_on=["place", "valid_to"],
            maintain_order="left",
        )
        .with_columns(before=joined(*lists))
    )  # fmt: skip
    listed = (
        pl.concat(
            frame.select(
                "place", "begun", "first", "with_item", discount_id=name, list=pl.lit(name)
            )
            for frame, name in ((now, lists[0]), (now, lists[1]), (before, "before"))
        )
        .explode("discount_id", empty_as_null=False, keep_nulls=False)
        .join(dates, on="discount_id", how="left", maintain_order="left")
        .group_by("place", maintain_order=True)
        .agg(
            on_item=of("item_discounts", since & until),
            on_subscription=of("subscription_discounts", since & until),
            item_at_once=of("item_discounts", since & until & at_once & pl.col("first").not_()),
            subscription_at_once=of(
                "subscription_discounts", since & until & at_once & pl.col("with_item").not_()
            ),
            before=of("before", lasting),
            before_on_item=of("before", lasting & pl.col("on_item").is_not_null()),
        )
    )
    of_customers = dates.filter(
        pl.col("on_subscription").is_null() & pl.col("on_item").is_null() & pl.col("one_off").not_()
    )
    customers = (
        first.select("place", "begun", "customer_id")
        .join(of_customers, left_on="customer_id", right_on="given_to")
        .filter(since & (until | taken))
        .group_by("place")
        .agg(
            on_customer=pl.col("discount_id").filter(until).sort(),
            # Given or taken away in the very second in which the period begins: before or after it?
            exchanged=((pl.col("start") == pl.col("begun")) | taken).any(),
        )
    )
    gone = pl.col("before").list.len() > 0
    some = (
        listed.join(customers, on="place", how="full", coalesce=True)
        .join(holds.drop("valid_to"), on="place", how="left")
        .with_columns(above=joined("on_subscription", "on_customer"), now=joined(*lists))
        .select(
            "place",
            "exchanged",
            moved=gone & _differ("before", "now"),
            moved_on_item=gone & _differ("before_on_item", "item_discounts"),
            shown=joined("on_item", "above"),
            at_once=joined("item_at_once", "subscription_at_once"),
        )
    )
    return (
        first.select("place", *PERIOD, "early")
        .join(some, on="place", how="left")
        .with_columns(pl.col("exchanged", "moved", "moved_on_item").fill_null(value=False))
        .with_columns(early=pl.col("early") & pl.col("exchanged").not_())
        .drop("place", "exchanged")
    )


def _differ(one: str, other: str) -> pl.Expr:
    return pl.col(one).list.join(",") != pl.col(other).fill_null(NO_IDS).list.join(",")


def joined(first: str, second: str) -> pl.Expr:
    """Two lists of ids one after the other; null counts as empty."""
    return pl.concat_list(pl.col(first).fill_null(NO_IDS), pl.col(second).fill_null(NO_IDS))
