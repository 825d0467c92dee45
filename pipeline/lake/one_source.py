"""One source's part of a sync: pages become objects of the lake that nobody sees yet.

Belongs here: where it begins or goes on, counting, writing, and noting how far it is. Does not belong here: when what
came is shown (`landing`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select

from pipeline.database import reading, table_of
from pipeline.database.engine import lock_ledger
from pipeline.lake import unfinished
from pipeline.lake.incoming import Incoming
from pipeline.lake.lake import Lake
from pipeline.lake.objects import StagedObject
from pipeline.lake.progress import Meter, Progress
from pipeline.lake.unfinished import Unfinished
from pipeline.lake.vanishing import LISTING, Listed, gone
from pipeline.schemas import SOURCE_SYNC
from pipeline.sources.protocol import EXTENTS, Clock, Drained, Extent, Page, Resume, Source, unix

CHUNK = 24 * 2**20
"""Bytes of payload kept in memory before they are written."""
FORGOTTEN = timedelta(days=7)
"""A sync that was interrupted longer ago is not gone on with."""
Watch = Callable[[Progress], None]


@dataclass(slots=True)
class StreamCount:
    """What became of one stream's objects."""

    source: str
    source_account: str
    stream: str
    listed: int = 0
    """Objects that the source returned."""
    stored: int = 0
    """Records with new content."""
    rejected: int = 0
    """Objects that could not be stored."""
    unchanged: int = 0
    """Records with the content that was stored before."""
    seconds: float = 0.0
    """From the start of the sync to the stream's last page."""

    def plus(self, other: "StreamCount") -> "StreamCount":
        """Both together."""
        return replace(
            self,
            listed=self.listed + other.listed,
            stored=self.stored + other.stored,
            rejected=self.rejected + other.rejected,
            unchanged=self.unchanged + other.unchanged,
            seconds=self.seconds + other.seconds,
        )

    @property
    def objects_per_second(self) -> float:
        """How fast its objects came."""
        return self.listed / self.seconds if self.seconds else 0.0


