"""`db backup`: a copy of warehouse and lake that belong together.

Belongs here: the order of copying. The lake keeps what it replaces for two more days, so the objects that are copied
after warehouse and manifest were read are all that these name, whatever a night does meanwhile.
"""

import shutil
from contextlib import suppress
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from pipeline import database
from pipeline.errors import ConfigError
from pipeline.settings import Settings

MANIFEST = "_manifest.json"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--lake-only", is_flag=True, help="Copy the lake alone, after a dump of PostgreSQL.")
def backup(folder: Path, lake_only: bool) -> None:
    """Copy the warehouse and then the lake into FOLDER; a night may go on meanwhile.

    A second backup into the same FOLDER copies only the lake's new objects, and deletes none.
    """
    settings = Settings.load()
    lake = settings.lake_root
    if isinstance(lake, str):
        raise ConfigError(
            f"The lake is at {lake}: copy it with the store's own tool (aws s3 sync), after a copy of "
            f"the warehouse. `expansion db backup` copies a folder."
        )
    if folder.resolve().is_relative_to(lake.resolve()):
        raise ConfigError(
            f"{folder} is inside the lake. Name a folder outside it, best on another disk."
        )
    url = make_url(settings.warehouse_url)
    sqlite = url.get_backend_name() == "sqlite"
    if _live(folder, lake, url.database if sqlite and not lake_only else None):
        raise ConfigError(
            f"{folder} holds the warehouse or the lake itself. Name another folder, best on another disk."
        )
    if not (sqlite or lake_only):
        raise ConfigError(
            "The warehouse is PostgreSQL: dump it first (pg_dump --format=custom), then type: "
            f"expansion db backup --lake-only {folder}"
        )
    manifest = _manifest(lake)
    folder.mkdir(parents=True, exist_ok=True)
    if sqlite and not lake_only:
        size = _warehouse(settings.warehouse_url, folder / "warehouse.db")
        click.echo(f"{folder / 'warehouse.db'}: {size:,} bytes.")
    (folder / "lake").mkdir(exist_ok=True)
    copied, kept = _objects(lake, folder / "lake")
    (folder / "lake" / MANIFEST).write_bytes(manifest)
    click.echo(f"{folder / 'lake'}: {copied} objects copied, {kept} were there.")


def _live(folder: Path, lake: Path, warehouse: str | None) -> bool:
    """Whether the copy would be written over, into or around what is to be copied."""
    copy, source = (folder / "lake").resolve(), lake.resolve()
    if copy.is_relative_to(source) or source.is_relative_to(copy):
        return True
    return (
        bool(warehouse) and (folder / "warehouse.db").resolve() == Path(warehouse or "").resolve()
    )


def _warehouse(url: str, target: Path) -> int:
    """One state of a SQLite warehouse, written beside `target` and then put in its place; its bytes."""
    new = target.with_suffix(".new")
    new.unlink(missing_ok=True)
    source = database.engine(url)
    raw = source.raw_connection()
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(new),))
    finally:
        raw.close()
        source.dispose()
    new.replace(target)
    return target.stat().st_size


def _manifest(lake: Path) -> bytes:
    try:
        return (lake / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"The lake at {lake} has no {MANIFEST}: nothing has run yet, so there is nothing to copy."
        ) from None


def _objects(source: Path, target: Path) -> tuple[int, int]:
    """How many objects were copied, and how many were there: an object never changes."""
    copied = kept = 0
    for path in sorted(source.rglob("*.parquet")):
        to = target / path.relative_to(source)
        if to.exists():
            kept += 1
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        part = to.with_name(f"{to.name}.part")
        # One may go while this runs: it was replaced days ago.
        with suppress(FileNotFoundError):
            shutil.copy2(path, part)
            part.replace(to)
            copied += 1
    return copied, kept
