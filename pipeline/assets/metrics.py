"""Metrics: expansion by month, window, dimension and member; cohorts.

Belongs here: one pass over all months of the run. Cohorts need every month before: they value the timeline anew, once
for all their tables, so that they never depend on a month that was not computed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import dagster as dg
import polars as pl

from pipeline import metrics, mrr
from pipeline.assets import checked, dimensions, inputs, night, shown
from pipeline.assets.fan_out import fan_out
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.assets.shares import Share, shares
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
    MRR_SCHEDULED,
    MRR_SNAPSHOT,
    Table,
)

GROUP = "metrics"
INPUTS = (
    MRR_SNAPSHOT,
    MRR_MOVEMENT,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SCHEDULED,
)

MEMBERS = checked.check(
    EXPANSION_METRICS.name,
    "members",
    "Every member's roll-forward closes, and the members of a dimension sum to the total.",
)
BY_TYPE = checked.check(
    EXPANSION_BY_TYPE.name, "types", "Expansion by type sums to the member's expansion MRR."
)


@dataclass(frozen=True, slots=True)
class Lot:
    """Some movements with all that belongs to their accounts and months, and what they are broken down by.

    Attributes:
        rows: the tables of INPUTS.
        rates: FX_RATE.
        account: ACCOUNT.
        past: what accounts were.
        spec: dimensions, targets, bands.
    """

    rows: Mapping[Table, pl.LazyFrame]
    rates: pl.LazyFrame
    account: pl.LazyFrame
    past: metrics.Past
    spec: metrics.MetricsSpec


def lots_of(place: Place, months: Sequence[date]) -> Iterator[Lot]:
    """All movements of `months`, in lots that fit into memory.

    Raises:
        MissingMonth: a month of a table was never computed.
    """
    scan = place.lake.scan
    past = metrics.Past(scan(ACCOUNT_HISTORY), place.calendar())
    spec = metrics.MetricsSpec.of(place.settings.config)
    for rows in inputs.lots(place, months, *INPUTS):
        yield Lot(rows, scan(FX_RATE), scan(ACCOUNT), past, spec)


def tally(lot: Lot) -> tuple[metrics.Tally, pl.DataFrame]:
    """The sums of a lot, and how much of it rests on inferred members."""
    # A lot has a part of the accounts: who they are and were is not looked at for all of them each time.
    theirs = lot.rows[MRR_MOVEMENT].select("account_id").unique().collect().lazy()
    account, history = (
        rows.join(theirs, on="account_id", how="semi").collect().lazy()
        for rows in (lot.account.drop("name"), lot.past.history)
    )
    past = replace(lot.past, history=history)
    told = metrics.Moves(
        snapshot=lot.rows[MRR_SNAPSHOT],
        movement=lot.rows[MRR_MOVEMENT],
        item_movement=lot.rows[MRR_ITEM_MOVEMENT],
        component=lot.rows[MRR_MOVEMENT_COMPONENT],
        scheduled=lot.rows[MRR_SCHEDULED],
    )
    sums = metrics.tallied(told, lot.rates, account, lot.spec, past)
    return sums, metrics.inferred(lot.rows[MRR_MOVEMENT], account, past)


def cohorts(job: tuple[Share, Sequence[date]]) -> tuple[pl.DataFrame, metrics.Growth]:
    """The sums of cohorts and of their growth in some months, of a share with its whole history."""
    share, wanted = job
    book = share.accounts
    # Nobody sees the ids of these accounts; numbers are sorted and joined in less time.
    spans = mrr.worth(book, share.policy).with_columns(pl.col("account_id").rank("dense"))
    history = mrr.history_of(spans, share.calendar, share.months).collect().lazy()
    return (
        metrics.cohort_sums(history, book.fx_rate, wanted),
        metrics.growth_sums(history, book.fx_rate, wanted),
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
        lots, address = lots_of(place, months_in(context)), place.settings.ray_address
        tallies, inferred = zip(*fan_out(tally, lots, address), strict=True)
        found = metrics.concluded(tallies, metrics.MetricsSpec.of(place.settings.config))
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
        address = place.settings.ray_address
        with shares(place, history, address=address) as held:
            jobs = [(share, tuple(wanted)) for share in held]
            found = list(fan_out(cohorts, jobs, address))
        sums, growths = zip(*found, strict=True)
        frames = {
            EXPANSION_COHORT: metrics.cohorts_of(sums),
            COHORT_GROWTH: metrics.cohort_growth_of(growths, wanted),
        }
        shown.store_months(context, place, frames, (night.TIMELINE, generation))
        for table, frame in frames.items():
            yield shown.month_result(context, table, frame)

    return [expansion_metrics, expansion_cohort]
