"""Landing: what sources pull becomes raw records, coverage and cursors, all shown at once.

Belongs here: one sync from lock to commit. Does not belong here: one source's part of it (`one_source`), how a source
pages, or what a record means.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, delete, insert

from pipeline.database import table_of
from pipeline.lake import unfinished
from pipeline.lake.lake import Lake
from pipeline.lake.lock import WAIT_SECONDS, held
from pipeline.lake.one_source import Landing, StreamCount, Watch, begin
from pipeline.schemas import COVERAGE, SOURCE_SYNC
from pipeline.sources.protocol import Clock, Extent, Source, instant

LOCK = "sync"
OLD = timedelta(hours=1)
"""After one that began longer ago an ordinary one follows at once."""


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
    notices: tuple[str, ...] = ()
    """What the sources say to the operator."""

    @property
    def stored(self) -> int:
        """Records with new content, over all streams."""
        return sum(each.stored for each in self.counts)

    def followed_by(self, other: "SyncResult") -> "SyncResult":
        """What both did."""
        counts = {(e.source, e.source_account, e.stream): e for e in self.counts}
        for each in other.counts:
            key = (each.source, each.source_account, each.stream)
            counts[key] = counts[key].plus(each) if key in counts else each
        return SyncResult(
            (*self.sync_ids, *other.sync_ids),
            self.started_at,
            tuple(counts.values()),
            pl.concat([self.coverage, other.coverage]),
            self.whole | other.whole,
            (*self.examples, *other.examples),
            dict(Counter(self.unknown) + Counter(other.unknown)),
            (*self.notices, *other.notices),
        )


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
        landings = [begin(lake, engine, source, now, extent) for source in sources]
        for landing in landings:
            landing.take(present, watch)
        found = _show(lake, landings, now, run_id)
        late = [each for each in landings if each.sync.started_at < now - OLD]
        if late:
            again = [begin(lake, engine, each.source, now, "changes") for each in late]
            for landing in again:
                landing.take(present, watch)
            found = found.followed_by(_show(lake, again, now, run_id))
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
        landing = Landing(lake, engine, source, unfinished.fresh(source, now, "changes"), None, [])
        for each in source.fetch(wanted, clock or (lambda: now)):
            landing.add(each)
        landing.write()
        lake.commit(landing.staged, run_id=run_id)
    return _counts([landing])


def _counts(landings: Sequence[Landing]) -> tuple[StreamCount, ...]:
    return tuple(each for landing in landings for each in landing.told())


def _show(lake: Lake, landings: Sequence[Landing], now: datetime, run_id: str) -> SyncResult:
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
    unknown = sum((Counter(landing.sync.unknown) for landing in landings), Counter())
    return SyncResult(
        tuple(landing.sync.sync_id for landing in landings),
        now,
        counts,
        coverage,
        frozenset(streams - partly),
        examples,
        dict(unknown),
        tuple(each for landing in landings for each in landing.notices),
    )


def _coverage(landings: Sequence[Landing]) -> pl.DataFrame:
    spans = [
        (
            landing.sync.source_account,
            *map(instant, told["covered"]),
            landing.sync.sync_id,
            landing.listed,
        )
        for landing in landings
        for told in landing.sync.drained.values()
        if told["covered"] is not None
    ]
    return pl.DataFrame(spans, schema=COVERAGE.schema, orient="row")


def _sync_rows(landing: Landing) -> Iterator[dict[str, Any]]:
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


def _replace_cursors(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    table = table_of(SOURCE_SYNC)
    for row in rows:
        connection.execute(
            delete(table).where(
                *(table.c[name] == row[name] for name in ("source", "source_account", "stream"))
            )
        )
        connection.execute(insert(table).values(**row))
