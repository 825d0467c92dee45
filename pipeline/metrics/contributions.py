"""What each account contributes to each member of a dimension: the rows that every figure is a sum of.

Belongs here: transfers between members and the bucket that an amount falls into. One row per month, window, member and
account; money in micro-units. In every row, and so in every sum of rows,
starting + fx + new + expansion - contraction - churned + reactivation + transfer_in - transfer_out = ending.
Source of the rules: docs/method.md, "Metrics".
"""

import polars as pl

from pipeline.metrics.members import AccountDimension, ItemDimension

SPAN = ("month", "window_months")
ROLL_FORWARD = (
    "starting_mrr",
    "fx_mrr",
    "new_mrr",
    "expansion_mrr",
    "contraction_mrr",
    "churned_mrr",
    "reactivation_mrr",
    "transfer_in_mrr",
    "transfer_out_mrr",
    "ending_mrr",
)
BUCKETS = {
    "new_mrr": ("new", 1),
    "expansion_mrr": ("expansion", 1),
    "contraction_mrr": ("contraction", -1),
    "churned_mrr": ("churn", -1),
    "reactivation_mrr": ("reactivation", 1),
}
"""Bucket -> the account's movement that fills it, and the sign of its deltas there."""

NOTHING = pl.lit(0, dtype=pl.Int64)


def placed(
    movement: pl.LazyFrame, versions: pl.LazyFrame, dimension: AccountDimension
) -> pl.LazyFrame:
    """Movements with `base`, the member a movement belongs to, and `end`, the member at the closing end.

    The base is the member at the opening end (new, reactivation: the closing end); what has left stays in its base.

    Args:
        movement: MRR_MOVEMENT with `opening_version` and `closing_version`.
        versions: the `versions` of accounts.
        dimension: which members are asked for.
    """
    beginning = pl.col("movement").is_in(["new", "reactivation"]).fill_null(value=False)
    base = pl.when(beginning).then(dimension.closing).otherwise(dimension.opening)
    return (
        _with_fields(movement, versions, dimension.fields)
        .with_columns(base=base)
        .with_columns(
            end=pl.when(pl.col("closing_mrr") == 0).then("base").otherwise(dimension.closing)
        )
    )


def _with_fields(
    movement: pl.LazyFrame, versions: pl.LazyFrame, fields: tuple[str, ...]
) -> pl.LazyFrame:
    for end in ("opening", "closing") if fields else ():
        held = versions.select(
            pl.col("version").alias(f"{end}_version"),
            *(pl.col(field).alias(f"{end}_{field}") for field in fields),
        )
        movement = movement.join(held, on=f"{end}_version", how="left")
    return movement


def of_accounts(placed_movement: pl.LazyFrame) -> pl.LazyFrame:
    """Contributions to an account dimension; a change of member is a transfer at closing value."""
    moved = pl.col("end") != pl.col("base")
    opens = (pl.col("opening_mrr") + pl.col("fx_mrr")) > 0
    stays = placed_movement.select(
        *SPAN,
        "account_id",
        "churn_kind",
        member="base",
        starting_mrr="opening_mrr",
        fx_mrr="fx_mrr",
        **_buckets(pl.col("delta_mrr")),
        transfer_in_mrr=NOTHING,
        transfer_out_mrr=pl.when(moved).then("closing_mrr").otherwise(NOTHING),
        ending_mrr=pl.when(moved).then(NOTHING).otherwise("closing_mrr"),
        kept=opens & (pl.col("closing_mrr") > 0),
    )
    arrives = placed_movement.filter(moved).select(
        *SPAN,
        "account_id",
        pl.lit(None, dtype=pl.String).alias("churn_kind"),
        pl.col("end").alias("member"),
        *(NOTHING.alias(name) for name in ROLL_FORWARD[:7]),
        pl.col("closing_mrr").alias("transfer_in_mrr"),
        NOTHING.alias("transfer_out_mrr"),
        pl.col("closing_mrr").alias("ending_mrr"),
        pl.lit(value=False).alias("kept"),
    )
    return pl.concat([stays, arrives])


