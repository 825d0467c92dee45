"""MRR: snapshots at month ends, movements and components between them, and what the ends do not show.

Belongs here: one pass over all months of the run, from the timeline. Identities are checked before anything is shown.
Movements value the states of both month ends themselves, so they depend on the timeline, not on the stored snapshots.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

import dagster as dg
import polars as pl

from pipeline import metrics, mrr
from pipeline.assets import checked, night, shown
from pipeline.assets.fan_out import fan_out
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.assets.shares import Share, shares
from pipeline.schemas import (
    INTRA_MONTH_ACTIVITY,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
)

GROUP = "mrr"
UNVALUED = ("month", "subscription_item_id", "price_id", "currency", "mrr_native")
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


Computed = tuple[shown.Parts, list[pl.DataFrame]]
"""What was written, and the rows that violate each check."""


def snapshots(share: Share) -> Computed:
    """The snapshots of a share: written, but for those of which an item has no value."""
    book, policy, written = share.accounts, share.policy, shown.Parts(share.root)
    spans = mrr.worth(book, policy).collect().lazy()
    unvalued = []
    for part in mrr.parts(spans, share.calendar, share.months):
        found = mrr.snapshot_of(spans, book.fx_rate, share.calendar, part, policy).collect()
        unvalued.append(found.filter(pl.col("mrr").is_null()).select(UNVALUED))
        written.add({MRR_SNAPSHOT: found}, part)
    return written, [pl.concat(unvalued)]


def movements(share: Share) -> Computed:
    """The movements of a share, with their parts, and the rows that violate ROLL_FORWARD, COMPONENTS and WITHIN."""
    calendar, written = share.calendar, shown.Parts(share.root)
    valued = mrr.Valued.of(share.accounts, share.policy)
    violations = []
    for part in mrr.parts(valued.spans.lazy(), calendar, share.months):
        found = mrr.moved(valued, calendar, part)
        moved, activity = found.movement.lazy(), mrr.within(valued, calendar, part)
        violations.append(
            (
                metrics.check_roll_forward(moved),
                metrics.check_components(moved, found.component.lazy()),
                metrics.check_within(moved, activity.lazy()),
            )
        )
        frames = (found.movement, found.item_movement, found.component, activity)
        written.add(dict(zip(TABLES, frames, strict=True)), part)
    return written, [pl.concat(each) for each in zip(*violations, strict=True)]


def together(place: Place, work: Callable[[Share], Computed], months: Sequence[date]) -> Computed:
    """What `work` makes of all shares."""
    written, violations = shown.Parts(place.lake.root), []
    for part, found in fan_out(work, shares(place, months), place.settings.ray_address):
        written.take(part)
        violations.append(found)
    return written, [pl.concat(each) for each in zip(*violations, strict=True)]


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
        written, (unvalued,) = together(place, snapshots, months_in(context))
        if not unvalued.is_empty():
            yield from checked.results([(VALUED, unvalued)])
            raise mrr.unvalued(unvalued)
        written.commit(context, place.lake, (night.TIMELINE, generation))
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
        written, violations = together(place, movements, months_in(context))
        identities = list(zip((ROLL_FORWARD, COMPONENTS, WITHIN), violations, strict=True))
        results = checked.results(identities)
        if error := checked.broken(identities):
            yield from results
            raise error
        written.commit(context, place.lake, (night.TIMELINE, generation))
        yield from results
        for table in TABLES:
            yield written.result(context, table)

    return [mrr_snapshot, mrr_movement]
