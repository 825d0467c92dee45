"""Attribution: who brought the expansion, the pipeline beside it, and what became of won deals.

Belongs here: reading every month at once, since a deal that pays one month does not pay another; the run's months are
written, and those others of which something else is said now: the CRM told of a deal, or a later month took one over.
Headline figures rest on none of it, so a closed month that is attributed otherwise is no restatement.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
from sqlalchemy import Connection, insert

from pipeline import mrr
from pipeline.assets import checked, inputs, night, shown
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.billing import schedules
from pipeline.database import table_of
from pipeline.metrics import attribution as who
from pipeline.months import key_of, month_of
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    ATTRIBUTION_SENSITIVITY,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    CRM_PIPELINE,
    DATA_QUALITY,
    DEAL_RECONCILIATION,
    EXPANSION_ATTRIBUTION,
    FX_RATE,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    Table,
)

GROUP = "attribution"
TABLES = (EXPANSION_ATTRIBUTION, ATTRIBUTION_SENSITIVITY, CRM_PIPELINE, DEAL_RECONCILIATION)

SUMS = checked.check(
    EXPANSION_ATTRIBUTION.name,
    "sums",
    "Every account's attributed amounts sum to its expansion, in every month.",
)
TYPES_KNOWN = dg.AssetCheckSpec(
    "deal_types_known",
    asset=EXPANSION_ATTRIBUTION.name,
    description="Every deal has a type that [crm.deal_types] names; deals of other types are no expansion.",
)


def attribution_assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`expansion_attribution` with sensitivity, pipeline and reconciliation."""
    parents = shown.same_month(MRR_MOVEMENT.name, MRR_MOVEMENT_COMPONENT.name)
    whole = [dg.AssetDep(name) for name in ("accounts", "item_timeline", "fx_rate")]

    @dg.multi_asset(
        specs=[shown.spec(table, months, GROUP, [*whole, *parents]) for table in TABLES],
        check_specs=[SUMS, TYPES_KNOWN],
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="expansion_attribution",
    )
    def expansion_attribution(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        generation = place.lake.generation(night.TIMELINE)
        wanted = months_in(context)
        history = _history(place, wanted)
        rules = who.AttributionRules.of(place.settings.config)
        frames, early = _found(place, history, rules)
        movement = place.lake.scan(MRR_MOVEMENT, [key_of(month) for month in history])
        identities = [(SUMS, who.check_attribution(movement, frames[EXPANSION_ATTRIBUTION].lazy()))]
        results = checked.results(identities)
        if error := checked.broken(identities):
            yield from results
            raise error
        changed = _changed(place, frames, [each for each in history if each not in set(wanted)])
        unmapped = rules.unmapped(place.lake.scan(CRM_DEAL))
        types = _types_known(unmapped)
        if types.description:
            context.log.warning(types.description)

        def remember(connection: Connection) -> None:
            night.note_attributed(connection, changed, generation)
            connection.execute(
                insert(table_of(DATA_QUALITY)),
                _noted(types, unmapped, context.run.run_id, max(wanted)),
            )

        written = sorted({*wanted, *changed})
        staged = [
            each
            for table, frame in frames.items()
            for each in place.lake.write_partitions(
                table, _of(frame, written), [key_of(month) for month in written]
            )
        ]
        place.lake.commit(
            staged, run_id=context.run.run_id, expect=(night.TIMELINE, generation), also=remember
        )
        _tell_of(context, frames, changed)
        yield from (*results, types)
        for table, frame in frames.items():
            told = {"months attributed anew": len(changed)} | (
                {"won before the first month": early} if table is DEAL_RECONCILIATION else {}
            )
            yield shown.month_result(context, table, _of(frame, wanted), told)

    return [expansion_attribution]


def _history(place: Place, wanted: Sequence[date]) -> list[date]:
    """Every month with components; those of the run must be there.

    Raises:
        MissingMonth: a month of the run was never computed.
    """
    inputs.monthly(place, wanted, MRR_MOVEMENT, MRR_MOVEMENT_COMPONENT)
    computed = {month_of(key) for key in place.lake.partitions(MRR_MOVEMENT_COMPONENT)}
    return sorted(computed.intersection(place.calendar().months).union(wanted))


def _found(
    place: Place, history: Sequence[date], rules: who.AttributionRules
) -> tuple[dict[Table, pl.DataFrame], int]:
    """The tables of all months, and how many won deals were closed before the first of them."""
    lake, calendar, book = place.lake, place.calendar(), inputs.book(place)
    crm = who.Crm(
        deal=lake.scan(CRM_DEAL),
        deal_history=lake.scan(CRM_DEAL_HISTORY),
        account=lake.scan(ACCOUNT),
        account_history=lake.scan(ACCOUNT_HISTORY),
        account_link=lake.scan(ACCOUNT_LINK),
        fx_rate=lake.scan(FX_RATE),
    )
    evidence = who.Evidence(
        component=lake.scan(MRR_MOVEMENT_COMPONENT, [key_of(month) for month in history]),
        book=book,
        planned=schedules.planned(book.subscription_phase),
        crm=crm,
    )
    today = place.settings.now().astimezone(ZoneInfo(calendar.timezone)).date()
    found = who.company(evidence, place.policy, calendar, today, rules)
    won = found[DEAL_RECONCILIATION]
    return {
        **found,
        CRM_PIPELINE: who.crm_pipeline(crm, calendar.ends(history), rules),
        DEAL_RECONCILIATION: _of(won, history),
    }, won.filter(pl.col("month") < min(history)).height


def _of(frame: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    return frame.filter(pl.col("month").is_in(list(months)))


def _changed(
    place: Place, frames: Mapping[Table, pl.DataFrame], months: Sequence[date]
) -> list[date]:
    """Those of `months` of which a table says something else than the lake has, or has nothing yet."""
    found: set[date] = set()
    for table, frame in frames.items():
        counts = place.lake.counts(table)
        known = {month: counts[key_of(month)] for month in months if key_of(month) in counts}
        found.update(month for month in months if month not in known)
        for part in mrr.packed(known, inputs.READ_AT_ONCE):
            stored = place.lake.scan(table, [key_of(month) for month in part]).collect()
            before, now = _by_month(stored), _by_month(_of(frame, part))
            none = table.empty()
            found.update(
                month for month in part if not before.get(month, none).equals(now.get(month, none))
            )
    return sorted(found)


def _by_month(frame: pl.DataFrame) -> dict[date, pl.DataFrame]:
    parts = frame.partition_by("month", as_dict=True, maintain_order=True)
    return {key[0]: part for key, part in parts.items()}


def _tell_of(
    context: dg.AssetExecutionContext,
    frames: Mapping[Table, pl.DataFrame],
    changed: Sequence[date],
) -> None:
    """Let Dagster know of the months that were written beside the run's."""
    for table, frame in frames.items():
        for month in changed:
            context.log_event(
                dg.AssetMaterialization(
                    table.name,
                    partition=key_of(month),
                    metadata={"dagster/partition_row_count": _of(frame, [month]).height},
                )
            )


def _types_known(unmapped: pl.DataFrame) -> dg.AssetCheckResult:
    """A warning where deals have a type that nobody mapped."""
    (result,) = checked.results([(TYPES_KNOWN, unmapped)])
    if result.passed:
        return result._replace(severity=dg.AssetCheckSeverity.WARN)
    named = ", ".join(f"{kind} {count:,}" for kind, count in unmapped.head(checked.EXAMPLES).rows())
    said = (
        f"{unmapped['deals'].sum():,} deals have a type that [crm.deal_types] does not name, or none: {named}. They "
        f"count as no expansion. Write there which types are expansion, new or renewal; see docs/attribution.md."
    )
    return result._replace(severity=dg.AssetCheckSeverity.WARN, description=said)


def _noted(
    result: dg.AssetCheckResult, unmapped: pl.DataFrame, run_id: str, month: date
) -> dict[str, Any]:
    """The check as a row of `data_quality`."""
    figures = {"types": unmapped.height, "deals": int(unmapped["deals"].sum())}
    examples = [f"{kind}: {deals}" for kind, deals in unmapped.head(checked.EXAMPLES).iter_rows()]
    return checked.noted(result, run_id, month, figures, examples)
