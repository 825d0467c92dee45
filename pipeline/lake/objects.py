"""Parquet objects on disk: named by their content, never changed, complete or absent.

Belongs here: files. Does not belong here: which of them are live (`pipeline.lake.ledger`).
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import polars as pl

PART = ".part"
"""Suffix of a file that is still being written."""


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
    position: int
    """Its place in the order of commits."""


def write_object(
    root: Path, table: str, partition: str, frame: pl.DataFrame, row_group: int | None = None
) -> StagedObject:
    """Write `frame` as one object under `root`; the same content twice is the same object."""
    folder = root / table / partition
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{uuid4().hex}{PART}"
    try:
        frame.write_parquet(part, compression="zstd", statistics=True, row_group_size=row_group)
        content = part.read_bytes()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
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
        rows=frame.height,
        bytes=len(content),
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


def delete(path: Path) -> bool:
    """Delete the file; False when it was gone already."""
    with suppress(FileNotFoundError):
        path.unlink()
        return True
    return False


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
