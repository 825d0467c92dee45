"""Upkeep of the lake, at the end of a night: small objects are merged, and what no longer stands is deleted.

Belongs here: when it is done, and that a night does not fail over it.
"""

import dagster as dg
import polars as pl
from sqlalchemy.exc import SQLAlchemyError

from pipeline.assets import evidence
from pipeline.assets.place import Place
from pipeline.errors import LockHeld
from pipeline.lake.compaction import compact
from pipeline.lake.landing import LOCK
from pipeline.lake.lock import held


def tidied(context: dg.AssetExecutionContext, place: Place) -> dict[str, int]:
    """Merge and delete; says how many."""
    try:
        # Not while a sync writes, or a person is forgotten.
        with held(place.engine, LOCK, context.run.run_id, wait_seconds=0):
            until = evidence.decoded_until(place.lake)
            return {
                "objects merged": compact(place.lake, until=until, run_id=context.run.run_id),
                "files deleted": place.lake.collect_orphans(),
            }
    except LockHeld:
        context.log.info("The lake is not tidied: a sync is running. The next night does it.")
        return {}
    except (OSError, SQLAlchemyError, pl.exceptions.PolarsError) as error:
        context.log.warning(
            "Old files of the lake in %s could not be merged or deleted: %s. The next night tries again.",
            place.lake.root,
            error,
        )
        return {}
