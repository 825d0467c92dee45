"""Landing: what sources pull becomes raw records, coverage and cursors, all shown at once.

Belongs here: one sync from lock to commit. Does not belong here: how a source pages, or what a record means.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, delete, insert, select

from pipeline.database import reading, table_of
from pipeline.lake.lake import Lake
from pipeline.lake.lock import WAIT_SECONDS, held
from pipeline.lake.objects import StagedObject
from pipeline.schemas import COVERAGE, RAW_RECORD, SOURCE_SYNC
from pipeline.sources.protocol import Clock, Drained, Page, Source, instant

CHUNK = 20_000
"""Records kept in memory before they are written."""
LOCK = "sync"

Key = tuple[str, str]
"""(source, source account)."""


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


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sync stands, after each page."""

    source: str
    stream: str
    listed: int
    stored: int
    done: bool


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What one sync did."""

    sync_id: str
    started_at: datetime
    counts: tuple[StreamCount, ...]
    coverage: pl.DataFrame
    """The COVERAGE rows that it added."""
    examples: tuple[str, ...] = ()
    """The first rejected objects, as `stream id: reason`."""

    @property
    def stored(self) -> int:
        """Records with new content, over all streams."""
        return sum(each.stored for each in self.counts)


def sync(  # noqa: PLR0913 - what one sync needs, and how it is watched
    lake: Lake,
    engine: Engine,
    sources: Sequence[Source],
    now: datetime,
    run_id: str,
    full: bool = False,
    progress: Callable[[Progress], None] | None = None,
    *,
    clock: Clock | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> SyncResult:
    """Pull every source and show what came in one transaction; after an error or a kill nothing of it is seen.

    A record is stored when its content differs from what was last stored of the same id.

    Args:
        lake: where records go.
        engine: the warehouse, which holds the cursors.
        sources: what to pull; each is good for one sync.
        now: the sync's instant and watermark.
        run_id: the run, for the lock and the manifest.
        full: list everything, whatever the cursors say.
        progress: called after each page.
        clock: the present at each request; by default it stands still at `now`. Pass the live clock where time runs:
            a listing must not claim to be older than it is.
        wait_seconds: how long to wait for another sync.

    Raises:
        LockHeld: another sync is still running after `wait_seconds`.
        SourceError: a source cannot be read.
    """
    with held(engine, LOCK, run_id, wait_seconds):
        landing = _Landing(lake, f"sync_{uuid4().hex[:16]}", now, progress or (lambda _: None))
        for source in sources:
            with reading(engine) as connection:
                cursors = _cursors(connection, (source.name, source.account))
            landing.take(source, cursors, clock or (lambda: now), full)
        return landing.finish(run_id)


@dataclass(slots=True)
class _Landing:
    lake: Lake
    sync_id: str
    now: datetime
    progress: Callable[[Progress], None]
    counts: list[StreamCount] = field(default_factory=list)
    staged: list[StagedObject] = field(default_factory=list)
    drained: dict[Key, list[Drained]] = field(default_factory=lambda: defaultdict(list))
    examples: list[str] = field(default_factory=list)

    def take(self, source: Source, cursors: Mapping[str, Any], clock: Clock, full: bool) -> None:
        """Pull one source, writing objects that nobody sees yet."""
        # The watermark is `now`; every later look at the clock is the time of a request.
        first = iter((self.now,))
        stream: _Stream | None = None
        for each in source.pull(cursors, lambda: next(first, None) or clock(), full):
            if stream is None:
                stream = _Stream(self, source, each.stream)
            if isinstance(each, Page):
                stream.add(each)
                self.examples += [f"{each.stream} {r.id}: {r.reason}" for r in each.rejected]
            else:
                stream.finish()
                self.drained[source.name, source.account].append(each)
            count = stream.count
            done = isinstance(each, Drained)
            self.progress(Progress(source.name, count.stream, count.listed, count.stored, done))
            stream = None if done else stream

    def finish(self, run_id: str) -> SyncResult:
        """Show everything."""
        coverage = self._coverage()
        if coverage.height:
            self.staged.append(self.lake.write(COVERAGE, coverage))
        rows = list(self._sync_rows())
        self.lake.commit(
            self.staged, run_id=run_id, also=lambda connection: _replace_cursors(connection, rows)
        )
        return SyncResult(
            self.sync_id, self.now, tuple(self.counts), coverage, tuple(self.examples[:20])
        )

    def _coverage(self) -> pl.DataFrame:
        spans = [
            (account, each.covered.start, each.covered.end, self.sync_id)
            for (_, account), drained in self.drained.items()
            for each in drained
            if each.covered is not None
        ]
        return pl.DataFrame(spans, schema=COVERAGE.schema, orient="row")

    def _sync_rows(self) -> Iterable[dict[str, Any]]:
        cursors = {
            (*key, each.stream): each.cursor
            for key, found in self.drained.items()
            for each in found
        }
        for count in self.counts:
            cursor = cursors[count.source, count.source_account, count.stream]
            yield {
                "source": count.source,
                "source_account": count.source_account,
                "stream": count.stream,
                "cursor": orjson.dumps(cursor).decode(),
                "listed": count.listed,
                "stored": count.stored,
                "rejected": count.rejected,
                "started_at": self.now,
                "finished_at": datetime.now(UTC),
                "sync_id": self.sync_id,
            }


class _Stream:
    """One stream of one sync: what was known of it, and the rows to write."""

    def __init__(self, landing: _Landing, source: Source, stream: str) -> None:
        self.landing = landing
        self.partition = f"{source.name}.{stream}"
        self.count = StreamCount(source.name, source.account, stream)
        landing.counts.append(self.count)
        self.known = _known(landing.lake, self.partition, source.account)
        self.rows: list[tuple[Any, ...]] = []

    def add(self, page: Page) -> None:
        """Keep what is new of the page."""
        self.count.listed += page.listed
        self.count.rejected += len(page.rejected)
        for record in page.records:
            if self.known.get(record.id) == record.hash:
                continue
            self.known[record.id] = record.hash
            self.count.stored += 1
            self.rows.append(
                (
                    self.count.source,
                    self.count.source_account,
                    page.stream,
                    record.id,
                    None if record.created is None else instant(record.created),
                    page.observed_at,
                    self.landing.sync_id,
                    record.api_version,
                    None if record.previous_keys is None else list(record.previous_keys),
                    record.payload.decode(),
                    record.hash,
                )
            )
        if len(self.rows) >= CHUNK:
            self.finish()

    def finish(self) -> None:
        """Write what is kept."""
        if self.rows:
            frame = pl.DataFrame(self.rows, schema=RAW_RECORD.schema, orient="row")
            self.landing.staged.append(self.landing.lake.write(RAW_RECORD, frame, self.partition))
            self.rows = []


def _known(lake: Lake, partition: str, account: str) -> dict[str, str]:
    """The hash of the content last stored, by id."""
    if partition not in lake.partitions(RAW_RECORD):
        return {}
    last = (
        lake.scan(RAW_RECORD, [partition])
        .filter(pl.col("source_account") == account)
        .select("id", "hash", "observed_at")
        .sort("observed_at", maintain_order=True)
        .group_by("id", maintain_order=True)
        .agg(pl.col("hash").last())
        .collect()
    )
    return dict(last.iter_rows())


def _cursors(connection: Connection, key: Key) -> dict[str, Any]:
    table = table_of(SOURCE_SYNC)
    rows = connection.execute(
        select(table.c.stream, table.c.cursor).where(
            table.c.source == key[0], table.c.source_account == key[1]
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
