"""What each account contributes to each member of a dimension: the rows that every figure is a sum of.

Belongs here: transfers between members, and the movement that an amount is part of. One row per CAUSE, member and
account; money in micro-units. In every row, and so in every sum of rows,
starting + fx + delta + transfer_in - transfer_out = ending.
Source of the rules: docs/method.md, "Metrics".
"""

from collections.abc import Sequence

import polars as pl

from pipeline.metrics.members import ENDS, ItemDimension

SPAN = ("month", "window_months")
ROW = "row"
"""The number of a movement: months, windows and accounts are joined and grouped by it."""
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
AMOUNTS = (
    "starting_mrr",
    "fx_mrr",
    "delta_mrr",
    "transfer_in_mrr",
    "transfer_out_mrr",
    "ending_mrr",
)
"""What a contribution says; `delta_mrr` belongs to its `movement`."""
CAUSE = "cause"
"""The number of a month, window and reason (`caused`): contributions are grouped by it."""
REASON = ("movement", "churn_kind")
"""Why the account's MRR changed."""
NOTHING = pl.lit(0, dtype=pl.Int64)


def caused(movement: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Movements with CAUSE, and what it stands for: CAUSE, month, window_months, movement, churn_kind."""
    keys = [*SPAN, *REASON]
    causes = movement.select(keys).unique(maintain_order=True).with_row_index(CAUSE)
    return (
        movement.join(causes, on=keys, how="left", nulls_equal=True, maintain_order="left"),
        causes,
    )


def placed(movement: pl.DataFrame) -> pl.DataFrame:
    """Movements with the ends that say which member they belong to, and which it is afterwards.

    `base_version` and `base_monthly` (MRR): of the opening end (new, reactivation: the closing end). `end_version` and
    `end_monthly`: of the closing end; what has left stays where it was.

    Args:
        movement: MRR_MOVEMENT with `opening_version` and `closing_version`.
    """
    beginning = pl.col("movement").is_in(["new", "reactivation"]).fill_null(value=False)
    opening, closing = (
        {"version": pl.col(f"{end}_version"), "monthly": monthly}
        for end, monthly in (
            ("opening", pl.col("opening_mrr") + pl.col("fx_mrr")),
            ("closing", pl.col("closing_mrr")),
        )
    )
    based = {
        f"base_{name}": pl.when(beginning).then(closing[name]).otherwise(opening[name])
        for name in opening
    }
    ended = {
        f"end_{name}": pl.when(pl.col("closing_mrr") == 0)
        .then(f"base_{name}")
        .otherwise(closing[name])
        for name in closing
    }
    return movement.lazy().with_columns(**based).with_columns(**ended).collect()


def of_accounts(movement: pl.LazyFrame) -> pl.LazyFrame:
    """Contributions to an account dimension; a change of member is a transfer at closing value.

    Args:
        movement: MRR_MOVEMENT with CAUSE and the members that a movement has at its `base` and at its `end`.
    """
    moved = pl.col("end") != pl.col("base")
    opens = (pl.col("opening_mrr") + pl.col("fx_mrr")) > 0
    stays = movement.select(
        CAUSE,
        member="base",
        starting_mrr="opening_mrr",
        fx_mrr="fx_mrr",
        delta_mrr="delta_mrr",
        transfer_in_mrr=NOTHING,
        transfer_out_mrr=pl.when(moved).then("closing_mrr").otherwise(NOTHING),
        ending_mrr=pl.when(moved).then(NOTHING).otherwise("closing_mrr"),
        kept=opens & (pl.col("closing_mrr") > 0),
    )
    arrives = movement.filter(moved).select(
        CAUSE,
        pl.col("end").alias("member"),
        *(NOTHING.alias(name) for name in ("starting_mrr", "fx_mrr", "delta_mrr")),
        pl.col("closing_mrr").alias("transfer_in_mrr"),
        NOTHING.alias("transfer_out_mrr"),
        pl.col("closing_mrr").alias("ending_mrr"),
        pl.lit(value=False).alias("kept"),
    )
    return pl.concat([stays, arrives])


def of_items(items: pl.LazyFrame, movement: pl.DataFrame, dimension: ItemDimension) -> pl.LazyFrame:
    """Contributions to an item dimension; an item that changes member transfers at opening value.

    Its delta goes to the new member, into the bucket of the account's movement. Where the account as a whole did not
    move, what one member won and another lost is a transfer between them.

    Args:
        items: MRR_ITEM_MOVEMENT with the number of its account's movement (ROW), whether no other item has the same
            (`alone`), and its members at both ends in the columns of the dimension.
        movement: MRR_MOVEMENT with CAUSE, in the order of ROW.
        dimension: which members are asked for.
    """
    before, after = (pl.col(f"{end}_{dimension.column}") for end in ENDS)
    left = pl.col("closing_subscription_item_id").is_null()
    came = pl.col("opening_subscription_item_id").is_null()
    changes = ~left & ~came & (before != after)
    base = pl.col("opening_mrr") + pl.col("fx_mrr")
    none = dict.fromkeys(AMOUNTS, NOTHING)
    amounts = none | {
        "starting_mrr": pl.col("opening_mrr"),
        "fx_mrr": pl.col("fx_mrr"),
        "delta_mrr": pl.col("delta_mrr"),
        "ending_mrr": pl.col("closing_mrr"),
    }
    opening = none | {
        "starting_mrr": pl.col("opening_mrr"),
        "fx_mrr": pl.col("fx_mrr"),
        "transfer_out_mrr": base,
    }
    closing = none | {
        "delta_mrr": pl.col("delta_mrr"),
        "transfer_in_mrr": base,
        "ending_mrr": pl.col("closing_mrr"),
    }
    stay, move = items.filter(~changes), items.filter(changes)
    stays = stay.select(ROW, "alone", member=pl.when(left).then(before).otherwise(after), **amounts)
    parts = pl.concat(
        [
            stays.filter(~pl.col("alone")).drop("alone"),
            move.select(ROW, member=before, **opening),
            move.select(ROW, member=after, **closing),
        ]
    )
    summed = pl.concat(
        [
            stays.filter("alone").drop("alone"),
            parts.group_by(ROW, "member").agg(pl.col(*AMOUNTS).sum()),
        ]
    )
    cause, unmoved, lives = (
        pl.lit(movement.select(asked).to_series()).gather(pl.col(ROW))
        for asked in (CAUSE, pl.col("movement").is_null(), pl.col("closing_mrr") > 0)
    )
    delta = pl.col("delta_mrr")
    return summed.select(
        cause.alias(CAUSE),
        "member",
        "starting_mrr",
        "fx_mrr",
        delta_mrr=pl.when(unmoved).then(NOTHING).otherwise(delta),
        transfer_in_mrr=pl.col("transfer_in_mrr")
        + pl.when(unmoved).then(delta.clip(lower_bound=0)).otherwise(NOTHING),
        transfer_out_mrr=pl.col("transfer_out_mrr")
        + pl.when(unmoved).then((-delta).clip(lower_bound=0)).otherwise(NOTHING),
        ending_mrr="ending_mrr",
        kept=(pl.col("starting_mrr") + pl.col("fx_mrr") > 0) & lives,
    )


def item_members(items: pl.LazyFrame, dimensions: Sequence[ItemDimension]) -> pl.LazyFrame:
    """What an item's delta goes to: one row per ROW and `subscription_item_id`, with the column of each dimension."""
    closing = pl.col("closing_subscription_item_id")
    left = closing.is_null()
    return (
        items.select(
            ROW,
            subscription_item_id=pl.coalesce(closing, "opening_subscription_item_id"),
            closes=~left,
            **{
                each.column: pl.when(left)
                .then(f"opening_{each.column}")
                .otherwise(f"closing_{each.column}")
                for each in dimensions
            },
        )
        .sort("closes", descending=True, maintain_order=True)
        .unique([ROW, "subscription_item_id"], keep="first", maintain_order=True)
        .drop("closes")
    )
