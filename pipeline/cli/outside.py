"""What the machine refuses: a folder, a database or a date, told so that a person can put it right.

Belongs here: the one line for an error that is not the pipeline's own. None means that it is a defect of the program,
whose traceback is wanted.
"""

import re
from datetime import UTC, datetime

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from pipeline import database
from pipeline.errors import ConfigError, PipelineError
from pipeline.lake.storage import remote
from pipeline.settings import Settings

FIRST_NOW, LAST_NOW = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Instants between which every month of a history can be computed with."""


def explained(error: Exception) -> PipelineError | None:
    """The error as one of ours, if it comes from outside the program."""
    if isinstance(error, DBAPIError):
        # Without a statement it was connecting that failed: an option, or a file that is no database.
        away = isinstance(error, OperationalError | InterfaceError) or error.statement is None
        return _database(error) if away else None
    if isinstance(error, OSError):
        return _system(error)
    return _clock()


def _system(error: OSError) -> PipelineError:
    if error.strerror is None and ".parquet" in str(error):
        return _lake(error)
    where = f"{error.filename}: " if error.filename else ""
    return PipelineError(
        f"{where}{error.strerror or type(error).__name__}. Check that the place exists, has room and may be written, "
        f"or set DATA_DIR, DAGSTER_HOME or WAREHOUSE_URL to another one."
    )


def _lake(error: OSError) -> PipelineError:
    """An object that Polars cannot read; its own text may hold what it was sent."""
    try:
        root = Settings.load().lake_root
    except (PipelineError, OverflowError, ValueError):
        root = "DATA_DIR"
    wrong = (
        "an object that the manifest names is gone"
        if isinstance(error, FileNotFoundError)
        else f"an object cannot be read ({type(error).__name__})"
    )
    access = (
        " Check the region, and that credentials of the store are in the environment."
        if remote(root)
        else ""
    )
    return PipelineError(
        f"The lake {root}: {wrong}.{access} Type: expansion doctor. What is gone comes back from a backup "
        f"(docs/operate.md)."
    )


def _database(error: DBAPIError) -> PipelineError:
    said = str(error.orig).strip().partition("\n")[0].rstrip(".")
    where = ""
    try:
        address = Settings.load().warehouse_url
    except (PipelineError, OverflowError):
        pass
    else:
        where = f" (the warehouse is {database.shown(address)})"
        url = make_url(address)
        for secret in (url.password, url.query.get("password")):
            if secret:
                said = said.replace(str(secret), "***")
    said = re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1***@", said)
    return PipelineError(
        f"A database does not answer: {said}{where}. Start it, or check WAREHOUSE_URL and "
        f"Dagster's storage in dagster.yaml; then try again."
    )


def _clock() -> PipelineError | None:
    """That `PIPELINE_NOW` is out of range, if it is."""
    try:
        now = Settings.load().pinned_now
    except OverflowError:
        now = datetime.min.replace(tzinfo=UTC)
    except (PipelineError, ValueError):
        return None
    if now is None or FIRST_NOW <= now < LAST_NOW:
        return None
    return ConfigError(
        f"PIPELINE_NOW is out of range. Write an instant from {FIRST_NOW.year} to {LAST_NOW.year - 1}, "
        f"for example 2026-11-01T06:00:00Z, or unset it."
    )
