"""Parquet objects on disk: named by their content, never changed, complete or absent.

Belongs here: files. Does not belong here: which of them are live (`pipeline.lake.ledger`).
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import polars as pl

PART = ".part"
"""Suffix of a file that is still being written, or that is about to be deleted."""
ROW_GROUP = 10_000
"""Rows of a merged object that are stored together: who reads few of them skips the rest."""


@dataclass(frozen=True, slots=True)
class StagedObject:
    """An object that was written; readers see it once it is committed."""

    table: str
    partition: str
    path: str
    """Relative to the lake's root: `<table>/<partition>/<hash>.parquet`."""
    rows: int
    bytes: int
    hash: str


@dataclass(frozen=True, slots=True)
class LiveObject:
    """An object that readers see."""

    table: str
    partition: str
    path: str
    """Relative to the lake's root."""
    rows: int
    bytes: int
    position: int
    """Its place in the order of commits."""


def write_object(
    root: Path, table: str, partition: str, frame: pl.DataFrame, row_group: int | None = None
) -> StagedObject:
    """Write `frame` as one object under `root`; the same content twice is the same object."""

    def write(part: Path) -> int:
        frame.write_parquet(part, compression="zstd", statistics=True, row_group_size=row_group)
        return frame.height

    return _written(root, table, partition, write)


def merge_objects(root: Path, parts: Sequence[LiveObject], schema: pl.Schema) -> StagedObject:
    """Write one object with the rows of `parts`, of one table and partition, in their order; never all in memory."""
    first = parts[0]
    rows = sum(each.rows for each in parts)

    def write(part: Path) -> int:
        pl.scan_parquet(
            [root / each.path for each in parts],
            schema=schema,
            missing_columns="insert",
            extra_columns="ignore",
        ).sink_parquet(
            part,
            compression="zstd",
            statistics=True,
            row_group_size=ROW_GROUP,
            maintain_order=True,
        )
        return rows

    return _written(root, first.table, first.partition, write)


def _written(root: Path, table: str, partition: str, write: Callable[[Path], int]) -> StagedObject:
    """The object that `write` writes to the path it is given; `write` returns its rows."""
    folder = root / table / partition
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{uuid4().hex}{PART}"
    try:
        rows = write(part)
        with part.open("rb") as content:
            digest = hashlib.file_digest(
                content, lambda: hashlib.blake2b(digest_size=16)
            ).hexdigest()
            size = content.tell()
        final = folder / f"{digest}.parquet"
        _sync(part)
        part.replace(final)
        _sync(folder)
    finally:
        part.unlink(missing_ok=True)
    return StagedObject(
        table=table,
        partition=partition,
        path=final.relative_to(root).as_posix(),
        rows=rows,
        bytes=size,
        hash=digest,
    )


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid4().hex}{PART}")
    try:
        part.write_text(text, encoding="utf-8")
        _sync(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def files(root: Path) -> list[Path]:
    """Every object and unfinished file under `root`."""
    return [path for path in root.glob("*/*/*") if path.suffix in {".parquet", PART}]


def set_aside(path: Path, cutoff: float) -> Path | None:
    """Take away the name of a file last written before `cutoff` (Unix seconds); it is still to be deleted.

    Null, and the file stays, when it was written again meanwhile: the same content has the same name.
    """
    aside = path.with_name(f"{uuid4().hex}{PART}")
    path.rename(aside)
    if aside.stat().st_mtime < cutoff:
        return aside
    aside.rename(path)
    return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
