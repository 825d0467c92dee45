"""One Stripe account as a source: what a sync asks for, and when each stream is drained.

Source of the order: docs/sync.md, "Nothing is missed": the watermark first, then events and lists side by side.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pipeline.errors import SourceError
from pipeline.sources.background import Out, drawn
from pipeline.sources.limits import Patience
from pipeline.sources.protocol import (
    Clock,
    Covered,
    Cursors,
    Drained,
    Page,
    Resume,
    instant,
    unix,
)
from pipeline.sources.stripe.client import API_VERSION, StripeClient
from pipeline.sources.stripe.reading import Listed, Reader
from pipeline.sources.stripe.records import Records
from pipeline.sources.stripe.slices import FOUNDED, Slice, Slices
from pipeline.sources.stripe.streams import COUPONS, EVENTS, LISTS, Stream

KEPT = timedelta(days=30)
"""How long Stripe keeps events."""
EDGE = timedelta(hours=1)
"""What may age out of the events while they are drained; nothing older is called covered."""
OVERLAP = timedelta(minutes=15)
"""Objects become visible seconds after their `created`; events are read again so far back."""
LOOKBACK = timedelta(days=40)
"""Invoices are drafts for a while and change: lists begin so long before the last sync."""

Pages = Out[list[Page | Drained]]


class StripeSource:
    """One Stripe account.

    Args:
        key: a secret or restricted key.
        api_base: in place of https://api.stripe.com.
        account: a Connect or organisation account; null for the key's own.
        requests_per_second: over all endpoints; see `StripeClient`.
        keep_names: keep customers' names and e-mails.
        patience: how often a request is repeated.

    Raises:
        SourceError: there is no key.
    """

    name = "stripe"

    def __init__(
        self,
        key: str | None,
        api_base: str | None = None,
        account: str | None = None,
        *,
        requests_per_second: float = 100,
        keep_names: bool = True,
        patience: Patience | None = None,
    ) -> None:
        if not key:
            raise SourceError(
                "STRIPE_API_KEY is not set. Create a restricted key with read permissions at "
                "https://dashboard.stripe.com/apikeys and write it into .env."
            )
        self.account = account or ""
        self.keep_names = keep_names
        self.client = partial(
            StripeClient,
            key,
            base=api_base,
            account=account,
            requests_per_second=requests_per_second,
            patience=patience,
        )

    @property
    def settings(self) -> str:
        """What the records depend on."""
        return f"{API_VERSION} names={self.keep_names}"

    def pull(
        self, cursors: Cursors, clock: Clock, full: bool = False, resume: Resume | None = None
    ) -> Iterator[Page | Drained]:
        """Events since the last watermark, and the lists; see `pipeline.sources.protocol.Source`."""
        for together in drawn(partial(self._pull, cursors, clock, full, resume)):
            yield from together

    async def _pull(
        self, cursors: Cursors, clock: Clock, full: bool, resume: Resume | None, out: Pages
    ) -> None:
        resume = resume or Resume(clock(), frozenset(), {})
        async with self.client() as client:
            records = Records(keep_names=self.keep_names)
            sync = _Sync(Reader(client, clock), records, resume, out)
            # First: a coupon inside a discount says less than its list.
            await sync.list(COUPONS, None)
            async with asyncio.TaskGroup() as streams:
                if EVENTS.name not in resume.drained:
                    streams.create_task(sync.events(cursors.get(EVENTS.name, {})))
                for stream in LISTS:
                    if stream.name not in resume.drained:
                        since = None if full else _since(stream, cursors)
                        streams.create_task(sync.drain(stream, since))
            for name in (COUPONS.name, "discount"):
                await sync.drained(name)


class _Sync:
    """One account's streams while they are read."""

    def __init__(self, reader: Reader, records: Records, resume: Resume, out: Pages) -> None:
        self.reader = reader
        self.records = records
        self.resume = resume
        self.watermark = resume.watermark
        self.out = out

    def _slices(self, stream: str, since: int) -> Slices:
        """What is left of a stream, by default everything from `since` on."""
        # Which coupons are listed must be known before the first discount comes.
        left = None if stream == COUPONS.name else self.resume.left.get(stream)
        return Slices([Slice(since)] if left is None else [Slice.of(state) for state in left])

    async def events(self, cursor: Mapping[str, Any]) -> None:
        """Every event since the last watermark, or as far back as there are any."""
        # What is gone on with later than it began has lost events meanwhile.
        oldest = max(self.watermark, self.reader.clock()) - KEPT
        last = cursor.get("watermark")
        start = oldest if last is None else max(instant(last) - OVERLAP, oldest)
        slices = self._slices(EVENTS.name, unix(start))

        async def take(slice_: Slice, listed: Listed) -> None:
            await self.out.room()
            kept = slices.read(slice_, listed.objects, listed.more)
            self.out.put([self.records.of_events(listed.observed_at, kept, slices.left())])

        await self.reader.sliced(EVENTS.path, {}, slices, take)
        known = oldest + EDGE
        begin = known if last is None else max(instant(last), known)
        covered = Covered(begin, self.watermark)
        await self.drained(EVENTS.name, "watermark", covered)

    async def drain(self, stream: Stream, since: datetime | None) -> None:
        """A list, to its end."""
        await self.list(stream, since)
        await self.drained(stream.name)

    async def list(self, stream: Stream, since: datetime | None) -> None:
        """What was created since then, or ever, and what is still open."""
        slices = self._slices(stream.name, FOUNDED if since is None else unix(since))

        async def take(slice_: Slice, listed: Listed) -> None:
            await self._complete(stream, listed)
            await self.out.room()
            kept = slices.read(slice_, listed.objects, listed.more)
            left = slices.left()
            self.out.put([*self.records.of_list(stream.name, listed.observed_at, kept, left)])

        await self.reader.sliced(stream.path, stream.params, slices, take)
        if since is None:
            return
        for each in stream.open_lists:
            async for listed in self.reader.pages(stream.path, {**stream.params, **each}):
                await self._complete(stream, listed)
                await self.out.room()
                found = self.records.of_list(
                    stream.name, listed.observed_at, listed.objects, slices.left()
                )
                self.out.put([*found])

    async def _complete(self, stream: Stream, listed: Listed) -> None:
        await asyncio.gather(
            *(
                self.reader.completed(each, embedded.name, embedded.expand)
                for embedded in stream.embedded
                for each in listed.objects
                if isinstance(each, dict)
            )
        )

    async def drained(
        self, stream: str, cursor: str = "synced_at", covered: Covered | None = None
    ) -> None:
        """Say that everything of a stream was read."""
        await self.out.room()
        self.out.put([Drained(stream, {cursor: unix(self.watermark)}, covered)])


def _since(stream: Stream, cursors: Cursors) -> datetime | None:
    last = cursors.get(stream.name, {}).get("synced_at")
    return instant(last) - LOOKBACK if stream.windowed and last is not None else None
