"""Landing: what sources pull becomes raw records, coverage and cursors, all shown at once.

Belongs here: one sync from lock to commit, and going on with one that was interrupted. Does not belong here: how a
source pages, or what a record means.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, delete, insert, select

from pipeline.database import reading, table_of
from pipeline.database.engine import lock_ledger
from pipeline.lake import unfinished
from pipeline.lake.incoming import Incoming
from pipeline.lake.lake import Lake
from pipeline.lake.lock import WAIT_SECONDS, held
from pipeline.lake.objects import StagedObject
from pipeline.lake.progress import Meter, Progress
from pipeline.lake.unfinished import Unfinished
from pipeline.schemas import COVERAGE, SOURCE_SYNC
from pipeline.sources.protocol import (
    EXTENTS,
    Clock,
    Drained,
    Extent,
    Page,
    Resume,
    Source,
    instant,
    unix,
)

CHUNK = 24 * 2**20
"""Bytes of payload kept in memory before they are written."""
LOCK = "sync"
FORGOTTEN = timedelta(days=7)
"""A sync that was interrupted longer ago is not gone on with."""
OLD = timedelta(hours=1)
"""After one that began longer ago an ordinary one follows at once."""


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

    @property
    def objects_per_second(self) -> float:
        """How fast its objects came."""
        return self.listed / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What one sync did."""

    sync_ids: tuple[str, ...]
    """One a source."""
    started_at: datetime
    counts: tuple[StreamCount, ...]
    coverage: pl.DataFrame
    """The COVERAGE rows that it added."""
    whole: frozenset[str] = frozenset()
    """Streams of which every source listed everything that there is."""
    examples: tuple[str, ...] = ()
    """The first rejected objects, as `stream id: reason`."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """`stream: field` that this version does not know -> how often it came."""

    @property
    def stored(self) -> int:
        """Records with new content, over all streams."""
        return sum(each.stored for each in self.counts)


Watch = Callable[[Progress], None]


def sync(  # noqa: PLR0913 - what one sync needs, and how it is watched
    lake: Lake,
    engine: Engine,
    sources: Sequence[Source],
    now: datetime,
    run_id: str,
    extent: Extent = "changes",
    progress: Watch | None = None,
    *,
    clock: Clock | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> SyncResult:
    """Pull every source and show what came in one transaction; after an error or a kill nothing of it is seen.

    What was written by then is kept, and the next sync goes on from there; if that began long ago, it then asks for
    what came since. A record is stored when its content differs from what was last stored of the same id.

    Args:
        lake: where records go.
        engine: the warehouse, which holds the cursors.
        sources: what to pull; each is good for one sync.
        now: the sync's instant and watermark.
        run_id: the run, for the lock and the manifest.
        extent: how much is read, at least.
        progress: called after each page.
        clock: the present at each request; by default it stands still at `now`. Pass the live clock where time runs:
            a listing must not claim to be older than it is.
        wait_seconds: how long to wait for another sync.

    Raises:
        LockHeld: another sync is still running after `wait_seconds`.
        SourceError: a source cannot be read.
    """
    watch, present = progress or (lambda _: None), clock or (lambda: now)
    with held(engine, LOCK, run_id, wait_seconds):
        landings = [_begin(lake, engine, source, now, extent) for source in sources]
        for landing in landings:
            landing.take(present, watch)
        found = _show(lake, landings, now, run_id)
        late = [each for each in landings if each.sync.started_at < now - OLD]
        if late:
            again = [_begin(lake, engine, each.source, now, "changes") for each in late]
            for landing in again:
                landing.take(present, watch)
            found = _show(lake, again, now, run_id)
        return found


def fetch(
    lake: Lake,
    engine: Engine,
    source: Source,
    wanted: Mapping[str, Sequence[str]],
    now: datetime,
    run_id: str,
    *,
    clock: Clock | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> tuple[StreamCount, ...]:
    """Ask a source for some objects by their ids, and show them in one transaction; cursors stay.

    Args:
        lake: where records go.
        engine: the warehouse.
        source: what to ask.
        wanted: stream -> ids.
        now: the sync's instant.
        run_id: the run, for the lock and the manifest.
        clock: the present at each request; by default it stands still at `now`.
        wait_seconds: how long to wait for another sync.

    Raises:
        LockHeld: another sync is still running after `wait_seconds`.
        SourceError: the source cannot be read.
    """
    with held(engine, LOCK, run_id, wait_seconds):
        fresh = Unfinished(source.name, source.account, _sync_id(), now, "", "changes")
        landing = _Landing(lake, engine, source, fresh, None, [])
        for each in source.fetch(wanted, clock or (lambda: now)):
            landing.add(each)
        landing.write()
        lake.commit(landing.staged, run_id=run_id)
    return _counts([landing])


def _sync_id() -> str:
    return f"sync_{uuid4().hex[:16]}"


def _counts(landings: Sequence["_Landing"]) -> tuple[StreamCount, ...]:
    return tuple(each for landing in landings for each in landing.told())


class _Landing:
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
        self._incoming: dict[str, Incoming] = {}
        self._earlier = [each.path for each in staged]

    def take(self, clock: Clock, watch: Watch) -> None:
        """Pull the source, writing objects that nobody sees yet."""
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
                if each.left is not None:
                    self.sync.left[each.stream] = each.left
                if sum(stream.bytes for stream in self._incoming.values()) >= CHUNK:
                    self.keep()
            else:
                self.sync.drained[each.stream] = _told(each)
            count = self._count(each.stream)
            done = isinstance(each, Drained)
            watch(self.meter.progress(each.stream, count[0], count[1], done=done))
        self.write()

    def add(self, page: Page) -> None:
        """Count what a page has, and keep its records until they are written."""
        count = self._count(page.stream)
        self.meter.page(page)
        count[0] += page.listed
        count[2] += len(page.rejected)
        self.examples += [f"{page.stream} {r.id}: {r.reason}" for r in page.rejected]
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

    def _count(self, stream: str) -> list[int]:
        return self.sync.counts.setdefault(stream, [0, 0, 0, 0])

    def _stream(self, name: str) -> Incoming:
        if name not in self._incoming:
            source = self.source
            mine = [path for path in self._earlier if f"/{source.name}.{name}/" in path]
            self._incoming[name] = Incoming(
                self.lake, source.name, source.account, name, self.sync.sync_id, mine
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
        self.staged += written
        return written

    def keep(self) -> None:
        """Write what waits, and note it together with what is left: from here an interrupted sync goes on."""
        written = self.write()
        if self.source.settings is None:
            return
        with self.engine.begin() as connection:
            lock_ledger(connection)
            unfinished.save(connection, self.sync, written)


def _begin(lake: Lake, engine: Engine, source: Source, now: datetime, extent: Extent) -> _Landing:
    """The source's sync from its start, or from where an earlier one was interrupted."""
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
            return _Landing(lake, engine, source, sync, resume, staged)
        if sync is not None:
            unfinished.drop(connection, sync)
    fresh = Unfinished(source.name, source.account, _sync_id(), now, source.settings or "", extent)
    return _Landing(lake, engine, source, fresh, None, [])


