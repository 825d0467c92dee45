"""The discounts in force when a service period begins, as events and listings show them.

Belongs here: what the first point of a period shows, and whether that was so at its start. What an invoice says of it
is in `periods`.
"""

import polars as pl

from pipeline.billing import chosen

PERIOD = ["subscription_item_id", "period_start"]


def in_force(rows: pl.LazyFrame, refs: pl.LazyFrame) -> pl.LazyFrame:
    """The discounts in force at the start of each item's service period, as the first point in it shows them.

    One row per (subscription_item_id, period_start): shown (discount ids in order), early (the first point is no later
    than the start, or the item began with it, so nothing can have changed before), at_once (those of `shown` that were
    given in the very second in which the period begins, but not with the item: before or after it?).
    """
    item = "subscription_item_id"
    followed = (
        (pl.col(item) == pl.col(item).shift(1))
        & (pl.col("valid_to").shift(1) == pl.col("valid_from"))
        & (pl.col("evidence").shift(1) == "exact")
    )
    born = pl.col("item_created") >= pl.col("valid_from")
    needed = (*PERIOD, "kind", "item_created", "valid_from", "valid_to", "evidence")
    lists = ("customer_id", "item_discounts", "subscription_discounts")
    spans = (
        rows.select(needed)
        .with_row_index("place")
        .sort(item, "valid_from")
        .with_columns(followed=followed.fill_null(value=False))
        .collect()
        .lazy()
    )
    first = (
        chosen.first(spans, *PERIOD)
        .with_columns(
            early=(pl.col("valid_from") <= pl.col("period_start"))
            | (pl.col("kind").is_in(["initial", "listing"]).not_() & (born | pl.col("followed")))
        )
        .with_columns(begun=pl.when("early").then("valid_from").otherwise("period_start"))
        .with_columns(first=(pl.col("item_created") >= pl.col("begun")).fill_null(value=False))
        .join(rows.select(lists).with_row_index("place"), on="place", maintain_order="left")
        .collect()
        .lazy()
    )
    dates = refs.select(
        "discount_id", "start", "end", given_to="customer_id", on_subscription="subscription_id",
        on_item="subscription_item_id", one_off=pl.col("one_off").fill_null(value=False),
    )  # fmt: skip
    since = (pl.col("start") <= pl.col("begun")).fill_null(value=True)
    until = (pl.col("begun") < pl.col("end")).fill_null(value=True)

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
        .filter(since & until)
        .group_by(PERIOD)
        .agg(
            customer_discounts=pl.col("discount_id").sort(),
            # Given in the very second in which the period begins: before or after it?
            tied=(pl.col("start") == pl.col("begun")).any(),
        )
    )
    return (
        first.select(*PERIOD, "early")
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
            shown=joined("item_discounts", "above"),
            at_once=joined("item_discounts_at_once", "subscription_discounts_at_once"),
        )
    )


def joined(first: str, second: str) -> pl.Expr:
    """Two lists of ids one after the other; null counts as empty."""
    none = pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(pl.col(first).fill_null(none), pl.col(second).fill_null(none))
