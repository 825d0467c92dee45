"""`_manifest.json`: the ledger as a file beside the objects, from which it can be rebuilt.

Belongs here: the file's shape. It is derived: nothing reads it while the database is there.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, insert, select

from pipeline.database import generation, lake_object
from pipeline.errors import PipelineError
from pipeline.lake import ledger
from pipeline.lake.objects import write_text

NAME = "_manifest.json"
VERSION = 1


def write(root: Path, connection: Connection) -> None:
    """Write the live rows and the generations of `connection` to `root`."""
    rows: Sequence[Row[Any]] = ledger.live(connection)
    content = {
        "version": VERSION,
        "generations": {row.name: row.number for row in connection.execute(select(generation))},
        "objects": [
            {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 - documented
            for row in rows
        ],
    }
    write_text(root / NAME, orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


def restore(root: Path, connection: Connection, needed: Collection[str] | None = None) -> int:
    """Replace the ledger by what the file says; returns how many objects are live.

    Args:
        root: the lake's folder.
        connection: of the caller's transaction.
        needed: the tables whose objects must be there, by default all; of others, those that are gone are left out.

    Raises:
        PipelineError: there is no manifest, or an object that it names is gone; the ledger stays as it was.
    """
    path = root / NAME
    if not path.is_file():
        raise PipelineError(
            f"{path} does not exist. Restore it with the lake's files, then try again."
        )
    content = orjson.loads(path.read_bytes())
    there = [row for row in content["objects"] if (root / row["path"]).is_file()]
    kept = {row["path"] for row in there}
    gone = [row for row in content["objects"] if row["path"] not in kept]
    refuse_gone(
        [row["path"] for row in gone if needed is None or row["table_name"] in needed], path
    )
    connection.execute(delete(lake_object))
    connection.execute(delete(generation))
    rows = [{**row, "created_at": datetime.fromisoformat(row["created_at"])} for row in there]
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
