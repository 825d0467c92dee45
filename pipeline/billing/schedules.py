"""Subscription schedules: what was planned of a subscription, and since when.

Belongs here: how a schedule stood from one instant to the next. A schedule makes no state of an item: what it did shows
in the subscription's own evidence. It tells whether a change was planned (attribution), and what is still to come
(committed MRR). Source of the rules: docs/method.md, "Metrics"; docs/attribution.md.
"""

import polars as pl

from pipeline import schemas

RECORD = ("schedule_id", "at", "turn", "observed_at", "hash")
"""A record of a schedule, in the order in which they count."""
OF = "schedule_id"


def phases(observed: pl.LazyFrame) -> pl.LazyFrame:
    """One row per schedule, span of time in which it stood unchanged, and phase (SUBSCRIPTION_PHASE).

    A schedule stands as the newest record tells, before its first as that one does, and not at all before it was made
    or once it was released, canceled or completed.

    Args:
        observed: OBSERVED_SCHEDULE rows, in any order and number.
    """
    first = ("subscription_id", "created_at", "stopped_at", "ends", "proof")
    told = (
        observed.filter(pl.struct(*RECORD, "starts_at").is_first_distinct())
        .group_by(RECORD)
        .agg(
            pl.col(first).first(),
            phase=pl.struct("starts_at", "coupons", "items")
            .filter(pl.col("starts_at").is_not_null())
            .sort_by(pl.col("starts_at").drop_nulls()),
        )
        .sort(RECORD)
    )
    whole = told.group_by(OF, maintain_order=True).agg(
        pl.col("subscription_id").drop_nulls().last(),
        pl.col("created_at", "stopped_at").min(),
        stopped_by=pl.col("proof").filter(pl.col("stopped_at").is_not_null()).first(),
    )
    state = pl.struct("ends", "phase").hash()
    changed = (state != state.shift(1).over(OF)).fill_null(value=True)
    over = pl.col("stopped_at") <= pl.col("next_at")
    return schemas.SUBSCRIPTION_PHASE.conform(
        told.filter(changed)
        .select(OF, "ends", "proof", "at", "phase")
        .join(whole, on=OF, maintain_order="left")
        .with_columns(
            valid_from=pl.when(pl.col("at").shift(1).over(OF).is_null())
            .then(pl.min_horizontal("at", "created_at"))
            .otherwise("at"),
            next_at=pl.col("at").shift(-1).over(OF),
            next_by=pl.col("proof").shift(-1).over(OF),
        )
        .with_columns(
            valid_to=pl.min_horizontal("next_at", "stopped_at"),
            closed_by=pl.when(over.fill_null(pl.col("next_at").is_null()))
            .then("stopped_by")
            .otherwise("next_by"),
            opened_by="proof",
            place=pl.int_ranges(pl.col("phase").list.len()),
            count=pl.col("phase").list.len(),
        )
        .filter((pl.col("valid_from") < pl.col("valid_to")).fill_null(value=True))
        .explode("phase", "place", empty_as_null=False, keep_nulls=False)
        .with_columns(last=pl.col("place") == pl.col("count") - 1)
        .unnest("phase")
    )


def planned(phases: pl.LazyFrame) -> pl.LazyFrame:
    """One row per phase that came into force or will: `subscription_id, schedule_id, planned_at`.

    A phase counts if the schedule was made before it began, was still there then, and had it then or has it since.

    Args:
        phases: SUBSCRIPTION_PHASE.
    """
    begins = pl.col("starts_at")
    return (
        phases.filter(
            pl.col("subscription_id").is_not_null(),
            pl.col("created_at") < begins,
            (begins < pl.col("valid_to")).fill_null(value=True),
        )
        .select("subscription_id", "schedule_id", planned_at=begins)
        .unique()
    )
