"""MRR: snapshots at month ends, movements and components between them.

Belongs here: one pass over all months of the run, from the timeline. Identities are checked before anything is shown.
Movements value the states of both month ends themselves, so they depend on the timeline, not on the stored snapshots.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from pipeline import metrics, mrr
from pipeline.assets import checked, inputs, night, shown
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.schemas import (
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
)

GROUP = "mrr"
DEPS = [dg.AssetDep(name) for name in ("item_timeline", "accounts", "fx_rate")]
TABLES = (MRR_MOVEMENT, MRR_ITEM_MOVEMENT, MRR_MOVEMENT_COMPONENT)

VALUED = checked.check(
    MRR_SNAPSHOT.name, "valued", "Every item that counts has a value in the reporting currency."
)
ROLL_FORWARD = checked.check(
    MRR_MOVEMENT.name, "roll_forward", "opening + fx + delta = closing, for each account."
)
COMPONENTS = checked.check(
    MRR_MOVEMENT_COMPONENT.name, "components", "An account's components sum to its delta."
)


def mrr_assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`mrr_snapshot`; `mrr_movement` with item movements and components."""

    @dg.multi_asset(
        specs=[shown.spec(MRR_SNAPSHOT, months, GROUP, DEPS)],
        check_specs=[VALUED],
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="mrr_snapshot",
    )
    def mrr_snapshot(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        generation = place.lake.generation(night.TIMELINE)
        found = mrr.snapshot(
            inputs.book(place), place.calendar(), months_in(context), place.policy
        ).collect()
        unvalued = found.filter(pl.col("mrr").is_null()).select(
            "month", "subscription_item_id", "price_id", "currency", "mrr_native"
        )
        results = checked.results([(VALUED, unvalued)])
        if not unvalued.is_empty():
            yield from results
            raise mrr.unvalued(unvalued)
        shown.store_months(context, place, {MRR_SNAPSHOT: found}, (night.TIMELINE, generation))
        yield shown.month_result(context, MRR_SNAPSHOT, found, checks=results)

    @dg.multi_asset(
        specs=[shown.spec(table, months, GROUP, DEPS) for table in TABLES],
        check_specs=[ROLL_FORWARD, COMPONENTS],
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="mrr_movement",
    )
    def mrr_movement(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        generation = place.lake.generation(night.TIMELINE)
        found = mrr.movements(
            inputs.book(place), place.calendar(), months_in(context), place.policy
        )
        moved = found.movement.lazy()
        identities = [
            (ROLL_FORWARD, metrics.check_roll_forward(moved)),
            (COMPONENTS, metrics.check_components(moved, found.component.lazy())),
        ]
        results = checked.results(identities)
        if error := checked.broken(identities):
            yield from results
            raise error
        frames = dict(
            zip(TABLES, (found.movement, found.item_movement, found.component), strict=True)
        )
        shown.store_months(context, place, frames, (night.TIMELINE, generation))
        yield from results
        for table, frame in frames.items():
            yield shown.month_result(context, table, frame)

    return [mrr_snapshot, mrr_movement]
