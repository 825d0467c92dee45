"""Items that a coroutine makes in a thread of its own, as an ordinary iterator.

Belongs here: the bridge from asynchronous reading to landing, which writes one thing after the other.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")
ROOM = 16
"""Items that may wait to be taken: a slow disk slows the reading, and memory stays small."""
_END = object()


class Out(Generic[T]):
    """Where the coroutine puts its items."""

    def __init__(self, room: int) -> None:
        self._room = asyncio.Semaphore(room)
        self._items: asyncio.Queue[Any] = asyncio.Queue()

    async def room(self) -> None:
        """Wait until one more item may be put. What is done between this and `put` is not interrupted."""
        await self._room.acquire()

    def put(self, item: T) -> None:
        """Hand over an item, for which there is room."""
        self._items.put_nowait(item)

    def end(self) -> None:
        """Nothing more comes."""
        self._items.put_nowait(_END)

    async def take(self) -> Any:
        """The next item; makes room for another one."""
        item = await self._items.get()
        self._room.release()
        return item


def drawn(make: Callable[[Out[T]], Awaitable[None]], room: int = ROOM) -> Iterator[T]:
    """What `make` puts, in its order. Its error is raised here; when nobody draws any more, it is cancelled."""
    with start_blocking_portal() as portal, _unpaused():
        out: Out[T] = portal.call(Out, room)

        async def made() -> None:
            try:
                await make(out)
            finally:
                out.end()

        work = portal.start_task_soon(made)
        try:
            while (item := portal.call(out.take)) is not _END:
                yield item
            work.result()
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            work.cancel()


@contextmanager
def _unpaused() -> Iterator[None]:
    """Leave what is there now out of garbage collection: a full one would stop the reading for tenths of a second."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Of what went wrong at once, one: the others are its consequences."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
