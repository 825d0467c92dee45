"""Lists of one Stripe account, read by several chains of pages at once.

Belongs here: paging. Does not belong here: how fast (`pipeline.sources.limits`), which ranges (`slices`), what a page
holds (`records`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import quote

import msgspec
import orjson

from pipeline.errors import SourceError
from pipeline.sources.protocol import Clock
from pipeline.sources.stripe.client import StripeClient
from pipeline.sources.stripe.refusals import CursorGone, Missing
from pipeline.sources.stripe.slices import PAGE, Slice, Slices
from pipeline.sources.stripe.typed import Typed, told

CHAINS = 8
"""Pages of one list under way at once: enough for 25 requests a second at a third of a second each."""

Params = Mapping[str, str | int | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Listed:
    """One page as it came."""

    observed_at: datetime
    """The start of the request."""
    objects: list[Any]
    more: bool


class _Page(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    has_more: bool | None = None


PAGES = msgspec.json.Decoder(_Page).decode
TakePage = Callable[[Slice, Listed], Awaitable[None]]


class Reader:
    """Reads pages with one client.

    Args:
        client: an open client.
        clock: the present.
    """

    def __init__(self, client: StripeClient, clock: Clock) -> None:
        self.client = client
        self.clock = clock

    async def page(self, path: str, params: Params, typed: Typed | None = None) -> Listed:
        """One page of a list; its objects as records already where they fit `typed`.

        Raises:
            SourceError: the answer is no list, or one that has no end.
        """
        observed_at = self.clock()
        answer = await self.client.get(path, params, PAGES)
        if answer.data is None:
            raise SourceError(
                f"Stripe at {self.client.base} answered {path} without a list. Try again later."
            )
        # Stripe renders every field of an object, set or not: one of a page the long way finds those that nobody knows.
        objects = [read(each, typed if at else None) for at, each in enumerate(answer.data)]
        more = bool(answer.has_more)
        last = cursor_of(objects)
        if more and (last is None or last == params.get("starting_after")):
            raise SourceError(
                f"Stripe at {self.client.base} pages {path} without an end. Try again later."
            )
        return Listed(observed_at, objects, more)

    async def pages(
        self, path: str, params: Params, most: int | None = None
    ) -> AsyncIterator[Listed]:
        """Every page of a list, newest first, one after the other; the first `most` where that is given."""
        asked: dict[str, Any] = {**params, "limit": PAGE}
        for number in count(1):
            try:
                listed = await self.page(path, asked)
            except CursorGone:
                del asked["starting_after"]
                listed = await self.page(path, asked)
            yield listed
            if not listed.more or number == most:
                return
            asked["starting_after"] = cursor_of(listed.objects)

    async def sliced(
        self,
        path: str,
        params: Params,
        slices: Slices,
        take: TakePage,
        typed: Typed | None = None,
    ) -> None:
        """Read all slices of a list; `take` gets each page, and notes it in `slices`."""
        moved = asyncio.Event()

        async def chain() -> None:
            while not slices.done:
                slice_ = slices.take()
                if slice_ is None:
                    await moved.wait()
                    continue
                while slice_ in slices.busy:
                    try:
                        listed = await self.page(path, {**params, **slice_.params}, typed)
                    except CursorGone:
                        # Deleted, or aged out, since its page was read: what was read since then comes again.
                        if not slice_.begin_again():
                            raise
                        continue
                    await take(slice_, listed)
                    moved.set()
                    moved.clear()

        async with asyncio.TaskGroup() as chains:
            for _ in range(CHAINS):
                chains.create_task(chain())

    async def completed(self, holder: Any, name: str, expand: tuple[str, ...]) -> None:
        """Replace a list inside an object that Stripe cut at ten by the whole of it."""
        listing = holder.get(name) if isinstance(holder, dict) else None
        if not isinstance(listing, dict) or not listing.get("has_more") or not listing.get("url"):
            return
        params: Params = {"expand": expand} if expand else {}
        data = [
            each
            async for listed in self.pages(str(listing["url"]), params)
            for each in listed.objects
        ]
        holder[name] = {**listing, "data": data, "has_more": False}

    async def one(self, path: str, id_: str, params: Params) -> Listed:
        """One object by its id, as a page; an empty one where Stripe has it no more."""
        observed_at = self.clock()
        try:
            found = await self.client.get(f"{path}/{quote(id_, safe='')}", params)
        except Missing:
            return Listed(observed_at, [], more=False)
        return Listed(observed_at, [found], more=False)


def cursor_of(objects: list[Any]) -> str | None:
    """The id of the last object of a page: where the next one begins."""
    last = told(objects[-1], "id") if objects else None
    return last if isinstance(last, str) and last else None


def read(body: msgspec.Raw, typed: Typed | None) -> Any:
    """An object of a page: as its record where it fits, else as plain values; null where it is no JSON."""
    found = None if typed is None else typed.read(body)
    if found is not None:
        return found
    try:
        return orjson.loads(memoryview(body))
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        return None
