"""Readiness: who expands next, of the newest closed month of a run.

Belongs here: which month is scored and when. A score tells what was known when its month was the newest closed one, so
a later run leaves it alone, unless it computes this month last. A backfill scores its own newest closed month.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from pipeline import readiness
from pipeline.assets import known, night, shown
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.months import key_of, month_of
from pipeline.schemas import (
    ACCOUNT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SNAPSHOT,
    READINESS_REASON,
    READINESS_SCORE,
    SCORE_EVALUATION,
    SCORED,
    Table,
)

GROUP = "readiness"
RECORDED, AT_ONCE = 30_000, 4
"""The record looks at about so many accounts, drawn by a hash where there are more, so many month ends in one pass."""
INPUTS = (MRR_SNAPSHOT, MRR_MOVEMENT, MRR_MOVEMENT_COMPONENT)


def readiness_assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`readiness_score` with reasons and the record of earlier scores."""
    whole = [dg.AssetDep(name) for name in ("accounts", "item_timeline")]
    parents = shown.same_month(*(table.name for table in INPUTS))

    @dg.multi_asset(
        specs=[shown.spec(table, months, GROUP, [*whole, *parents]) for table in SCORED],
        backfill_policy=dg.BackfillPolicy.single_run(),
        name="readiness_score",
    )
    def readiness_score(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        generation = place.lake.generation(night.TIMELINE)
        month = scored_month(place, months_in(context))
        frames = {} if month is None else scores(place, month)
        if month is not None:
            if unknown := known.strangers(place):
                context.log.warning("%s", _unknown(place, unknown))
            staged = [
                each
                for table, frame in frames.items()
                for each in place.lake.write_partitions(table, frame, [key_of(month)])
            ]
            place.lake.commit(
                staged, run_id=context.run.run_id, expect=(night.TIMELINE, generation)
            )
        for table in SCORED:
            yield _result(context, table, month, frames.get(table, table.empty()))

    return [readiness_score]


def _unknown(place: Place, count: int) -> str:
    return (
        f"{place.settings.config.readiness.usage} (readiness.usage) names {count:,} customers or accounts that nobody "
        f"knows; their usage is left out."
    )


def scored_month(place: Place, wanted: Sequence[date]) -> date | None:
    """The month that a run scores: its newest closed one, else the newest closed of all that was never scored.

    None where there is nothing to score, or `[readiness] enabled` is false.
    """
    calendar = place.calendar()
    if not place.settings.config.readiness.enabled:
        return None
    closed = [month for month in wanted if calendar.is_closed(month)]
    if closed:
        return max(closed)
    latest = calendar.last_closed
    computed = key_of(latest) in place.lake.partitions(MRR_SNAPSHOT)
    never = key_of(latest) not in place.lake.partitions(READINESS_SCORE)
    return latest if computed and never else None


def scores(place: Place, month: date) -> dict[Table, pl.DataFrame]:
    """The tables of one closed month: how good earlier scores were decides what orders its accounts."""
    share = _looked_at(place)
    learned = readiness.learned(_looked_back(place, month, share))
    told = readiness.record(learned.outcomes, month, share)
    found = _shipped(place, month, told.shipped, learned)
    return {
        READINESS_SCORE: readiness.score_rows(found, told.shipped, told.chances).collect(),
        READINESS_REASON: readiness.reasons(found).collect(),
        SCORE_EVALUATION: told.rows,
    }


def scored_at(place: Place, month: date) -> pl.LazyFrame:
    """The accounts of a month's end by the rules, by what is known now: the columns of `readiness.scored`."""
    return _scored(place, [month])


def _shipped(place: Place, month: date, method: str, learned: readiness.Learned) -> pl.LazyFrame:
    """The month by what was learned where that is shipped, else by the rules, which a baseline leaves as they are."""
    if method != readiness.LOGISTIC.name or learned.model is None:
        return _scored(place, [month])
    said = _indicators(place, [month])
    return readiness.scored_by(said, learned.model, learned.without_deals).collect().lazy()


def _indicators(place: Place, months: Sequence[date], share: float = 1.0) -> pl.LazyFrame:
    told = known.known(place, months).sampled(share)
    return readiness.indicators(told, place.calendar(), months)


def _scored(place: Place, months: Sequence[date], share: float = 1.0) -> pl.LazyFrame:
    points = place.settings.config.readiness.points
    said = _indicators(place, months, share)
    weights = readiness.weighted(points.model_dump(exclude={"health"}))
    return readiness.scored(said, weights, points.health).collect().lazy()


def _looked_back(place: Place, month: date, share: float) -> pl.DataFrame:
    """The accounts at earlier month ends, and what became of them; only where all of it was computed."""
    live = {key: set(place.lake.partitions(key)) for key in (MRR_SNAPSHOT, MRR_MOVEMENT_COMPONENT)}
    first = min(map(month_of, live[MRR_SNAPSHOT]), default=month)
    ends = [
        end
        for end in readiness.origins(first, month)
        if key_of(end) in live[MRR_SNAPSHOT]
        and all(
            key_of(after) in live[MRR_MOVEMENT_COMPONENT]
            for after in readiness.outcome_months([end])
        )
    ]
    component = known.there(place, MRR_MOVEMENT_COMPONENT, readiness.outcome_months(ends))
    parts = [ends[at : at + AT_ONCE] for at in range(0, len(ends), AT_ONCE)] or [[]]
    asked = (readiness.judgeable(_scored(place, part, share)).collect() for part in parts)
    return pl.concat(readiness.outcomes(each.lazy(), component).collect() for each in asked)


def _looked_at(place: Place) -> float:
    """The share of all accounts that the record looks at."""
    accounts = place.lake.scan(ACCOUNT).select("account_id").collect().height
    return min(1.0, RECORDED / max(1, accounts))


def published_months(place: Place, wanted: Sequence[date], stored: Sequence[date]) -> list[date]:
    """The scored months that a run publishes: its own, and the newest closed one where the warehouse lacks it.

    Args:
        place: where.
        wanted: the run's months.
        stored: the months whose scores the warehouse has.
    """
    live = set(place.lake.partitions(READINESS_SCORE))
    latest = place.calendar().last_closed
    asked = {*wanted} | ({latest} - {*stored})
    return sorted(month for month in asked if key_of(month) in live)


def _result(
    context: dg.AssetExecutionContext, table: Table, month: date | None, frame: pl.DataFrame
) -> dg.MaterializeResult[None]:
    """Which month was scored is told of the run: it may lie before the run's own."""
    if month is None:
        return dg.MaterializeResult(asset_key=table.name)
    told: dict[str, Any] = {
        "scored": key_of(month),
        "rows": frame.height,
        "preview": shown.rows(frame, table),
    }
    return dg.MaterializeResult(asset_key=table.name, metadata=told)
