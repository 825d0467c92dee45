"""The warehouse: engine, tables made from the schemas, migrations.

Belongs here: how to reach and shape the database. Does not belong here: what is written into it (`pipeline.lake`,
`pipeline.publish`, `pipeline.alerts`).
"""

from pipeline.database.engine import engine, reading, shown
from pipeline.database.migrate import pending, upgrade
from pipeline.database.tables import (
    generation,
    lake_object,
    metadata,
    sync_lock,
    sync_progress,
    table_of,
)

__all__ = [
    "engine",
    "generation",
    "lake_object",
    "metadata",
    "pending",
    "reading",
    "shown",
    "sync_lock",
    "sync_progress",
    "table_of",
    "upgrade",
]
