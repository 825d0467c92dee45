"""The months as Dagster's partitions: ONE definition that every monthly asset shares.

Belongs here: from the first month to the current one. The last partition follows the clock, or `PIPELINE_NOW` where it
is set: Dagster itself only knows the clock, so the pinned month ends the partitions and the offset reaches it.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from pipeline import database
from pipeline.assets import night
from pipeline.months import KEY_FORMAT, Calendar, add_months, key_of, month_of
from pipeline.settings import Settings

WITH_CURRENT = 1


def months_of(settings: Settings) -> dg.MonthlyPartitionsDefinition:
    """Every month from the first to the current one; before the first sync, the current one alone."""
    company = settings.config.company
    current = Calendar(now=settings.now(), timezone=company.timezone).current
    first = company.first_month or _first_touched(settings) or current
    if settings.pinned_now is None:
        return dg.MonthlyPartitionsDefinition(
            key_of(first), fmt=KEY_FORMAT, timezone=company.timezone, end_offset=WITH_CURRENT
        )
    by_clock = Calendar(now=datetime.now(UTC), timezone=company.timezone).current
    ahead = (current.year - by_clock.year) * 12 + current.month - by_clock.month
    return dg.MonthlyPartitionsDefinition(
        key_of(first),
        end_date=key_of(add_months(current, 1)),
        fmt=KEY_FORMAT,
        timezone=company.timezone,
        end_offset=max(ahead, 0) + WITH_CURRENT,
    )


def months_in(context: dg.AssetExecutionContext) -> list[date]:
    """The months of this run."""
    return [month_of(key) for key in context.partition_keys]


def _first_touched(settings: Settings) -> date | None:
    """As `night.first_month`, without making or migrating a database while Dagster loads."""
    url = make_url(settings.warehouse_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return None
    engine = database.engine(settings.warehouse_url)
    try:
        known = inspect(engine).has_table(database.generation.name)
        return night.first_month(engine) if known else None
    finally:
        engine.dispose()
