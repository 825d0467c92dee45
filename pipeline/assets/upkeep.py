"""Upkeep of the lake, at the end of a night: small objects are merged, and what no longer stands is deleted.

Belongs here: when it is done, and that a night does not fail over it.
"""

import dagster as dg
import polars as pl
from sqlalchemy.exc import SQLAlchemyError

from pipeline.assets import evidence
from pipeline.assets.place import Place
from pipeline.lake.compaction import compact


def tidied(context: dg.AssetExecutionContext, place: Place) -> dict[str, int]:
    """Merge and delete; says how many."""
    try:
        until = evidence.decoded_until(place.lake)
        return {
            "objects merged": compact(place.lake, until=until, run_id=context.run.run_id),
            "files deleted": place.lake.collect_orphans(),
        }
    except (OSError, SQLAlchemyError, pl.exceptions.PolarsError) as error:
        context.log.warning(
            "Old files of the lake in %s could not be merged or deleted: %s. The next night tries again.",
            place.lake.root,
            error,
        )
        return {}