def of_items(
    item_movement: pl.LazyFrame, movement: pl.LazyFrame, dimension: ItemDimension
) -> pl.LazyFrame:
    """Contributions to an item dimension; an item that changes member transfers at opening value.

    Its delta goes to the new member, into the bucket of the account's movement. Where the account as a whole did not
    move, what one member won and another lost is a transfer between them.
    """
    keys = [*SPAN, "account_id", "member"]
    summed = (
        pl.concat(
            [_opening_side(item_movement, dimension), _closing_side(item_movement, dimension)]
        )
        .group_by(keys)
        .agg(pl.col("movement").first(), pl.col(*SIDE).sum())
    )
    unmoved = pl.col("movement").is_null()
    delta = pl.col("delta_mrr")
    account = movement.select(*SPAN, "account_id", "churn_kind", lives=pl.col("closing_mrr") > 0)
    return summed.join(account, on=[*SPAN, "account_id"], how="left").select(
        *SPAN,
        "account_id",
        "churn_kind",
        "member",
        "starting_mrr",
        "fx_mrr",
        **_buckets(delta),
        transfer_in_mrr=pl.col("transfer_in_mrr")
        + pl.when(unmoved).then(delta.clip(lower_bound=0)).otherwise(NOTHING),
        transfer_out_mrr=pl.col("transfer_out_mrr")
        + pl.when(unmoved).then((-delta).clip(lower_bound=0)).otherwise(NOTHING),
        ending_mrr="ending_mrr",
        kept=(pl.col("starting_mrr") + pl.col("fx_mrr") > 0)
        & pl.col("lives").fill_null(value=False),
    )


def item_members(item_movement: pl.LazyFrame, dimension: ItemDimension) -> pl.LazyFrame:
    """The member that an item's delta goes to: one row per month, window, account and `subscription_item_id`."""
    closing = pl.col("closing_subscription_item_id")
    return (
        item_movement.select(
            *SPAN,
            "account_id",
            subscription_item_id=pl.coalesce(closing, "opening_subscription_item_id"),
            member=pl.when(closing.is_null())
            .then(dimension.at("opening"))
            .otherwise(dimension.at("closing")),
            closes=closing.is_not_null(),
        )
        .sort("closes", descending=True)
        .unique([*SPAN, "account_id", "subscription_item_id"], keep="first", maintain_order=True)
        .drop("closes")
    )


SIDE = ("starting_mrr", "fx_mrr", "delta_mrr", "transfer_in_mrr", "transfer_out_mrr", "ending_mrr")


def _opening_side(items: pl.LazyFrame, dimension: ItemDimension) -> pl.LazyFrame:
    leaves = pl.col("closing_subscription_item_id").is_null()
    changes = ~leaves & (dimension.at("opening") != dimension.at("closing"))
    return items.filter(pl.col("opening_subscription_item_id").is_not_null()).select(
        *SPAN,
        "account_id",
        "movement",
        member=dimension.at("opening"),
        starting_mrr="opening_mrr",
        fx_mrr="fx_mrr",
        delta_mrr=pl.when(leaves).then("delta_mrr").otherwise(NOTHING),
        transfer_in_mrr=NOTHING,
        transfer_out_mrr=pl.when(changes)
        .then(pl.col("opening_mrr") + pl.col("fx_mrr"))
        .otherwise(NOTHING),
        ending_mrr=NOTHING,
    )


def _closing_side(items: pl.LazyFrame, dimension: ItemDimension) -> pl.LazyFrame:
    stayed = pl.col("opening_subscription_item_id").is_not_null()
    changes = stayed & (dimension.at("opening") != dimension.at("closing"))
    return items.filter(pl.col("closing_subscription_item_id").is_not_null()).select(
        *SPAN,
        "account_id",
        "movement",
        member=dimension.at("closing"),
        starting_mrr=NOTHING,
        fx_mrr=NOTHING,
        delta_mrr="delta_mrr",
        transfer_in_mrr=pl.when(changes)
        .then(pl.col("opening_mrr") + pl.col("fx_mrr"))
        .otherwise(NOTHING),
        transfer_out_mrr=NOTHING,
        ending_mrr="closing_mrr",
    )


def _buckets(delta: pl.Expr) -> dict[str, pl.Expr]:
    return {
        bucket: pl.when(pl.col("movement") == kind).then(delta * sign).otherwise(NOTHING)
        for bucket, (kind, sign) in BUCKETS.items()
    }
