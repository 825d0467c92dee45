"""One delivery at a time.

Belongs here: the lock under which the outbox is emptied. It is given back when its process dies, so whoever holds it
knows that a message marked `sending` was left by somebody who is gone.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

PATIENCE = 60.0
"""Seconds that another delivery is waited for."""
KEY = 0x4558504F
"""Key of the PostgreSQL advisory lock; any constant would do."""
PAUSE = 0.05


@contextmanager
def turn(target: Engine, patience: float = PATIENCE) -> Iterator[bool]:
    """Whether this is the only delivery to `target` while the `with` block lasts.

    Args:
        target: the warehouse whose outbox is emptied.
        patience: seconds that another delivery is waited for.
    """
    if target.dialect.name == "postgresql":
        with _advisory(target, patience) as mine:
            yield mine
    elif target.url.database in {None, "", ":memory:"}:
        yield True
    else:
        with _file(Path(f"{target.url.database}.delivery"), patience) as mine:
            yield mine


@contextmanager
def _advisory(target: Engine, patience: float) -> Iterator[bool]:
    with target.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:

        def taken() -> bool:
            return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": KEY}))

        mine = _waited(taken, patience)
        try:
            yield mine
        finally:
            if mine:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": KEY})


@contextmanager
def _file(path: Path, patience: float) -> Iterator[bool]:
    with path.open("a") as lock:

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield _waited(taken, patience)


def _waited(taken: Callable[[], bool], patience: float) -> bool:
    end = time.monotonic() + patience
    while not taken():
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True
