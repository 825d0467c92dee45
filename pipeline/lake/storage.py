"""Where the lake's objects are: a folder, or a bucket of an object store.

Belongs here: what the lake needs of a place, and which place an address means. Does not belong here: which objects are
live (`pipeline.lake.ledger`), or what is safe to delete (`pipeline.lake.orphans`).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable


class Written(NamedTuple):
    """An object that is complete and that nobody sees yet."""

    path: str
    """Relative to the lake: `<folder>/<hash>.parquet`."""
    hash: str
    bytes: int
    rows: int


class Storage(Protocol):
    """A place of objects. Paths are relative to it, with `/`."""

    def at(self, path: str) -> Path | str:
        """What Polars reads the object by."""
        ...

    def put(self, folder: str, write: Callable[[Path], int]) -> Written:
        """Store what `write` writes to the file it is given, by the name of its content; `write` returns its rows."""
        ...

    def put_text(self, path: str, text: str) -> None:
        """Replace a file: a reader sees the old one or the new one."""
        ...

    def get(self, path: str) -> bytes:
        """What a file holds.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """Bytes of each object; null where it is gone."""
        ...

    def lost(self, paths: Iterable[str]) -> list[str]:
        """What was written and is gone before it is shown. To be asked for under the ledger's lock."""
        ...

    def retired(self, paths: Sequence[str]) -> None:
        """From now on nobody begins to read these: their grace begins.

        Raises:
            OSError: it could not be noted.
        """
        ...


@runtime_checkable
class Swept(Storage, Protocol):
    """A place that deletes what is old by itself, under the ledger's lock."""

    def delete_old(
        self, cutoff: float, kept: Collection[str], tables: Collection[str] | None = None
    ) -> int:
        """Delete objects written and retired before `cutoff` (Unix seconds) but those `kept`; of `tables`, or all."""
        ...

    def probe(self) -> None:
        """Write an object and delete it.

        Raises:
            PipelineError: that is refused.
        """
        ...


def remote(root: Path | str) -> bool:
    """Whether `root` is the address of a bucket, as `s3://bucket/prefix`."""
    return "://" in str(root)


def storage_at(root: Path | str) -> Storage:
    """The place that `root` means: a folder's path, or the address of a bucket.

    Raises:
        ConfigError: the address cannot be used.
    """
    if remote(root):
        from pipeline.lake.bucket import Bucket  # noqa: PLC0415 - an extra that a folder does not need

        return Bucket(str(root))
    from pipeline.lake.folder import Folder  # noqa: PLC0415 - each place is loaded where it is used

    return Folder(Path(root))
