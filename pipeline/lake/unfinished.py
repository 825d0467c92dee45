"""Where an unfinished sync stands, so that the next one goes on from there.

Belongs here: the rows of `sync_progress`, and the objects that were written and are not shown. They change in one
transaction, so that what was read and what is kept of it never differ.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Connection, delete, insert, select

from pipeline.database import sync_progress
from pipeline.lake import ledger
from pipeline.lake.objects import StagedObject
from pipeline.schemas import RAW_RECORD
from pipeline.sources.protocol import Extent, Source


@dataclass(slots=True)
class Unfinished:
    """One source's unfinished sync."""

    source: str
    source_account: str
    sync_id: str
    started_at: datetime
    """Its watermark."""
    settings: str
    """What its records depend on."""
    extent: Extent
    drained: dict[str, Any] = field(default_factory=dict)
    """Stream -> its new cursor and what it covers."""
    left: dict[str, Any] = field(default_factory=dict)
    """Stream -> what of it is unread, in the source's own words."""
    counts: dict[str, list[int]] = field(default_factory=dict)
    """Stream -> objects listed, stored, rejected, unchanged."""
    unknown: dict[str, int] = field(default_factory=dict)
    """`stream: field` that this version does not know -> how often it came."""


def fresh(source: Source, now: datetime, extent: Extent) -> Unfinished:
    """A sync that begins."""
    sync_id = f"sync_{uuid4().hex[:16]}"
    return Unfinished(source.name, source.account, sync_id, now, source.settings or "", extent)


def load(connection: Connection, source: str, account: str) -> Unfinished | None:
    """The unfinished sync of a source's account."""
    row = connection.execute(
        select(sync_progress).where(
            sync_progress.c.source == source, sync_progress.c.source_account == account
        )
    ).first()
    if row is None:
        return None
    state = orjson.loads(row.state)
    return Unfinished(
        source, account, row.sync_id, row.started_at, row.settings, row.extent, **state
    )


def save(connection: Connection, sync: Unfinished, staged: list[StagedObject]) -> None:
    """Keep where the sync stands together with what it wrote since it last did."""
    forget(connection, sync.source, sync.source_account)
    state = {
        "drained": sync.drained,
        "left": sync.left,
        "counts": sync.counts,
        "unknown": sync.unknown,
    }
    connection.execute(
        insert(sync_progress).values(
            source=sync.source,
            source_account=sync.source_account,
            sync_id=sync.sync_id,
            started_at=sync.started_at,
            settings=sync.settings,
            extent=sync.extent,
            state=orjson.dumps(state).decode(),
        )
    )
    ledger.stage(connection, staged, sync.sync_id)


def written(connection: Connection, sync: Unfinished) -> list[StagedObject]:
    """What the sync wrote so far, in its order."""
    return ledger.staged(connection, RAW_RECORD.name, sync.sync_id)


def drop(connection: Connection, sync: Unfinished) -> None:
    """The sync is not gone on with: what it wrote is orphaned."""
    ledger.unstage(connection, [each.path for each in written(connection, sync)])
    forget(connection, sync.source, sync.source_account)


def drop_all(connection: Connection) -> None:
    """No unfinished sync is gone on with."""
    rows = connection.execute(select(sync_progress.c.source, sync_progress.c.source_account)).all()
    for source, account in rows:
        sync = load(connection, source, account)
        if sync is not None:
            drop(connection, sync)


def forget(connection: Connection, source: str, account: str) -> None:
    """The sync is finished, or is not gone on with."""
    connection.execute(
        delete(sync_progress).where(
            sync_progress.c.source == source, sync_progress.c.source_account == account
        )
    )
