"""Rebuild: everything that is computed, from the raw records alone.

Belongs here: what must be forgotten for it, and which months follow. The raw store, its coverage, and who was forgotten
are what nobody can make again.
"""

from pipeline.assets import evidence, night
from pipeline.assets.place import Place
from pipeline.database.engine import lock_ledger
from pipeline.schemas import COVERAGE, FORGOTTEN, RAW_RECORD
from pipeline.settings import Settings

RECEIVED = (RAW_RECORD, COVERAGE, FORGOTTEN)


def forget_computed(settings: Settings) -> None:
    """Let the next run decode and fold every raw record, also where the ledger or computed files are gone.

    Raises:
        PipelineError: a file of the raw store is gone, or there is no lake.
    """
    place = Place(settings)
    try:
        if place.lake.live():
            place.lake.drop_lost(RECEIVED)
        else:
            place.lake.rebuild_manifest(RECEIVED)
        with place.engine.begin() as connection:
            lock_ledger(connection)
            evidence.forget(connection)
    finally:
        place.close()


def every_month(settings: Settings) -> night.Range | None:
    """From the first month with figures to the current one; None when there is no history."""
    place = Place(settings)
    try:
        calendar = place.calendar()
    finally:
        place.close()
    return night.Range(calendar.first_month, calendar.current) if calendar.first_month else None
