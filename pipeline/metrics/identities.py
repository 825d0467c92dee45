"""Figures that must add up: each function returns the rows that do not; an empty frame means that the identity holds.

Belongs here: the identities of docs/method.md, exact in micro-units. What happens when one is broken is the caller's.
"""

import polars as pl

from pipeline.metrics.contributions import ROLL_FORWARD, SPAN

ADDS_UP = (*ROLL_FORWARD[:7], "ending_mrr", "committed_mrr")
"""The columns whose members sum to the total; transfers sum to zero instead."""


def check_roll_forward(movement: pl.LazyFrame) -> pl.DataFrame:
    """Rows of MRR_MOVEMENT in which opening + fx + delta is not closing, with `expected` and `found`."""
    expected = pl.col("opening_mrr") + pl.col("fx_mrr") + pl.col("delta_mrr")
    return (
        movement.select(*SPAN, "account_id", expected=expected, found="closing_mrr")
        .filter(pl.col("expected").ne_missing(pl.col("found")))
        .sort(*SPAN, "account_id")
        .collect()
    )


def check_components(movement: pl.LazyFrame, component: pl.LazyFrame) -> pl.DataFrame:
    """Accounts, by month and window, whose components (`found`) do not sum to their delta (`expected`)."""
    keys = [*SPAN, "account_id"]
    summed = component.group_by(keys).agg(found=pl.col("amount").sum())
    return (
        # Most accounts did not move; one with components all the same has a row of `summed`.
        movement.filter(pl.col("delta_mrr") != 0)
        .select(*keys, expected="delta_mrr")
        .join(summed, on=keys, how="full", coalesce=True)
        .with_columns(pl.col("expected", "found").fill_null(0))
        .filter(pl.col("expected") != pl.col("found"))
        .sort(keys)
        .collect()
    )


def check_within(movement: pl.LazyFrame, activity: pl.LazyFrame) -> pl.DataFrame:
    """Rows of INTRA_MONTH_ACTIVITY that say something else (`found`) than the account's movement (`expected`).

    Ups less downs are the delta of one month, and what is netted is the smaller of both.
    """
    keys = ["month", "account_id"]
    up, down = pl.col("up_mrr"), pl.col("down_mrr")
    moved = movement.filter(pl.col("window_months") == 1).select(*keys, expected="delta_mrr")
    return (
        activity.join(moved, on=keys, how="left")
        .with_columns(pl.col("expected").fill_null(0), found=up - down)
        .filter(
            (pl.col("found") != pl.col("expected"))
            | (pl.col("delta_mrr") != pl.col("expected"))
            | (pl.col("netted_mrr") != pl.min_horizontal(up, down))
            | (pl.min_horizontal(up, down) < 0)
        )
        .select(*keys, "expected", "found", "up_mrr", "down_mrr", "delta_mrr", "netted_mrr")
        .sort(keys)
        .collect()
    )


def check_members(expansion_metrics: pl.LazyFrame) -> pl.DataFrame:
    """Rows of EXPANSION_METRICS whose roll-forward does not close, and dimensions that do not sum to the total.

    One row per violation: `month, window_months, dimension, member, metric, expected, found`; member is null where a
    whole dimension differs.
    """
    closing = (
        pl.sum_horizontal("starting_mrr", "fx_mrr", "new_mrr", "expansion_mrr")
        + pl.sum_horizontal("reactivation_mrr", "transfer_in_mrr")
        - pl.sum_horizontal("contraction_mrr", "churned_mrr", "transfer_out_mrr")
    )
    rows = expansion_metrics.select(
        *SPAN,
        "dimension",
        "member",
        metric=pl.lit("ending_mrr"),
        expected=closing,
        found="ending_mrr",
    )
    sums = expansion_metrics.group_by(*SPAN, "dimension").agg(
        pl.col(*ADDS_UP).sum(),
        transfers=pl.col("transfer_in_mrr").sum() - pl.col("transfer_out_mrr").sum(),
    )
    long = sums.unpivot([*ADDS_UP, "transfers"], index=[*SPAN, "dimension"], variable_name="metric")
    total = long.filter(dimension="total").select(*SPAN, "metric", expected="value")
    dimensions = (
        sums.select(*SPAN)
        .unique()
        .join(sums.select("dimension").unique(), how="cross")
        .join(total, on=SPAN)
        .join(long.rename({"value": "found"}), on=[*SPAN, "dimension", "metric"], how="left")
        .with_columns(pl.col("found").fill_null(0), member=pl.lit(None, dtype=pl.String))
        .select(*SPAN, "dimension", "member", "metric", "expected", "found")
    )
    return (
        pl.concat([rows, dimensions])
        .filter(pl.col("expected") != pl.col("found"))
        .sort(*SPAN, "dimension", "member", "metric")
        .collect()
    )


def check_types(expansion_metrics: pl.LazyFrame, expansion_by_type: pl.LazyFrame) -> pl.DataFrame:
    """Members, by month and window, whose expansion by type (`found`) does not sum to their expansion."""
    keys = [*SPAN, "dimension", "member"]
    summed = expansion_by_type.group_by(keys).agg(found=pl.col("amount").sum())
    return (
        expansion_metrics.select(*keys, expected="expansion_mrr")
        .join(summed, on=keys, how="full", coalesce=True)
        .with_columns(pl.col("expected", "found").fill_null(0))
        .filter(pl.col("expected") != pl.col("found"))
        .sort(keys)
        .collect()
    )
