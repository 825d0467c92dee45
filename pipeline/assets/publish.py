"""Publish: the run's months go to the warehouse, each as a whole.

Belongs here: which tables, versions of closed months, and what the checks found. How rows are written is in
`pipeline.publish`.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
from sqlalchemy import Connection, insert

from pipeline import publish
from pipeline.assets import attribution, inputs, night, readiness, shown, upkeep, watched
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.database.engine import lock_ledger
from pipeline.lake import ledger
from pipeline.publish import series
from pipeline.publish.restatements import Cause
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    ACCOUNT_LINK_CHANGE,
    COHORT_GROWTH,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    DATA_QUALITY,
    EXPANSION_BY_TYPE,
    EXPANSION_COHORT,
    EXPANSION_METRICS,
    FX_RATE,
    INTRA_MONTH_ACTIVITY,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SCHEDULED,
    MRR_SNAPSHOT,
    READINESS_SCORE,
    SCORED,
    Table,
)

GROUP = "publish"
MONTHLY = (
    MRR_SNAPSHOT,
    MRR_SCHEDULED,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    INTRA_MONTH_ACTIVITY,
    EXPANSION_METRICS,
    EXPANSION_BY_TYPE,
    EXPANSION_COHORT,
    COHORT_GROWTH,
    *attribution.TABLES,
)
WHOLE = (
    ACCOUNT,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    ACCOUNT_LINK_CHANGE,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    FX_RATE,
)
Beside = tuple[dict[str, list[pl.LazyFrame]], Sequence[date]]
"""Tables in lots, and the months of them that are replaced."""
CAUSES: dict[night.Reason, Cause] = {"evidence": "evidence", "link": "link", "setting": "code"}


def publish_assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """`warehouse`."""

    @dg.asset(
        group_name=GROUP,
        pool="publish",
        kinds={"sql"},
        partitions_def=months,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=shown.same_month(*(table.name for table in (*MONTHLY, *SCORED))),
        check_specs=[watched.CURRENT],
    )
    def warehouse(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """The run's months in the warehouse: each replaced as a whole, all in one transaction.

        Raises:
            StaleGeneration: somebody was forgotten, or the timeline replaced, meanwhile; nothing was shown.
        """
        wanted = months_in(context)
        generation = place.lake.generation(night.TIMELINE)
        begun = _begun(place, wanted)

        def still(connection: Connection) -> None:
            # Who was forgotten since the names were read must not come back.
            lock_ledger(connection)
            ledger.expect_number(connection, night.TIMELINE, generation)
            if begun is not None:
                series.note(connection, begun, context.run.run_id, wanted[-1])

        numbers = night.computed_at(place.engine, wanted)
        lots = inputs.in_lots(place, wanted, MONTHLY)
        computed = pl.concat(lots[EXPANSION_METRICS.name]).collect()
        metrics, restated = _versioned(place, computed, wanted)
        graded = _graded(lots[MRR_MOVEMENT.name])
        waiting = night.attributed(place.engine)
        inserted = publish.publish_months(
            place.engine,
            {**lots, EXPANSION_METRICS.name: metrics},
            wanted,
            whole={table.name: place.lake.scan(table) for table in WHOLE},
            restatements=restated,
            item_months=place.settings.config.publish.item_months,
            beside=[
                *_attributed(place, [month for month in waiting if month not in set(wanted)]),
                *_scored(place, wanted),
            ],
            still=still,
        )
        _note_quality(place, context.run.run_id, graded)

        def remember(connection: Connection) -> None:
            night.remember_published(connection, numbers, place.settings.config)
            night.forget_attributed(connection, waiting)

        place.lake.commit([], run_id=context.run.run_id, also=remember)
        yield dg.MaterializeResult(
            metadata={
                **upkeep.tidied(context, place),
                **{f"{name} rows": count for name, count in inserted.items()},
                "restated figures": restated.height,
                "preview": shown.rows(_totals(metrics), EXPANSION_METRICS),
            },
            check_results=[watched.result(context, place.settings, wanted)],
        )

    return [warehouse]


def _attributed(place: Place, months: Sequence[date]) -> list[Beside]:
    """The months outside the run whose attribution became another: no figure of them did."""
    return _beside(place, months, attribution.TABLES)


def _scored(place: Place, wanted: Sequence[date]) -> list[Beside]:
    """The scored months that are published: those of the run, and what the warehouse lacks of the newest one."""
    stored = publish.months_of(place.engine, READINESS_SCORE.name)
    return _beside(place, readiness.published_months(place, wanted, stored), SCORED)


def _beside(place: Place, months: Sequence[date], tables: Sequence[Table]) -> list[Beside]:
    if not months:
        return []
    return [(inputs.in_lots(place, months, tables), months)]


def _versioned(
    place: Place, metrics: pl.DataFrame, months: Sequence[date]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The metrics with their versions, and what changed in closed months since they were published."""
    old = publish.published(place.engine, EXPANSION_METRICS.name, months)
    comparable = night.in_series(place.engine, months, place.settings.config)
    closed = [month for month in comparable if place.calendar().is_closed(month)]
    reasons, touched_by = night.causes(place.engine, months)
    return publish.restate(
        old,
        metrics,
        closed,
        {month: CAUSES[reason] for month, reason in reasons.items()},
        place.settings.now(),
        touched_by,
    )


def _begun(place: Place, months: Sequence[date]) -> series.Begun | None:
    """The series that begins with this run, if any of its months was published in another one."""
    other = night.other_series(place.engine, months, place.policy.label, place.settings.config)
    if other is None:
        return None
    at = place.settings.now().astimezone(ZoneInfo(place.settings.config.company.timezone))
    return series.Begun(*other, at)


def _totals(metrics: pl.DataFrame) -> pl.DataFrame:
    total = metrics.filter(pl.col("dimension") == "total", pl.col("window_months") == 1)
    return total.sort("month", descending=True)


def _graded(movement: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """How many accounts a month has of each grade: month, evidence, len."""
    monthly = pl.concat(movement).filter(pl.col("window_months") == 1)
    counted = monthly.group_by("month", "evidence").len().sort("month", "evidence")
    return counted.collect(engine="streaming")


def _note_quality(place: Place, run_id: str, graded: pl.DataFrame) -> None:
    """Keep, per month, how sure the evidence is; the identities held, or the run would not be here."""
    rows = [
        {
            "run_id": run_id,
            "check": "evidence",
            "month": month,
            "passed": True,
            "severity": "info",
            "figures": json.dumps(dict(part.select("evidence", "len").iter_rows())),
            "examples": "[]",
        }
        for (month,), part in graded.partition_by("month", as_dict=True).items()
    ]
    if rows:
        with place.engine.begin() as connection:
            connection.execute(insert(table_of(DATA_QUALITY)), rows)
