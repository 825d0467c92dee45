"""MRR: snapshots at month ends, what is scheduled there, movements and components between them and what happens within.

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
from pipeline.assets.parts import Parts
from pipeline.assets.place import Place
from pipeline.assets.shares import Share, shares
from pipeline.months import Calendar
from pipeline.schemas import (
    INTRA_MONTH_ACTIVITY,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SCHEDULED,
    MRR_SNAPSHOT,
    Table,
)

GROUP = "mrr"
UNVALUED = ("month", "subscription_item_id", "price_id", "currency", "mrr_native")
DEPS = [dg.AssetDep(name) for name in ("item_timeline", "accounts", "fx_rate")]
MOVED = (MRR_MOVEMENT, MRR_ITEM_MOVEMENT, MRR_MOVEMENT_COMPONENT, INTRA_MONTH_ACTIVITY)
TABLES = (MRR_SNAPSHOT, MRR_SCHEDULED, *MOVED)

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
CHECKS = (VALUED, ROLL_FORWARD, COMPONENTS, WITHIN)

Violations = tuple[pl.DataFrame, ...]
"""The rows that violate ROLL_FORWARD, COMPONENTS and WITHIN."""
NOT_LOOKED_AT: Violations = (pl.DataFrame(), pl.DataFrame(), pl.DataFrame())
Computed = tuple[Parts, list[pl.DataFrame]]
"""What was written, and the rows that violate each check."""


def computed(share: Share) -> Computed:
    """The tables of a share, and the rows that violate VALUED, ROLL_FORWARD, COMPONENTS and WITHIN.

    A month of which an item has no value has a snapshot, which nobody will see, and no movements.
    """
    calendar, written = share.calendar, Parts(share.root)
    valued = mrr.Valued.of(share.accounts, share.policy, share.since)
    spans, rates = valued.spans.lazy(), valued.book.fx_rate
    violations = []
    accounts = valued.accounts.len()
    for part in mrr.parts(spans, calendar, share.months, accounts=accounts):
        held = mrr.snapshot_of(spans, rates, calendar, part, share.policy).collect()
        unvalued = held.filter(pl.col("mrr").is_null()).select(UNVALUED)
        frames, violated = {MRR_SNAPSHOT: held}, NOT_LOOKED_AT
        if unvalued.is_empty():
            moved, violated = movements(valued, calendar, part)
            frames |= moved
        violations.append((unvalued, *violated))
        written.add(frames, part, share.number, share.of)
    if all(each[0].is_empty() for each in violations):
        to_come = {MRR_SCHEDULED: mrr.scheduled(valued, calendar, share.months)}
        written.add(to_come, share.months, share.number, share.of)
    return written, _each(violations)


def movements(
    valued: mrr.Valued, calendar: Calendar, months: Sequence[date]
) -> tuple[dict[Table, pl.DataFrame], Violations]:
    """The movements of some months, with their parts, and the rows that violate the identities."""
    found, activity = mrr.moved(valued, calendar, months), mrr.within(valued, calendar, months)
    moved = found.movement.lazy()
    violated = (
        metrics.check_roll_forward(moved),
        metrics.check_components(moved, found.component.lazy()),
        metrics.check_within(moved, activity.lazy()),
    )
    frames = (found.movement, found.item_movement, found.component, activity)
    return dict(zip(MOVED, frames, strict=True)), violated


def together(place: Place, work: Callable[[Share], Computed], months: Sequence[date]) -> Computed:
    """What `work` makes of all shares."""
    written, violations = Parts(place.lake.root), []
    address = place.settings.ray_address
    with shares(place, months, address=address) as jobs:
        for part, found in fan_out(work, jobs, address):
            written.take(part)
            violations.append(found)
    return written, _each(violations)


def _each(violations: Sequence[Sequence[pl.DataFrame]]) -> list[pl.DataFrame]:
    """The rows that violate each check, of all parts."""
    return [pl.concat(each, how="diagonal") for each in zip(*violations, strict=True)]


def mrr_assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`mrr_snapshot`, `mrr_scheduled`; `mrr_movement` with item movements, components and what the ends do not show."""

    @dg.multi_asset(
        specs=[shown.spec(table, months, GROUP, DEPS) for table in TABLES],
        check_specs=CHECKS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="mrr",
    )
    def mrr_tables(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        generation = place.lake.generation(night.TIMELINE)
        written, violations = together(place, computed, months_in(context))
        identities = list(zip(CHECKS, violations, strict=True))
        unvalued, results = violations[0], checked.results(identities)
        error = mrr.unvalued(unvalued) if unvalued.height else checked.broken(identities)
        if error:
            yield from results
            raise error
        written.commit(context, place.lake, (night.TIMELINE, generation))
        yield from results
        for table in TABLES:
            yield written.result(context, table)

    return [mrr_tables]
