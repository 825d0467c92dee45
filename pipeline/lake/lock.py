"""One sync at a time: a row in the database says who holds the lock and that it lives.

Belongs here: taking, keeping and giving back a named lock. It works the same for two processes on one machine (SQLite)
and for two machines (PostgreSQL).
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from pipeline.database import sync_lock
from pipeline.database.engine import lock_ledger
from pipeline.errors import LockHeld

WAIT_SECONDS = 15 * 60
POLL_SECONDS = 1.0
BEAT_SECONDS = 20.0
DEAD_AFTER = timedelta(minutes=5)
"""An owner that showed no life for so long has died."""


@contextmanager
def held(
    engine: Engine, name: str, run_id: str, wait_seconds: float = WAIT_SECONDS
) -> Iterator[None]:
    """Hold the lock called `name`; waits for another owner, at most `wait_seconds`.

    Raises:
        LockHeld: another owner still has it; names the owner and since when.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{run_id}"
    deadline = time.monotonic() + wait_seconds
    while (other := _take(engine, name, owner)) is not None:
        if time.monotonic() >= deadline:
            since, who = other
            minutes = int((datetime.now(UTC) - since).total_seconds() // 60)
            raise LockHeld(
                f"Another {name} is running: {who}, for {minutes} minutes. "
                f"Nothing was started; wait for it, or end it and try again."
            )
        time.sleep(min(POLL_SECONDS, max(deadline - time.monotonic(), 0.01)))
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(engine, name, owner, stop), daemon=True)
    beats.start()
    try:
        yield
    finally:
        stop.set()
        beats.join()
        with engine.begin() as connection:
            connection.execute(
                delete(sync_lock).where(sync_lock.c.name == name, sync_lock.c.owner == owner)
            )


def _take(engine: Engine, name: str, owner: str) -> tuple[datetime, str] | None:
    """Take the lock; else since when who has it."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        lock_ledger(connection)
        row = connection.execute(select(sync_lock).where(sync_lock.c.name == name)).first()
        if row is not None:
            if now - row.beat_at < DEAD_AFTER and not _died_here(row.owner):
                return row.acquired_at, row.owner
            connection.execute(delete(sync_lock).where(sync_lock.c.name == name))
        connection.execute(
            insert(sync_lock).values(name=name, owner=owner, acquired_at=now, beat_at=now)
        )
    return None


def _died_here(owner: str) -> bool:
    """Whether the owner was a process of this machine that is gone."""
    host, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _beat(engine: Engine, name: str, owner: str, stop: threading.Event) -> None:
    mine = (sync_lock.c.name == name) & (sync_lock.c.owner == owner)
    while not stop.wait(BEAT_SECONDS):
        # A missed beat is no failure: the next one comes long before DEAD_AFTER.
        with suppress(SQLAlchemyError), engine.begin() as connection:
            connection.execute(update(sync_lock).where(mine).values(beat_at=datetime.now(UTC)))
