"""Metrics: expansion by month, window, dimension and member; cohorts.

Belongs here: one pass over all months of the run. Cohorts need every month before: they value the timeline anew, once
for all their tables, so that they never depend on a month that was not computed.
"""

from collections.abc import Iterator

import dagster as dg

from pipeline import metrics, mrr
from pipeline.assets import checked, dimensions, inputs, night, shown
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.months import months_between
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    COHORT_GROWTH,
    EXPANSION_BY_TYPE,
    EXPANSION_COHORT,
    EXPANSION_METRICS,
    FX_RATE,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
)

GROUP = "metrics"
INPUTS = (MRR_SNAPSHOT, MRR_MOVEMENT, MRR_ITEM_MOVEMENT, MRR_MOVEMENT_COMPONENT)

MEMBERS = checked.check(
    EXPANSION_METRICS.name,
    "members",
    "Every member's roll-forward closes, and the members of a dimension sum to the total.",
)
BY_TYPE = checked.check(
    EXPANSION_BY_TYPE.name, "types", "Expansion by type sums to the member's expansion MRR."
)


def metric_assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`expansion_metrics` with expansion by type; `expansion_cohort` with the growth of cohorts."""
    deps = [dg.AssetDep("accounts"), *shown.same_month(*(table.name for table in INPUTS))]

    @dg.multi_asset(
        specs=[
            shown.spec(table, months, GROUP, deps)
            for table in (EXPANSION_METRICS, EXPANSION_BY_TYPE)
        ],
        check_specs=[MEMBERS, BY_TYPE, dimensions.KNOWN],
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="expansion_metrics",
    )
    def expansion_metrics(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        generation = place.lake.generation(night.TIMELINE)
        account, rates = place.lake.scan(ACCOUNT), place.lake.scan(FX_RATE)
        past = metrics.Past(place.lake.scan(ACCOUNT_HISTORY), place.calendar())
        spec = metrics.MetricsSpec.of(place.settings.config)
        tallies, inferred = [], []
        for rows in inputs.lots(place, months_in(context), *INPUTS):
            tally = metrics.tallied(
                snapshot=rows[MRR_SNAPSHOT],
                movement=rows[MRR_MOVEMENT],
                item_movement=rows[MRR_ITEM_MOVEMENT],
                component=rows[MRR_MOVEMENT_COMPONENT],
                rates=rates,
                account=account,
                spec=spec,
                past=past,
            )
            tallies.append(tally)
            inferred.append(metrics.inferred(rows[MRR_MOVEMENT], account, past))
        found = metrics.concluded(tallies, spec)
        figures, types = found.expansion_metrics.lazy(), found.expansion_by_type.lazy()
        identities = [
            (MEMBERS, metrics.check_members(figures)),
            (BY_TYPE, metrics.check_types(figures, types)),
        ]
        results = checked.results(identities)
        if error := checked.broken(identities):
            yield from results
            raise error
        frames = {
            EXPANSION_METRICS: found.expansion_metrics,
            EXPANSION_BY_TYPE: found.expansion_by_type,
        }
        shown.store_months(context, place, frames, (night.TIMELINE, generation))
        known = dimensions.known(context, place, metrics.inferred_of(inferred))
        yield from [*results, known]
        for table, frame in frames.items():
            yield shown.month_result(context, table, frame)

    @dg.multi_asset(
        specs=[
            shown.spec(
                table,
                months,
                GROUP,
                [dg.AssetDep("accounts"), *shown.same_month(MRR_SNAPSHOT.name)],
            )
            for table in (EXPANSION_COHORT, COHORT_GROWTH)
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="expansion_cohort",
    )
    def expansion_cohort(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        generation = place.lake.generation(night.TIMELINE)
        wanted, calendar = months_in(context), place.calendar()
        history = months_between(calendar.first_month or min(wanted), max(wanted))
        rates = place.lake.scan(FX_RATE)
        sums, growths = [], []
        for book in mrr.shares(inputs.book(place)):
            snapshots = mrr.snapshot(book, calendar, history, place.policy)
            values = metrics.counted(snapshots).collect().lazy()
            sums.append(metrics.cohort_sums(values, rates, wanted))
            growths.append(metrics.growth_sums(values, rates, wanted))
        frames = {
            EXPANSION_COHORT: metrics.cohorts_of(sums),
            COHORT_GROWTH: metrics.cohort_growth_of(growths, wanted),
        }
        shown.store_months(context, place, frames, (night.TIMELINE, generation))
        for table, frame in frames.items():
            yield shown.month_result(context, table, frame)

    return [expansion_metrics, expansion_cohort]
