"""Files that nobody reads any longer: which they are, and their end.

Belongs here: what is safe to delete while others write, commit and read. Does not belong here: what is live
(`pipeline.lake.ledger`).

Which files go is decided under the ledger's lock, and there each loses its name; the bytes are freed without the lock,
which may take long. Nobody can lose anything by it: content has one name, so what is not live may be written again at
any moment, and be committed once the lock is free. Written before the name was taken, it is young, and gets its name
back under the same lock. Written later, it is another file.

Objects of a bucket have no name to lose: they are deleted under the lock, many in one request, and a commit asks under
the same lock whether what it is to show is still there.
"""

import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from pipeline.database.engine import lock_ledger
from pipeline.lake import ledger
from pipeline.lake.folder import PART, Folder, files, set_aside
from pipeline.lake.storage import Storage, Swept
from pipeline.schemas import Table


def collect(
    storage: Storage, engine: Engine, grace: timedelta, tables: Collection[Table] | None = None
) -> int:
    """Delete what is not live, nor was within `grace`; of `tables`, or of all. Returns how many files were deleted.

    Raises:
        OSError: some could not be deleted; all others were.
    """
    cutoff = time.time() - grace.total_seconds()
    names = None if tables is None else {table.name for table in tables}
    if isinstance(storage, Folder):
        return _of_folder(storage.root, engine, cutoff, names)
    if isinstance(storage, Swept):
        return _of_bucket(storage, engine, cutoff, names)
    raise TypeError(type(storage))


def _of_bucket(storage: Swept, engine: Engine, cutoff: float, names: Collection[str] | None) -> int:
    with engine.begin() as connection:
        lock_ledger(connection)
        kept = _kept(connection)
        deleted = storage.delete_old(cutoff, kept, names)
        dead = ledger.dead(connection, datetime.fromtimestamp(cutoff, UTC))
        sizes = storage.sizes(dead)
        ledger.forget(connection, [path for path, size in sizes.items() if size is None])
    return deleted


def _of_folder(root: Path, engine: Engine, cutoff: float, names: Collection[str] | None) -> int:
    old = [
        path
        for path in files(root)
        if (names is None or path.parent.parent.name in names) and _written(path) < cutoff
    ]
    failed: list[OSError] = []
    aside = _aside(root, engine, old, cutoff, failed)
    deleted = 0
    for path, part in aside:
        try:
            part.unlink(missing_ok=True)
            deleted += 1
        except OSError as error:
            failed.append(error)
            part.rename(path)
    if failed:
        raise failed[0]
    return deleted


def _aside(
    root: Path, engine: Engine, old: Iterable[Path], cutoff: float, failed: list[OSError]
) -> list[tuple[Path, Path]]:
    """(name, new name) of each file that was set aside; what could not be is added to `failed`."""
    found = []
    with engine.begin() as connection:
        lock_ledger(connection)
        kept = _kept(connection)
        for path in old:
            if path.suffix != PART and path.relative_to(root).as_posix() in kept:
                continue
            try:
                part = set_aside(path, cutoff)
            except FileNotFoundError:
                continue
            except OSError as error:
                failed.append(error)
            else:
                found += [(path, part)] if part is not None else []
        dead = ledger.dead(connection, datetime.fromtimestamp(cutoff, UTC))
        ledger.forget(connection, [path for path in dead if not (root / path).exists()])
    return found


def _kept(connection: Connection) -> set[str]:
    """What is live, and what unfinished syncs noted."""
    return {str(row.path) for row in ledger.live(connection)} | ledger.unfinished(connection)


def _written(path: Path) -> float:
    """When the file was last written, or touched (Unix seconds); at the end of time where it is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
