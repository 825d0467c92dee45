"""Brings a database to the tables of this version.

Belongs here: running Alembic from code, on a connection of ours. The revisions are in `migrations/versions`; comments
are not migrated, they are set from the schemas after each upgrade (PostgreSQL). Alembic is imported when it is needed:
Dagster loads this module with the assets, in each of its processes.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.schema import SetColumnComment, SetTableComment

from pipeline.database.engine import engine, lock_ledger, reading
from pipeline.database.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest revision, in one transaction; two at once wait for each other."""
    from alembic import command  # noqa: PLC0415

    target = engine(url)
    try:
        with target.begin() as connection:
            lock_ledger(connection)
            command.upgrade(alembic_config(connection), "head")
            if connection.dialect.supports_comments:
                _comment(connection)
    finally:
        target.dispose()


def pending(url: str) -> bool:
    """Whether the database at `url` lacks a revision of this version."""
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    target = engine(url)
    try:
        with reading(target) as connection:
            current = set(MigrationContext.configure(connection).get_current_heads())
    finally:
        target.dispose()
    return current != set(ScriptDirectory(str(MIGRATIONS)).get_heads())


def alembic_config(connection: Connection | None = None) -> "Config":
    """Alembic's configuration, bound to `connection`."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _comment(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))
