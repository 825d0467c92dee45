"""What the machine refuses: a folder, a database or a date, told so that a person can put it right.

Belongs here: the one line for an error that is not the pipeline's own. None means that it is a defect of the program,
whose traceback is wanted.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from pipeline import database
from pipeline.errors import ConfigError, PipelineError
from pipeline.lake.storage import remote
from pipeline.settings import Settings

FIRST_NOW, LAST_NOW = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Instants between which every month of a history can be computed with."""
NUMBER = re.compile(r"\(os error (\d+)\)(?:: (.+))?")
"""How Polars tells an error of the system, and perhaps of which file."""


def explained(error: Exception) -> PipelineError | None:
    """The error as one of ours, if it comes from outside the program."""
    if isinstance(error, DBAPIError):
        # Without a statement it was connecting that failed: an option, or a file that is no database.
        away = isinstance(error, OperationalError | InterfaceError) or error.statement is None
        return _database(error) if away else None
    if isinstance(error, OSError):
        return _system(error)
    return _clock()


@contextmanager
def writing(target: Path | None) -> Iterator[None]:
    """Tell of a place that cannot be written by the name that was typed; null: what is printed.

    Raises:
        PipelineError: it cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        found = NUMBER.search(str(error))
        said = os.strerror(int(found[1])) if found else error.strerror
        named = error.filename or (found and found[2])
        elsewhere = named and not (target and _of(Path(named).absolute(), target.absolute()))
        if said is None or elsewhere:
            raise
        raise PipelineError(
            f"{target} cannot be written: {said}. Check that its folder exists, has room and may be written, or name "
            f"another place with --to."
            if target
            else f"The output cannot be written: {said}. Check where it goes."
        ) from None


def _of(path: Path, target: Path) -> bool:
    """Whether a path is the target, above or within it, or what it is written as until it is whole."""
    part = target.with_name(f".{target.name}.part")
    return path in {target, part} or path in target.parents or target in path.parents


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
