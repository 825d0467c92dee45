"""`_manifest.json`: the ledger as a file beside the objects, from which it can be rebuilt.

Belongs here: the file's shape. It is derived: nothing reads it while the database is there.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, insert, select

from pipeline.database import generation, lake_object
from pipeline.errors import PipelineError
from pipeline.lake import ledger
from pipeline.lake.storage import Storage

NAME = "_manifest.json"
VERSION = 1


def write(storage: Storage, connection: Connection) -> None:
    """Write the live rows and the generations of `connection` to `storage`."""
    rows: Sequence[Row[Any]] = ledger.live(connection)
    content = {
        "version": VERSION,
        "generations": {row.name: row.number for row in connection.execute(select(generation))},
        "objects": [
            {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 - documented
            for row in rows
        ],
    }
    storage.put_text(NAME, orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


def restore(storage: Storage, connection: Connection, needed: Collection[str] | None = None) -> int:
    """Replace the ledger by what the file says; returns how many objects are live.

    Args:
        storage: where the lake is.
        connection: of the caller's transaction.
        needed: the tables whose objects must be there, by default all; of others, those that are gone are left out.

    Raises:
        PipelineError: there is no manifest, or an object that it names is gone; the ledger stays as it was.
    """
    path = storage.at(NAME)
    try:
        content = orjson.loads(storage.get(NAME))
    except FileNotFoundError:
        raise PipelineError(
            f"{path} does not exist. Restore it with the lake's files, then try again."
        ) from None
    sizes = storage.sizes([row["path"] for row in content["objects"]])
    there = [row for row in content["objects"] if sizes[row["path"]] is not None]
    kept = {row["path"] for row in there}
    gone = [row for row in content["objects"] if row["path"] not in kept]
    refuse_gone(
        [row["path"] for row in gone if needed is None or row["table_name"] in needed], path
    )
    connection.execute(delete(lake_object))
    connection.execute(delete(generation))
    # What another version noted beside this is left out; what it did not know has its default.
    names = {column.name for column in lake_object.c}
    known = [{name: row[name] for name in row if name in names} for row in there]
    rows = [{**row, "created_at": datetime.fromisoformat(row["created_at"])} for row in known]
    if rows:
        connection.execute(insert(lake_object), rows)
    for name, number in content["generations"].items():
        connection.execute(insert(generation).values(name=name, number=number))
    return len(rows)


def refuse_gone(paths: Sequence[str], named_by: object) -> None:
    """Refuse to go on where objects that cannot be made anew are gone.

    Raises:
        PipelineError: `paths` is not empty.
    """
    if paths:
        raise PipelineError(
            f"{len(paths)} objects that {named_by} names are gone, the first is {paths[0]}. "
            f"Restore them from a backup; the ledger stays as it was."
        )
