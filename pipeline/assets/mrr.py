"""MRR: snapshots at month ends, movements and components between them, and what the ends do not show.

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
    INTRA_MONTH_ACTIVITY,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
)

GROUP = "mrr"
DEPS = [dg.AssetDep(name) for name in ("item_timeline", "accounts", "fx_rate")]
TABLES = (MRR_MOVEMENT, MRR_ITEM_MOVEMENT, MRR_MOVEMENT_COMPONENT, INTRA_MONTH_ACTIVITY)

VALUED = checked.check(
    MRR_SNAPSHOT.name, "valued", "Every item that counts has a value in the reporting currency."
)
ROLL_FORWARD = checked.check(
    MRR_MOVEMENT.name, "roll_forward", "opening + fx + delta = closing, for each account."
)
COMPONENTS = checked.check(
    MRR_MOVEMENT_COMPONENT.name, "components", "An account's components sum to its delta."
)
WITHIN = checked.check(
    INTRA_MONTH_ACTIVITY.name,
    "within",
    "What went up less what went down within the month is the account's delta.",
)


def mrr_assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`mrr_snapshot`; `mrr_movement` with item movements, components and what happens within a month."""

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
        calendar, policy, written = place.calendar(), place.policy, shown.Parts(place)
        for book in mrr.shares(inputs.book(place)):
            spans = mrr.worth(book, policy).collect().lazy()
            for part in mrr.parts(spans, calendar, months_in(context)):
                found = mrr.snapshot_of(spans, book.fx_rate, calendar, part, policy).collect()
                unvalued = found.filter(pl.col("mrr").is_null()).select(
                    "month", "subscription_item_id", "price_id", "currency", "mrr_native"
                )
                if not unvalued.is_empty():
                    yield from checked.results([(VALUED, unvalued)])
                    raise mrr.unvalued(unvalued)
                written.add({MRR_SNAPSHOT: found}, part)
        written.commit(context, (night.TIMELINE, generation))
        holds = checked.results([(VALUED, MRR_SNAPSHOT.empty())])
        yield written.result(context, MRR_SNAPSHOT, holds)

    @dg.multi_asset(
        specs=[shown.spec(table, months, GROUP, DEPS) for table in TABLES],
        check_specs=[ROLL_FORWARD, COMPONENTS, WITHIN],
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="mrr_movement",
    )
    def mrr_movement(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        generation = place.lake.generation(night.TIMELINE)
        calendar, written = place.calendar(), shown.Parts(place)
        results: list[dg.AssetCheckResult] = []
        for book in mrr.shares(inputs.book(place)):
            valued = mrr.Valued.of(book, place.policy)
            for part in mrr.parts(valued.spans.lazy(), calendar, months_in(context)):
                found = mrr.moved(valued, calendar, part)
                moved, activity = found.movement.lazy(), mrr.within(valued, calendar, part)
                identities = [
                    (ROLL_FORWARD, metrics.check_roll_forward(moved)),
                    (COMPONENTS, metrics.check_components(moved, found.component.lazy())),
                    (WITHIN, metrics.check_within(moved, activity.lazy())),
                ]
                results = checked.results(identities)
                if error := checked.broken(identities):
                    yield from results
                    raise error
                frames = (found.movement, found.item_movement, found.component, activity)
                written.add(dict(zip(TABLES, frames, strict=True)), part)
        written.commit(context, (night.TIMELINE, generation))
        yield from results
        for table in TABLES:
            yield written.result(context, table)

    return [mrr_snapshot, mrr_movement]
