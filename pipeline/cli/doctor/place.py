"""Where the pipeline lives: configuration, warehouse, lake, Dagster.

Belongs here: what is on this machine, and the database.
"""

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from pipeline import database
from pipeline.cli.doctor.finding import Found, bytes_told, tried
from pipeline.errors import ConfigError
from pipeline.lake import Lake
from pipeline.lake.storage import Swept, storage_at
from pipeline.schemas import RAW_RECORD, SOURCE_SYNC
from pipeline.settings import Settings

LITTLE_SPACE = 10**9
"""Bytes: with less the next nights may find no room."""
FRESH = "Freshness"
SILENT = timedelta(minutes=5)
"""A Dagster daemon that lives says so every 30 seconds."""


def looked_at(settings: Settings) -> Iterator[Found]:
    """Configuration, warehouse, lake, Dagster and its schedule; how long ago the last sync was."""
    shown = (
        settings.config_path if settings.config_path.is_file() else "defaults (no pipeline.toml)"
    )
    yield Found("Configuration", "ok", str(shown))
    warehouse = tried("Warehouse", lambda: _warehouse(settings))
    yield warehouse
    yield tried("Lake", lambda: _lake(settings, listed=warehouse.verdict == "ok"))
    dagster = tried("Dagster", lambda: _dagster(settings))
    yield dagster
    if dagster.verdict != "fail":
        yield tried("Schedule", lambda: _schedule(settings))
    if warehouse.verdict == "ok":
        yield tried(FRESH, lambda: _fresh(settings))


def readable(found: Sequence[Found]) -> bool:
    """Whether what was found leaves the warehouse and the lake to be read."""
    verdicts = {each.what: each.verdict for each in found}
    return verdicts["Warehouse"] == "ok" and verdicts["Lake"] != "fail"


def _warehouse(settings: Settings) -> Found:
    url = settings.warehouse_url
    shown = database.shown(url)
    try:
        pending = database.pending(url)
    except OperationalError as error:
        raise ConfigError(
            f"{shown} does not answer ({type(error.orig).__name__}). Check WAREHOUSE_URL."
        ) from None
    if not pending:
        return Found("Warehouse", "ok", shown)
    if make_url(url).get_backend_name() == "sqlite":
        return Found("Warehouse", "note", f"{shown} lacks tables; the next run makes them")
    return Found("Warehouse", "fail", f"{shown} lacks tables. Type: expansion db upgrade")


def _lake(settings: Settings, *, listed: bool) -> Found:
    """The lake's folder; and where the warehouse has its manifest (`listed`), whether every file is there."""
    root = settings.lake_root
    room = "can be written"
    if isinstance(root, Path):
        _write(root, "DATA_DIR")
        free = shutil.disk_usage(root).free
        room = f"{bytes_told(free)} free"
        if free < LITTLE_SPACE:
            return Found("Lake", "note", f"{root}: only {room}. Make room, or set DATA_DIR.")
    storage = storage_at(root)
    if isinstance(storage, Swept):
        storage.probe()
    if not listed:
        return Found("Lake", "ok", f"{root}: {room}")
    engine = database.engine(settings.warehouse_url)
    try:
        live = Lake(root, engine).live()
    finally:
        engine.dispose()
    sizes = storage.sizes([each.path for each in live])
    missing = [path for path, size in sizes.items() if size is None]
    if missing:
        return Found(
            "Lake",
            "fail",
            f"{root}: {len(missing)} of {len(live)} files that the manifest names are missing, the first is "
            f"{missing[0]}. Restore them from a backup.",
        )
    records = sum(each.rows for each in live if each.table == RAW_RECORD.name)
    size = bytes_told(sum(size or 0 for size in sizes.values()))
    return Found(
        "Lake",
        "ok",
        f"{root}: {records:,} raw records; {size} in {len(live):,} files, all there; {room}",
    )


def _write(folder: Path, variable: str) -> None:
    """Make `folder`, and a file in it that is removed at once.

    Raises:
        ConfigError: that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror}. Set {variable}."
        ) from None


def _dagster(settings: Settings) -> Found:
    from pipeline.cli.running import lacking

    home = settings.dagster_home
    _write(home, "DAGSTER_HOME")
    if missing := lacking(home):
        return Found(
            "Dagster",
            "note",
            f"{home / 'dagster.yaml'} lacks settings of this version: {', '.join(missing)}. Move it away, and the next "
            f"start writes this version's; then put back what you changed.",
        )
    return Found("Dagster", "ok", str(home))


def _schedule(settings: Settings) -> Found:
    from pipeline.cli.running import daemon_seen

    schedule = settings.config.schedule
    if not schedule.running:
        return Found("Schedule", "note", "stopped (schedule.running = false): type expansion run")
    seen = daemon_seen(settings.dagster_home)
    if seen and datetime.now(UTC) - seen < SILENT:
        return Found("Schedule", "ok", f"{schedule.nightly}; Dagster's daemon is running")
    since = f"since {seen:%Y-%m-%d %H:%M} UTC" if seen else "yet"
    return Found(
        "Schedule",
        "note",
        f"{schedule.nightly}, but no Dagster daemon has run {since}. Start one, or let cron type "
        f"expansion run (docs/operate.md).",
    )


def _fresh(settings: Settings) -> Found:
    """Whether Stripe was read as lately as the schedule says, whoever starts the nights."""
    from pipeline.assets.watched import between_nights

    last = _last_sync(settings.warehouse_url)
    if last is None:
        return Found(FRESH, "ok", "no sync yet")
    said = f"last sync {last:%Y-%m-%d %H:%M} UTC"
    longest, schedule = between_nights(settings), settings.config.schedule
    if settings.now() - last <= longest:
        return Found(FRESH, "ok", said)
    look = (
        "Look at the last run of sync in Dagster's UI, or type"
        if schedule.running
        else "Dagster's schedule is stopped: let cron type it each night (docs/operate.md), or type now"
    )
    hours = longest // timedelta(hours=1)
    return Found(
        FRESH,
        "note",
        f"{said}: by schedule.nightly ({schedule.nightly}) none is older than {hours} hours. {look}: expansion run",
    )


def _last_sync(url: str) -> datetime | None:
    """When the last complete sync of Stripe began, by the clock that the nights go by; null before the first."""
    table = database.table_of(SOURCE_SYNC)
    engine = database.engine(url)
    try:
        with database.reading(engine) as connection:
            last: datetime | None = connection.scalar(
                select(func.max(table.c.started_at)).where(table.c.source == "stripe")
            )
    finally:
        engine.dispose()
    return last
