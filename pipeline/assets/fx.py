"""Exchange rates: one a month and currency; those of closed months stay.

Belongs here: which months and currencies need a rate, and which rates are frozen.
"""

from datetime import date, datetime

import dagster as dg
import polars as pl

from pipeline.assets import shown
from pipeline.assets.place import Place
from pipeline.money import RATE_SCALE
from pipeline.months import Calendar, months_between
from pipeline.schemas import FX_RATE, ITEM_TIMELINE, USAGE_CHARGE
from pipeline.sources import rates

GROUP = "fx"
KEY = list(FX_RATE.key)


def fx_assets() -> list[dg.AssetsDefinition]:
    """`fx_rate`."""

    @dg.asset(
        group_name=GROUP,
        deps=["item_timeline"],
        kinds={"polars"},
        description=shown.description(FX_RATE),
        metadata=shown.columns(FX_RATE),
    )
    def fx_rate(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        lake, config = place.lake, place.settings.config
        reporting = config.company.reporting_currency
        timeline = lake.scan(ITEM_TIMELINE)
        currencies = _currencies(timeline, lake.scan(USAGE_CHARGE))
        months = _months(timeline, place.calendar())
        frozen = _frozen(lake.scan(FX_RATE), reporting)
        found = rates(config.fx, reporting, currencies, place.calendar().ends(months))
        kept = pl.concat([frozen, found.join(frozen, on=KEY, how="anti")]).sort(KEY)
        lake.commit([lake.write(FX_RATE, kept)], run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": kept.height,
                "currencies": sorted({reporting, *currencies}),
                "frozen": frozen.height,
                "preview": shown.rows(kept.tail(shown.PREVIEW), FX_RATE),
            }
        )

    return [fx_rate]


def _currencies(*frames: pl.LazyFrame) -> list[str]:
    found = pl.concat([frame.select("currency") for frame in frames])
    return found.unique().drop_nulls().collect().to_series().sort().to_list()


def _months(timeline: pl.LazyFrame, calendar: Calendar) -> list[date]:
    """From the first state of any item on: movements of the first months look back that far."""
    began = timeline.select(pl.col("valid_from").min()).collect().item()
    if not isinstance(began, datetime):
        return []
    first = Calendar(now=began, timezone=calendar.timezone).current
    return months_between(min(first, calendar.first_month or first), calendar.current)


def _frozen(known: pl.LazyFrame, reporting: str) -> pl.DataFrame:
    """The rates of closed months; none of them where they lead to another reporting currency."""
    frozen = known.filter("frozen").collect()
    own = frozen.filter(pl.col("currency") == reporting)
    months = frozen.get_column("month").n_unique()
    same = own.height == months and (own.get_column("rate") == RATE_SCALE).all()
    return frozen if same else FX_RATE.empty()
