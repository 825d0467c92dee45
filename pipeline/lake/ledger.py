"""The manifest in the database: which objects are live, and the generations that only move forward.

Belongs here: the rows of `lake_object` and `generation`, changed inside the caller's transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from pipeline.database import generation, lake_object, sync_progress
from pipeline.errors import StaleGeneration
from pipeline.lake.objects import StagedObject


def number_of(connection: Connection, name: str) -> int:
    """The generation called `name`; 0 before its first bump."""
    found = connection.scalar(select(generation.c.number).where(generation.c.name == name))
    return int(found or 0)


def numbers_of(connection: Connection, prefix: str) -> dict[str, int]:
    """The generations whose name begins with `prefix`."""
    named = generation.c.name.startswith(prefix, autoescape=True)
    rows = connection.execute(select(generation.c.name, generation.c.number).where(named))
    return {name: number for name, number in rows}  # noqa: C416 - rows are no pairs to the type checker


def expect_number(connection: Connection, name: str, number: int) -> None:
    """Hold the caller to the generation that it read.

    Raises:
        StaleGeneration: another run has moved it since.
    """
    current = number_of(connection, name)
    if current != number:
        raise StaleGeneration(
            f"A newer run has replaced the {name} (generation {current}; this run read {number}). "
            f"Nothing of this run was shown. Start it again."
        )


def bump(connection: Connection, name: str) -> int:
    """Move the generation called `name` one further."""
    number = number_of(connection, name) + 1
    move(connection, name, number)
    return number


def move(connection: Connection, name: str, number: int) -> None:
    """Set the generation called `name`."""
    connection.execute(delete(generation).where(generation.c.name == name))
    connection.execute(insert(generation).values(name=name, number=number))


def forget_others(connection: Connection, prefix: str, name: str) -> None:
    """Forget every generation whose name begins with `prefix`, but the one called `name`."""
    others = generation.c.name.startswith(prefix, autoescape=True) & (generation.c.name != name)
    connection.execute(delete(generation).where(others))


def retire(connection: Connection, table: str, partitions: Iterable[str]) -> list[str]:
    """No object of these partitions of a table is live any longer; returns the paths of those that were."""
    mine = (
        lake_object.c.table_name == table,
        lake_object.c.partition.in_(list(partitions)),
        lake_object.c.live,
    )
    paths = list(connection.scalars(select(lake_object.c.path).where(*mine)))
    connection.execute(update(lake_object).where(*mine).values(live=False))
    return paths


def merge(
    connection: Connection, parts: Sequence[str], whole: StagedObject, run_id: str
) -> list[str]:
    """`whole` is live in the place of the last of `parts`; returns the paths that it replaces.

    None, and nothing changes, where a part is not live any more, or another object has the same content.
    """
    rows = connection.execute(
        select(lake_object).where(lake_object.c.path.in_(parts), lake_object.c.live)
    ).all()
    taken = connection.scalar(select(lake_object.c.live).where(lake_object.c.path == whole.path))
    if len(rows) < len(parts) or (taken and whole.path not in parts):
        return []
    connection.execute(update(lake_object).where(lake_object.c.path.in_(parts)).values(live=False))
    connection.execute(delete(lake_object).where(lake_object.c.path == whole.path))
    number, position = (
        max(getattr(row, name) for row in rows) for name in ("generation", "position")
    )
    _insert(connection, [whole], run_id, number, position, shown=True)
    return [path for path in parts if path != whole.path]


def dead(connection: Connection, before: datetime) -> Sequence[str]:
    """The paths that are not live, of objects committed before then."""
    query = select(lake_object.c.path).where(~lake_object.c.live, lake_object.c.created_at < before)
    return connection.scalars(query).all()


def forget(connection: Connection, paths: Sequence[str]) -> None:
    """The ledger knows nothing of these any longer."""
    if paths:
        gone = delete(lake_object).where(lake_object.c.path == bindparam("gone"))
        connection.execute(gone, [{"gone": path} for path in paths])


def stage(connection: Connection, staged: Sequence[StagedObject], run_id: str) -> None:
    """Note objects that are written and not shown yet: `publish` shows them."""
    _insert(connection, staged, run_id, 0, _next_position(connection), shown=False)


def staged(connection: Connection, table: str, run_id: str) -> list[StagedObject]:
    """The objects of a table that a run noted and did not show, in their order."""
    rows = connection.execute(
        select(lake_object)
        .where(
            lake_object.c.table_name == table,
            lake_object.c.run_id == run_id,
            ~lake_object.c.live,
        )
        .order_by(lake_object.c.position)
    )
    return [
        StagedObject(
            row.table_name,
            row.partition,
            row.path,
            row.rows,
            row.bytes,
            row.hash,
            row.share,
            row.shares,
        )
        for row in rows
    ]


def unfinished(connection: Connection) -> set[str]:
    """The paths of what unfinished syncs noted."""
    return set(
        connection.scalars(
            select(lake_object.c.path).join(
                sync_progress, sync_progress.c.sync_id == lake_object.c.run_id
            )
        )
    )


def unstage(connection: Connection, paths: Iterable[str]) -> None:
    """Forget objects that were noted; their files are orphans."""
    noted = delete(lake_object).where(lake_object.c.path == bindparam("noted"), ~lake_object.c.live)
    if rows := [{"noted": path} for path in paths]:
        connection.execute(noted, rows)


def publish(
    connection: Connection, staged: Sequence[StagedObject], run_id: str, number: int
) -> None:
    """Make the objects live; one that is live already keeps its place."""
    partitions = {each.partition for each in staged}
    known = select(lake_object.c.path).where(
        lake_object.c.live, lake_object.c.partition.in_(partitions)
    )
    shown = set(connection.scalars(known))
    new: dict[str, StagedObject] = {}
    for each in staged:
        if each.path not in shown:
            new.setdefault(each.path, each)
    position = _next_position(connection)
    unstage(connection, new)
    _insert(connection, list(new.values()), run_id, number, position, shown=True)


def _next_position(connection: Connection) -> int:
    return int(connection.scalar(select(func.max(lake_object.c.position))) or 0) + 1


def _insert(
    connection: Connection,
    objects: Sequence[StagedObject],
    run_id: str,
    number: int,
    position: int,
    *,
    shown: bool,
) -> None:
    """Note the objects, the first of them at `position`."""
    rows = [
        {
            "path": each.path,
            "table_name": each.table,
            "partition": each.partition,
            "rows": each.rows,
            "bytes": each.bytes,
            "hash": each.hash,
            "run_id": run_id,
            "generation": number,
            "created_at": datetime.now(UTC),
            "position": place,
            "live": shown,
            "share": each.share,
            "shares": each.shares,
        }
        for place, each in enumerate(objects, start=position)
    ]
    if rows:
        connection.execute(insert(lake_object), rows)


def live(
    connection: Connection, table: str | None = None, partitions: Iterable[str] | None = None
) -> Sequence[Row[tuple[object, ...]]]:
    """The live rows in the order they were committed."""
    query = select(lake_object).where(lake_object.c.live).order_by(lake_object.c.position)
    if table is not None:
        query = query.where(lake_object.c.table_name == table)
    if partitions is not None:
        query = query.where(lake_object.c.partition.in_(list(partitions)))
    return connection.execute(query).all()
