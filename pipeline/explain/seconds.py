"""Seconds: several events of one subscription in one second, and which of them changed what.

Belongs here: the timeline names one event of such a second, the last; a proof names the one that changed the very
aspect. Most seconds have one event, and nothing is to choose.
"""

from collections.abc import Sequence

import polars as pl

from pipeline import billing
from pipeline.billing.decoding import payload as p
from pipeline.explain.steps import ITEM

AT = ["subscription_id", "at"]
OF_ITEM = {"quantity": "quantity", "price": "price_id"}
OF_SUBSCRIPTION = {
    "counting": ("status", "collection_paused", "cancel_requested_at"),
    "discount": ("subscription_discounts",),
}


def named(steps: pl.DataFrame, raw: pl.LazyFrame) -> pl.DataFrame:
    """`steps` with the events that changed their aspect, where one second has several events of a subscription.

    A step that no single event of the second shows keeps the timeline's.

    Args:
        steps: subscription_id, subscription_item_id, at, aspect, proof and any other column.
        raw: RAW_RECORD of Stripe.
    """
    ids = steps.get_column("proof").drop_nulls().unique().to_list()
    events = p.stream(raw, "event")
    instants = events.filter(pl.col("id").is_in(ids)).select("created").unique().collect()
    subscriptions = steps.get_column("subscription_id").drop_nulls().unique().to_list()
    if instants.is_empty() or not subscriptions:
        return steps
    near = events.filter(
        pl.col("created").is_in(instants.get_column("created").to_list()),
        pl.col("payload").str.contains_any(subscriptions),
    )
    sides = billing.decode(near.collect().lazy()).subscription.collect()
    crowded = sides.filter(pl.col("proof").n_unique().over(AT) > 1)
    changes = _changes(crowded)
    found = (
        steps.with_row_index("step")
        .join(changes, on=[*AT, ITEM, "aspect"], how="left")
        .with_columns(pl.coalesce("changed_by", "proof").alias("proof"))
    )
    return found.select(steps.columns).unique(maintain_order=True)


def _changes(sides: pl.DataFrame) -> pl.DataFrame:
    """Which event changed which aspect of which item: AT, subscription_item_id, aspect, changed_by."""
    whole = sorted({name for names in OF_SUBSCRIPTION.values() for name in names})
    item = pl.col("items").struct
    rows = sides.explode("items", empty_as_null=False, keep_nulls=False).select(
        *AT,
        "proof",
        "side",
        *whole,
        item.field("id").alias(ITEM),
        item.field("price_id", "quantity", "discounts"),
    )
    key = [*AT, "proof", ITEM]
    before, after = (rows.filter(side=side).drop("side") for side in ("before", "after"))
    both = before.join(after, on=key, how="full", coalesce=True, suffix="_after")
    there = pl.col("price_id").is_not_null() & pl.col("price_id_after").is_not_null()

    def differs(names: Sequence[str]) -> pl.Expr:
        return pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_after")) for name in names)

    aspects = {
        **{aspect: there & differs([name]) for aspect, name in OF_ITEM.items()},
        "counting": there.not_() | differs(OF_SUBSCRIPTION["counting"]),
        "discount": there & differs([*OF_SUBSCRIPTION["discount"], "discounts"]),
    }
    return pl.concat(
        both.filter(condition).select(*AT, ITEM, aspect=pl.lit(aspect), changed_by="proof")
        for aspect, condition in aspects.items()
    )
