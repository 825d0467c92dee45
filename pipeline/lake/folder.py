"""The lake in a folder: a file is written beside its place, flushed to the disk, and renamed.

Belongs here: files. Does not belong here: objects of a bucket (`pipeline.lake.bucket`).
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pipeline.lake.storage import Written

PART = ".part"
"""Suffix of a file that is still being written, or that is about to be deleted."""


class Folder:
    """The files under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, path: str) -> Path:
        """The file."""
        return self.root / path

    def put(self, folder: str, write: Callable[[Path], int]) -> Written:
        """Store what `write` writes; the same content twice is the same file."""
        inside = self.root / folder
        inside.mkdir(parents=True, exist_ok=True)
        part = inside / f"{uuid4().hex}{PART}"
        try:
            rows = write(part)
            digest, size = hashed(part)
            final = inside / f"{digest}.parquet"
            _sync(part)
            part.replace(final)
            _sync(inside)
        finally:
            part.unlink(missing_ok=True)
        return Written(f"{folder}/{final.name}", digest, size, rows)

    def put_text(self, path: str, text: str) -> None:
        """Replace the file by `text`: a reader sees the old one or the new one."""
        final = self.root / path
        final.parent.mkdir(parents=True, exist_ok=True)
        part = final.with_name(f"{final.name}.{uuid4().hex}{PART}")
        try:
            part.write_text(text, encoding="utf-8")
            _sync(part)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)

    def get(self, path: str) -> bytes:
        """What the file holds."""
        return (self.root / path).read_bytes()

    def sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """Bytes of each file; null where there is none."""
        return {path: _size(self.root / path) for path in paths}

    def lost(self, paths: Iterable[str]) -> list[str]:
        """None: who deletes files gives a young one its name back (`set_aside`)."""
        del paths
        return []

    def retired(self, paths: Sequence[str]) -> None:
        """A file's time is when it was written or retired."""
        for path in paths:
            with suppress(OSError):  # it is committed, whatever becomes of old files
                os.utime(self.root / path)


def hashed(path: Path) -> tuple[str, int]:
    """The hash of a file's content, and its bytes."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        return digest, content.tell()


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


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
