"""Engines for SQLite and PostgreSQL under which a read-then-write never loses an update.

Belongs here: connecting. SQLite runs in WAL mode with a busy timeout, and every transaction is BEGIN IMMEDIATE unless
it is opened by `reading`; the recipe is SQLAlchemy's own for pysqlite ("Serializable isolation / Savepoints").
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from pipeline.errors import ConfigError

BUSY_TIMEOUT_SECONDS = 60
LEDGER_LOCK = 0x45585041
"""Key of the PostgreSQL advisory lock under which the ledger changes; any constant would do."""


def engine(url: str) -> Engine:
    """An engine for the warehouse at `url`; makes the folder of a SQLite file.

    Raises:
        ConfigError: `url` is no address of a database that is supported.
    """
    try:
        parsed = _with_driver(make_url(url))
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"WAREHOUSE_URL cannot be used ({type(error).__name__}). Write sqlite:///data/warehouse.db or "
            f"postgresql://user:password@host/database."
        ) from None


def shown(url: str) -> str:
    """The address of a database, for people: without a password, wherever it stands, and without options."""
    return make_url(url).set(query={}).render_as_string()


@contextmanager
def reading(source: Engine) -> Iterator[Connection]:
    """A connection that only reads, all of it as of one moment; it neither waits for a writer nor keeps one out."""
    options = (
        {"isolation_level": "REPEATABLE READ"}
        if source.dialect.name == "postgresql"
        else {"sqlite_begin": "DEFERRED"}
    )
    with source.connect().execution_options(**options) as connection:
        yield connection


def scrub(source: Engine) -> None:
    """Leave nothing of deleted rows in a SQLite file and its log. PostgreSQL does so by itself, in its own time."""
    if source.dialect.name != "sqlite":
        return
    raw = source.raw_connection()
    try:
        for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            raw.cursor().execute(statement)
    finally:
        raw.close()


def lock_ledger(connection: Connection) -> None:
    """Keep other writers of the ledger out until the transaction ends; BEGIN IMMEDIATE does so on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LEDGER_LOCK})


def _with_driver(url: URL) -> URL:
    return (
        url.set(drivername="postgresql+psycopg")
        if url.drivername in {"postgres", "postgresql"}
        else url
    )


def _sqlite(url: URL) -> Engine:
    if url.database not in {None, "", ":memory:"}:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(made, "connect", _on_connect)
    event.listen(made, "begin", _on_begin)
    return made


def _on_connect(connection: Any, _record: object) -> None:
    # The driver must not begin transactions of its own; _on_begin does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {kind}")