def _show(lake: Lake, landings: Sequence[_Landing], now: datetime, run_id: str) -> SyncResult:
    """Show everything, and forget that it was unfinished."""
    staged = [each for landing in landings for each in landing.staged]
    coverage = _coverage(landings)
    if coverage.height:
        staged.append(lake.write(COVERAGE, coverage))
    counts = _counts(landings)

    def also(connection: Connection) -> None:
        for landing in landings:
            unfinished.forget(connection, landing.sync.source, landing.sync.source_account)
            _replace_cursors(connection, list(_sync_rows(landing)))

    lake.commit(staged, run_id=run_id, also=also)
    examples = tuple(each for landing in landings for each in landing.examples)[:20]
    partly = {
        stream
        for landing in landings
        for stream, told in landing.sync.drained.items()
        if not told["whole"]
    }
    streams = {stream for landing in landings for stream in landing.sync.drained}
    unknown = {told: n for landing in landings for told, n in landing.sync.unknown.items()}
    return SyncResult(
        tuple(landing.sync.sync_id for landing in landings),
        now,
        counts,
        coverage,
        frozenset(streams - partly),
        examples,
        unknown,
    )


def _told(drained: Drained) -> dict[str, Any]:
    covered = drained.covered
    return {
        "cursor": dict(drained.cursor),
        "covered": None if covered is None else [unix(covered.start), unix(covered.end)],
        "whole": drained.whole,
    }


def _coverage(landings: Sequence[_Landing]) -> pl.DataFrame:
    spans = [
        (landing.sync.source_account, *map(instant, told["covered"]), landing.sync.sync_id)
        for landing in landings
        for told in landing.sync.drained.values()
        if told["covered"] is not None
    ]
    return pl.DataFrame(spans, schema=COVERAGE.schema, orient="row")


def _sync_rows(landing: _Landing) -> Iterator[dict[str, Any]]:
    sync = landing.sync
    for stream, told in sync.drained.items():
        listed, stored, rejected, _ = sync.counts[stream]
        yield {
            "source": sync.source,
            "source_account": sync.source_account,
            "stream": stream,
            "cursor": orjson.dumps(told["cursor"]).decode(),
            "listed": listed,
            "stored": stored,
            "rejected": rejected,
            "started_at": sync.started_at,
            "finished_at": datetime.now(UTC),
            "sync_id": sync.sync_id,
        }


def _cursors(connection: Connection, source: Source) -> Mapping[str, Any]:
    table = table_of(SOURCE_SYNC)
    rows = connection.execute(
        select(table.c.stream, table.c.cursor).where(
            table.c.source == source.name, table.c.source_account == source.account
        )
    )
    return {stream: orjson.loads(cursor) for stream, cursor in rows if cursor}


def _replace_cursors(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    table = table_of(SOURCE_SYNC)
    for row in rows:
        connection.execute(
            delete(table).where(
                *(table.c[name] == row[name] for name in ("source", "source_account", "stream"))
            )
        )
        connection.execute(insert(table).values(**row))
