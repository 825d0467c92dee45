"""The discounts in force when a service period begins, as events and listings show them.

Belongs here: what the first point of a period shows, and whether that was so at its start. What an invoice says of it
is in `periods`.
"""

import polars as pl

from pipeline.billing import chosen

PERIOD = ["subscription_item_id", "period_start"]


def in_force(rows: pl.LazyFrame, refs: pl.LazyFrame, coupons: pl.LazyFrame) -> pl.LazyFrame:
    """The discounts in force at the start of each item's service period, as the first point in it shows them.

    One row per (subscription_item_id, period_start): shown (discount ids in order), early (the first point shows the
    item and is no later than the start, or the item began with it, so nothing can have changed before), at_once (those
    of `shown` that were given in the very second in which the period begins, but not with the item: before or after
    it?), moved (in that second others were taken away, or their order changed; what is over by then as it announced, or
    is used up by the period's own invoice, was not), moved_on_item (so did the item's own).
    """
    item = "subscription_item_id"
    followed = (
        (pl.col(item) == pl.col(item).shift(1))
        & (pl.col("valid_to").shift(1) == pl.col("valid_from"))
        & (pl.col("evidence").shift(1) == "exact")
    )
    born = pl.col("item_created") >= pl.col("valid_from")
    needed = (*PERIOD, "kind", "item_created", "valid_from", "valid_to", "evidence", "foreseen")
    lists = ("customer_id", "item_discounts", "subscription_discounts")
    spans = (
        rows.select(needed)
        .with_row_index("place")
        .sort(item, "valid_from")
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
        .join(rows.select(lists).with_row_index("place"), on="place", maintain_order="left")
        .join(
            rows.select(
                "valid_to", before=joined("item_discounts", "subscription_discounts")
            ).with_row_index("place"),
            left_on=["earlier", "valid_from"],
            right_on=["place", "valid_to"],
            how="left",
            maintain_order="left",
        )
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

    def listed(name: str) -> pl.LazyFrame:
        return (
            first.select(*PERIOD, "begun", "first", discount_id=name)
            .explode("discount_id", empty_as_null=False, keep_nulls=False)
            .join(dates, on="discount_id", how="left", maintain_order="left")
            .filter(since & until)
            .group_by(PERIOD, maintain_order=True)
            .agg(
                pl.col("discount_id").alias(name),
                pl.col("discount_id")
                .filter((pl.col("start") == pl.col("begun")) & pl.col("first").not_())
                .alias(f"{name}_at_once"),
            )
        )

    of_customers = dates.filter(
        pl.col("on_subscription").is_null() & pl.col("on_item").is_null() & pl.col("one_off").not_()
    )
    customers = (
        first.select(*PERIOD, "begun", "customer_id")
        .join(of_customers, left_on="customer_id", right_on="given_to")
        .filter(since & (until | taken))
        .group_by(PERIOD)
        .agg(
            customer_discounts=pl.col("discount_id").filter(until).sort(),
            # Given or taken away in the very second in which the period begins: before or after it?
            tied=((pl.col("start") == pl.col("begun")) | taken).any(),
        )
    )
    moved = (
        first.select(
            *PERIOD, "begun", "item_discounts", now=joined(*lists[1:]), discount_id="before"
        )
        .explode("discount_id", empty_as_null=False, keep_nulls=False)
        .join(dates, on="discount_id", how="left", maintain_order="left")
        .filter(lasting)
        .group_by(PERIOD, maintain_order=True)
        .agg(
            pl.col("now", "item_discounts").first(),
            before="discount_id",
            before_on_item=pl.col("discount_id").filter(pl.col("on_item").is_not_null()),
        )
        .select(
            *PERIOD,
            moved=pl.col("before").list.join(",") != pl.col("now").list.join(","),
            moved_on_item=pl.col("before_on_item").list.join(",")
            != pl.col("item_discounts").fill_null([]).list.join(","),
        )
    )
    return (
        first.select(*PERIOD, "early")
        .join(moved, on=PERIOD, how="left")
        .join(listed("item_discounts"), on=PERIOD, how="left")
        .join(listed("subscription_discounts"), on=PERIOD, how="left")
        .join(customers, on=PERIOD, how="left")
        .with_columns(
            above=joined("subscription_discounts", "customer_discounts"),
            early=pl.col("early") & pl.col("tied").fill_null(value=False).not_(),
        )
        .select(
            *PERIOD,
            "early",
            pl.col("moved", "moved_on_item").fill_null(value=False),
            shown=joined("item_discounts", "above"),
            at_once=joined("item_discounts_at_once", "subscription_discounts_at_once"),
        )
    )


def joined(first: str, second: str) -> pl.Expr:
    """Two lists of ids one after the other; null counts as empty."""
    none = pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(pl.col(first).fill_null(none), pl.col(second).fill_null(none))
