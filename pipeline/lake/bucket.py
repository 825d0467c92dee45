"""The lake in a bucket (`s3://`, `gs://`, `az://`): an object is there as a whole or not at all, and is never renamed.

Belongs here: objects of an object store, and what people are told when it refuses. Credentials come from the
environment and never into a text. Does not belong here: files of a folder (`pipeline.lake.folder`).
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import orjson

from pipeline.errors import ConfigError, PipelineError
from pipeline.lake.folder import hashed
from pipeline.lake.storage import Written

try:
    import obstore
    from obstore import exceptions as refusals
    from obstore.store import from_url
except ImportError as error:
    raise ConfigError(
        'DATA_DIR is the address of a bucket, which needs the extra "objectstore". '
        "Install it: pip install 'obstore>=0.12,<0.13'. Or set DATA_DIR to a folder."
    ) from error

AT_ONCE = 16
"""Requests at a time."""
TRIES = 5
RETRIED = timedelta(seconds=60)
"""How long a request is repeated before the store counts as not reachable."""
PROBES = "_doctor"
"""Folder of what `probe` writes."""
RETIRED = "_retired"
"""Folder of notes, one for each commit, of what it replaced: objects of a bucket have no time that can be set."""


class Unreachable(PipelineError, OSError):
    """The store does not do what it was asked for; tried again later it may."""


class Bucket:
    """The objects below the address `root`.

    Raises:
        ConfigError: the address cannot be used.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        with self._told():
            self._store = from_url(
                self.root, retry_config={"max_retries": TRIES, "retry_timeout": RETRIED}
            )

    def at(self, path: str) -> str:
        """The object's address."""
        return f"{self.root}/{path}"

    def put(self, folder: str, write: Callable[[Path], int]) -> Written:
        """Store what `write` writes; it is hashed in a temporary file first, for its name is its content."""
        with TemporaryDirectory(prefix="lake-") as near:
            part = Path(near) / "part"
            rows = write(part)
            digest, size = hashed(part)
            path = f"{folder}/{digest}.parquet"
            with self._told():
                obstore.put(self._store, path, part)
        return Written(path, digest, size, rows)

    def put_text(self, path: str, text: str) -> None:
        """Replace the object by `text`."""
        with self._told():
            obstore.put(self._store, path, text.encode())

    def get(self, path: str) -> bytes:
        """What the object holds."""
        with self._told():
            return bytes(obstore.get(self._store, path).bytes())

    def sizes(self, paths: Sequence[str]) -> dict[str, int | None]:
        """Bytes of each object; null where it is gone."""
        with self._told(), ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(paths, pool.map(self._size, paths), strict=True))

    def lost(self, paths: Iterable[str]) -> list[str]:
        """Which objects are gone: written again while `delete_old` deleted them as old ones."""
        return [path for path, size in self.sizes(list(paths)).items() if size is None]

    def retired(self, paths: Sequence[str]) -> None:
        """A note of what a commit replaced; its own time is when that was."""
        if paths:
            note = f"{RETIRED}/{int(time.time())}-{uuid4().hex}.json"
            self.put_text(note, orjson.dumps(list(paths)).decode())

    def delete_old(
        self, cutoff: float, kept: Collection[str], tables: Collection[str] | None = None
    ) -> int:
        """Delete objects written and retired before `cutoff` (Unix seconds); to be called under the ledger's lock.

        Args:
            cutoff: younger ones stay.
            kept: these stay.
            tables: only objects of these.

        Returns:
            How many were deleted.
        """
        with self._told():
            notes = dict(self._listed(f"{RETIRED}/"))
            spared = set(kept)
            for note, written in notes.items():
                if written >= cutoff:
                    spared.update(orjson.loads(self.get(note)))
            old = [
                path
                for path, written in self._listed()
                if path.endswith(".parquet")
                and written < cutoff
                and path not in spared
                and (tables is None or path.split("/", 1)[0] in tables)
            ]
            past = [] if tables else [note for note, written in notes.items() if written < cutoff]
            if old or past:
                obstore.delete(self._store, old + past)
        return len(old)

    def probe(self) -> None:
        """Write an object, list it and delete it."""
        path = f"{PROBES}/{uuid4().hex}"
        self.put_text(path, "")
        with self._told():
            list(self._listed(f"{PROBES}/"))
            obstore.delete(self._store, path)

    def _listed(self, prefix: str | None = None) -> Iterator[tuple[str, float]]:
        """(path, Unix seconds when it was written) of every object."""
        for page in obstore.list(self._store, prefix):
            for each in page:
                yield str(each["path"]), each["last_modified"].timestamp()

    def _size(self, path: str) -> int | None:
        try:
            return int(obstore.head(self._store, path)["size"])
        except FileNotFoundError:
            return None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the store refuses, in words for people; its own text may hold what it was sent.

        Raises:
            FileNotFoundError: there is no such object.
            ConfigError: address or credentials are wrong.
            Unreachable: the store cannot be reached.
        """
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise ConfigError(
                    f"There is no bucket for {self.root}. Make it, or correct DATA_DIR."
                ) from None
            raise FileNotFoundError(f"{self.root} has no such object.") from None
        except (refusals.PermissionDeniedError, refusals.UnauthenticatedError):
            raise ConfigError(
                f"{self.root} refuses these credentials. They need to list, read, write and delete there."
            ) from None
        except (refusals.BaseError, OSError, ValueError) as error:
            raise Unreachable(
                f"{self.root} cannot be used ({type(error).__name__}): check the address, the region, and that "
                f"credentials of the store are in the environment, as AWS_ACCESS_KEY_ID."
            ) from None
