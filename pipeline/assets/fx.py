"""Exchange rates: one a month and currency; those of closed months stay.

Belongs here: which months and currencies need a rate, which rates are frozen, and what is said of old ones.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
from sqlalchemy import Connection, insert

from pipeline.assets import checked, night, shown
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.money import RATE_SCALE
from pipeline.months import Calendar, key_of, months_between
from pipeline.schemas import DATA_QUALITY, FX_RATE, ITEM_TIMELINE, USAGE_CHARGE
from pipeline.sources import rates, stale_rates

GROUP = "fx"
KEY = list(FX_RATE.key)
FRESH = dg.AssetCheckSpec(
    "fresh",
    asset=FX_RATE.name,
    description="No rate is more than 5 days older than its month's end (the current month: than today).",
)


def fx_assets() -> list[dg.AssetsDefinition]:
    """`fx_rate`."""

    @dg.asset(
        group_name=GROUP,
        deps=["item_timeline"],
        kinds={"polars"},
        description=shown.description(FX_RATE),
        metadata=shown.columns(FX_RATE),
        check_specs=[FRESH],
    )
    def fx_rate(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        lake, config, calendar = place.lake, place.settings.config, place.calendar()
        reporting = config.company.reporting_currency
        generation = lake.generation(night.TIMELINE)
        since = _since(lake.scan(ITEM_TIMELINE), lake.scan(USAGE_CHARGE), calendar)
        months = _months(since, calendar)
        known = lake.scan(FX_RATE).collect()
        frozen = _frozen(known, reporting)
        found = rates(config.fx, reporting, since, calendar.ends(months))
        kept = pl.concat([frozen, found.frame.join(frozen, on=KEY, how="anti")]).sort(KEY)
        moved = _moved(known, kept, calendar) if frozen.height == known["frozen"].sum() else []

        old = stale_rates(kept.lazy(), place.settings.now().date()).collect()
        result = _checked(old, calendar)

        def remember(connection: Connection) -> None:
            night.touch(connection, "evidence", moved, generation + 1)
            connection.execute(
                insert(table_of(DATA_QUALITY)), _noted(result, old, context.run.run_id, calendar)
            )

        lake.commit(
            [lake.write(FX_RATE, kept)],
            run_id=context.run.run_id,
            expect=(night.TIMELINE, generation),
            bump=night.TIMELINE if moved else None,
            also=remember,
        )
        for warning in _warnings(found.lookup.notice, known, frozen, reporting, old):
            context.log.warning(warning)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": kept.height,
                "source": found.lookup.source,
                "currencies": sorted({reporting, *since}),
                "frozen": frozen.height,
                "preview": shown.rows(kept.tail(shown.PREVIEW), FX_RATE),
            },
            check_results=[result],
        )

    return [fx_rate]


def _since(timeline: pl.LazyFrame, usage: pl.LazyFrame, calendar: Calendar) -> dict[str, date]:
    """Each currency's first month: movements look back to it, never further."""
    began = (
        pl.concat(
            [
                timeline.select("currency", began="valid_from"),
                usage.select("currency", began="period_start"),
            ]
        )
        .drop_nulls()
        .group_by("currency")
        .agg(pl.col("began").min().dt.convert_time_zone(calendar.timezone).dt.date())
        .with_columns(pl.col("began").dt.month_start())
        .sort("currency")
        .collect()
    )
    return dict(began.iter_rows())


def _months(since: dict[str, date], calendar: Calendar) -> list[date]:
    """From the first state of any item on."""
    if not since:
        return []
    first = min(since.values())
    return months_between(min(first, calendar.first_month or first), calendar.current)


def _frozen(known: pl.DataFrame, reporting: str) -> pl.DataFrame:
    """The rates of closed months; none of them where they lead to another reporting currency."""
    frozen = known.filter("frozen")
    own = frozen.filter(pl.col("currency") == reporting, pl.col("rate") == RATE_SCALE)
    return frozen if own.height == frozen.get_column("month").n_unique() else FX_RATE.empty()


def _moved(known: pl.DataFrame, kept: pl.DataFrame, calendar: Calendar) -> list[date]:
    """The months to compute again: from the first closed month whose rate was stale and is another now.

    Later months open with its closing value.
    """
    pairs = known.join(kept, on=KEY, suffix="_now").filter(pl.col("rate") != pl.col("rate_now"))
    closed = [month for month in pairs.get_column("month").sort() if calendar.is_closed(month)]
    return months_between(closed[0], calendar.current) if closed else []


def _warnings(
    notice: str | None,
    known: pl.DataFrame,
    frozen: pl.DataFrame,
    reporting: str,
    old: pl.DataFrame,
) -> list[str]:
    """What a person should know of this run's rates."""
    told = [notice] if notice else []
    replaced = known["frozen"].sum() - frozen.height
    if replaced:
        told.append(
            f"The reporting currency is {reporting} now: {replaced} frozen exchange rates led to another "
            f"one and were replaced by today's. Every month starts a new series."
        )
    return [*told, *([stale_told(old)] if old.height else [])]


def stale_told(old: pl.DataFrame) -> str:
    """Which rates are old, and what to do: one sentence for a person."""
    spans = old.group_by("currency", "source", maintain_order=True).agg(
        first=pl.col("month").min(), last=pl.col("month").max()
    )
    named = ", ".join(
        f"{currency} in {_span(first, last)} is of {source}"
        for currency, source, first, last in spans.iter_rows()
    )
    return (
        f"Exchange rates are more than 5 days old: {named}. They stay open until there is a fresh one: let "
        f"the pipeline reach the ECB, or give rates under [fx] in pipeline.toml."
    )


def _span(first: date, last: date) -> str:
    return key_of(first) if first == last else f"{key_of(first)} to {key_of(last)}"


def _checked(old: pl.DataFrame, calendar: Calendar) -> dg.AssetCheckResult:
    """An error where a closed month rests on an old rate, a warning where the month is open."""
    (result,) = checked.results([(FRESH, old.select("month", "currency", "source"))])
    closed = any(calendar.is_closed(month) for month in old.get_column("month"))
    severity = dg.AssetCheckSeverity.ERROR if closed else dg.AssetCheckSeverity.WARN
    return result._replace(severity=severity)


def _noted(
    result: dg.AssetCheckResult, old: pl.DataFrame, run_id: str, calendar: Calendar
) -> dict[str, Any]:
    """The check as a row of `data_quality`."""
    examples = [f"{key_of(row[0])} {row[1]}" for row in old.head(checked.EXAMPLES).iter_rows()]
    figures = {"old rates": old.height}
    return checked.noted(result, run_id, calendar.current, figures, examples)