class Landing:
    """One source's sync."""

    def __init__(
        self,
        lake: Lake,
        engine: Engine,
        source: Source,
        sync: Unfinished,
        resume: Resume | None,
        staged: list[StagedObject],
    ) -> None:
        self.lake, self.engine, self.source, self.sync = lake, engine, source, sync
        self.resume = resume
        self.staged = staged
        self.meter = Meter(source.name)
        self.examples: list[str] = []
        self.notices: list[str] = []
        self._incoming: dict[str, Incoming] = {}
        self._listed: dict[str, Listed] = {}
        self._earlier = [each.path for each in staged]

    def take(self, clock: Clock, watch: Watch) -> None:
        """Pull the source, writing objects that nobody sees yet.

        Raises:
            SourceError: it cannot be read, or lists so little that it is not believed.
        """
        with reading(self.engine) as connection:
            cursors = _cursors(connection, self.source)
        # The watermark is the sync's start; every later look at the clock is the time of a request.
        first = iter((self.sync.started_at,) if self.resume is None else ())
        pulled = self.source.pull(
            cursors, lambda: next(first, None) or clock(), self.sync.extent, self.resume
        )
        for each in pulled:
            if isinstance(each, Page):
                self.add(each)
                if self.source.name in LISTING:
                    self._listed.setdefault(each.stream, Listed()).add(each)
                if each.left is not None:
                    self.sync.left[each.stream] = each.left
                if sum(stream.bytes for stream in self._incoming.values()) >= CHUNK:
                    self.keep()
            else:
                self.sync.drained[each.stream] = _told(each)
            count = self._count(each.stream)
            done = isinstance(each, Drained)
            watch(self.meter.progress(each.stream, count[0], count[1], done=done))
        self._note_gone()
        self.write()

    @property
    def listed(self) -> bool:
        """Whether the source lists everything that there is now, and not only changes."""
        whole = [told["whole"] for stream, told in self.sync.drained.items() if told["lists"]]
        return all(whole)

    def add(self, page: Page) -> None:
        """Count what a page has, and keep its records until they are written."""
        count = self._count(page.stream)
        self.meter.page(page)
        count[0] += page.listed
        count[2] += len(page.rejected)
        self.examples += [f"{page.stream} {r.id}: {r.reason}" for r in page.rejected]
        self.notices += page.notices
        for name, times in page.unknown.items():
            told = f"{page.stream}: {name}"
            self.sync.unknown[told] = self.sync.unknown.get(told, 0) + times
        self._stream(page.stream).add(page)

    def told(self) -> Iterator[StreamCount]:
        """What became of each stream's objects."""
        source, account = self.sync.source, self.sync.source_account
        for stream, (listed, stored, rejected, unchanged) in self.sync.counts.items():
            seconds = self.meter.seconds.get(stream, 0.0)
            yield StreamCount(source, account, stream, listed, stored, rejected, unchanged, seconds)

    def _note_gone(self) -> None:
        """Of streams that a CRM listed as a whole, store as gone what it had and did not list.

        Raises:
            SourceError: so much is missing that the list is not believed.
        """
        if self.source.name not in LISTING or self.resume is not None:
            return
        for stream, told in self.sync.drained.items():
            if not told["whole"]:
                continue
            origin = (self.source.name, self.source.account, stream)
            listed = self._listed.get(stream, Listed()).ids
            believed = self.sync.extent == "everything"
            for page in gone(self.lake, origin, listed, self.sync.started_at, believed=believed):
                self.add(page)

    def _count(self, stream: str) -> list[int]:
        return self.sync.counts.setdefault(stream, [0, 0, 0, 0])

    def _stream(self, name: str) -> Incoming:
        if name not in self._incoming:
            source = self.source
            mine = [path for path in self._earlier if f"/{source.name}.{name}/" in path]
            self._incoming[name] = Incoming(
                self.lake,
                source.name,
                source.account,
                name,
                self.sync.sync_id,
                mine,
                self._written,
            )
        return self._incoming[name]

    def write(self) -> list[StagedObject]:
        """Write what waits; the objects."""
        written = []
        for name, stream in self._incoming.items():
            each = stream.write()
            count = self.sync.counts[name]
            count[3] = stream.unchanged
            if each is not None:
                count[1] += each.rows
                written.append(each)
                self.staged.append(each)
        return written

    def _written(self, stream: str) -> list[str]:
        """Paths of what this sync wrote of a stream."""
        within = f"/{self.source.name}.{stream}/"
        return [each.path for each in self.staged if within in each.path]

    def keep(self) -> None:
        """Write what waits, and note it together with what is left: from here an interrupted sync goes on."""
        written = self.write()
        if self.source.settings is None:
            return
        with self.engine.begin() as connection:
            lock_ledger(connection)
            unfinished.save(connection, self.sync, written)


def begin(lake: Lake, engine: Engine, source: Source, now: datetime, extent: Extent) -> Landing:
    """The source's sync, from its start, or from where an earlier one was interrupted."""
    with engine.begin() as connection:
        lock_ledger(connection)
        sync = unfinished.load(connection, source.name, source.account)
        if sync is not None and (
            sync.settings == source.settings
            and EXTENTS.index(sync.extent) >= EXTENTS.index(extent)
            and now - FORGOTTEN < sync.started_at <= now
        ):
            staged = unfinished.written(connection, sync)
            resume = Resume(sync.started_at, frozenset(sync.drained), dict(sync.left))
            return Landing(lake, engine, source, sync, resume, staged)
        if sync is not None:
            unfinished.drop(connection, sync)
    return Landing(lake, engine, source, unfinished.fresh(source, now, extent), None, [])


def _told(drained: Drained) -> dict[str, Any]:
    covered = drained.covered
    return {
        "cursor": dict(drained.cursor),
        "covered": None if covered is None else [unix(covered.start), unix(covered.end)],
        "whole": drained.whole,
        "lists": drained.covered is None,
    }


def _cursors(connection: Connection, source: Source) -> Mapping[str, Any]:
    table = table_of(SOURCE_SYNC)
    rows = connection.execute(
        select(table.c.stream, table.c.cursor).where(
            table.c.source == source.name, table.c.source_account == source.account
        )
    )
    return {stream: orjson.loads(cursor) for stream, cursor in rows if cursor}
