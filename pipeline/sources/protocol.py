"""What a source is: it pulls pages of records, and says when a stream is drained.

Belongs here: the words that sources and landing share.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec
import orjson

Json = dict[str, Any]
Extent = Literal["changes", "listing", "everything"]
"""How much is read: what changed since the last sync (a source may list when it is due), also what there is now, or
also what was ever."""
EXTENTS: tuple[Extent, ...] = ("changes", "listing", "everything")
Clock = Callable[[], datetime]
Cursors = Mapping[str, Mapping[str, Any]]
"""Stream -> where its next sync goes on."""


class Unstorable(Exception):
    """An object that came as JSON and cannot be written as such: it is nested too deeply."""


def compact(content: Json) -> bytes:
    """Compact JSON with sorted keys.

    Raises:
        Unstorable: it cannot be written.
    """
    try:
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise Unstorable(str(error)) from None


class Record(msgspec.Struct, frozen=True, gc=False):
    """One object as received, within the allow-list."""

    id: str
    created: int | None
    """Unix seconds; null where the source says none."""
    payload: bytes
    """Compact JSON with sorted keys."""
    hash: str
    api_version: str
    previous_keys: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, content: Json, *, api_version: str, created: int | None, previous: Json | None = None
    ) -> "Record":
        """The record of `content`, which is already within the allow-list and has an `id`.

        Raises:
            Unstorable: it is no JSON that can be written.
        """
        keys = None if previous is None else tuple(sorted(previous))
        payload = compact(content)
        return cls.read(content["id"], payload, created, api_version, keys)

    @classmethod
    def read(  # what it consists of
        cls,
        id_: str,
        payload: bytes,
        created: int | None,
        api_version: str,
        previous_keys: tuple[str, ...] | None = None,
    ) -> "Record":
        """The record of a `payload`, which is already within the allow-list."""
        content = hashlib.blake2b(payload, digest_size=16).hexdigest()
        return cls(id_, created, payload, content, api_version, previous_keys)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An object that cannot be stored, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """What one request returned."""

    stream: str
    observed_at: datetime
    """The start of the request."""
    records: tuple[Record, ...]
    listed: int
    """Objects in the answer, those outside the streams included."""
    rejected: tuple[Rejection, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    """What the source sends that this version does not know, by name -> how often; never a value of a field."""
    left: Any = None
    """What of the stream is unread after this page, as plain values; null: it can only be read from its start."""
    told_by: str | None = None
    """Stream whose records tell of these objects too (at `data.object.id`): where one of them is newer than the last
    record, a record is stored again though its content is known."""
    expected: int | None = None
    """About how many objects of the stream are still to come; null: nobody can say."""
    most: float | None = None
    """Requests a second that the stream's endpoint lets through at present; null: nobody can say."""
    notices: tuple[str, ...] = ()
    """Sentences for the operator about what was asked for and is not there; never a name or an address of anybody."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Every event of [start, end) is known."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Drained:
    """Everything of the stream was pulled; the next sync goes on from `cursor`."""

    stream: str
    cursor: Mapping[str, Any]
    covered: Covered | None = None
    whole: bool = False
    """Everything that there is now was listed, whatever was known."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a sync that was interrupted goes on."""

    watermark: datetime
    """When it began."""
    drained: frozenset[str]
    """Streams that are not read again."""
    left: Mapping[str, Any]
    """Stream -> the last page's `left`."""


class Source(Protocol):
    """One account of one source."""

    @property
    def name(self) -> str:
        """stripe, hubspot, salesforce or file."""

    @property
    def account(self) -> str:
        """The account in the source; empty for the key's own."""

    @property
    def settings(self) -> str | None:
        """What its records depend on: an interrupted sync under others is not gone on with. Null: none ever is."""

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        """Pull what is new; each stream ends with `Drained`.

        Args:
            cursors: the cursors of the last complete sync; empty at the first.
            clock: the present; its first value is the sync's watermark, unless it goes on with an earlier one.
            extent: how much, at least.
            resume: where an interrupted sync goes on; null: from the start.

        Raises:
            SourceError: the source cannot be read.
        """
        ...

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        """Ask for objects by their ids; what does not exist any more comes as a rejection.

        Args:
            wanted: stream -> ids; streams of which objects cannot be asked for are left out.
            clock: the present.

        Raises:
            SourceError: the source cannot be read.
        """
        ...


def unix(instant: datetime) -> int:
    """Whole seconds since 1970."""
    return int(instant.timestamp())


def instant(seconds: int) -> datetime:
    """The instant of Unix seconds, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
