"""One Stripe account as a source: what a sync asks for, and when each stream is drained.

Source of the order: docs/sync.md, "What is read". What is listed from when on is in `plan`.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
    Extent,
    Page,
    Rejection,
    Resume,
    unix,
)
from pipeline.sources.stripe.client import API_VERSION, StripeClient
from pipeline.sources.stripe.named import Named
from pipeline.sources.stripe.plan import EDGE, KEPT, OVERLAP, Plan
from pipeline.sources.stripe.reading import Listed, Reader
from pipeline.sources.stripe.records import Records
from pipeline.sources.stripe.slices import FOUNDED, PAGE, Slice, Slices
from pipeline.sources.stripe.streams import COUPONS, EVENTS, LISTS, Stream
from pipeline.sources.stripe.typed import created, told

GONE = "named by another record, but Stripe has it no more"
OPEN_PAGES = 4
"""Pages of what is still open that a night reads; a listing reads all."""

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

    def ahead(self, clock: Clock) -> timedelta | None:
        """By how much `clock` is ahead of Stripe's, at least; negative if it is behind, null if Stripe is silent."""
        sent = clock()
        date = asyncio.run(self._date())
        if date is None:
            return None
        return max(sent - date, timedelta()) or min(clock() - date, timedelta())

    async def _date(self) -> datetime | None:
        async with self.client() as client:
            return await client.date()

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        """Events since the last watermark, and lists; see `pipeline.sources.protocol.Source`."""
        for together in drawn(partial(self._pull, cursors, clock, extent, resume)):
            yield from together

    async def _pull(
        self, cursors: Cursors, clock: Clock, extent: Extent, resume: Resume | None, out: Pages
    ) -> None:
        resume = resume or Resume(clock(), frozenset(), {})
        async with self.client() as client:
            records = Records(keep_names=self.keep_names)
            plan = Plan(cursors, resume.watermark, extent)
            await _Sync(Reader(client, clock), records, plan, resume, out).run()

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        """Objects by their ids; see `pipeline.sources.protocol.Source`."""
        for together in drawn(partial(self._fetch, wanted, clock)):
            yield from (each for each in together if isinstance(each, Page))

    async def _fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock, out: Pages) -> None:
        async with self.client() as client:
            records, now = Records(keep_names=self.keep_names), clock()
            nothing = Resume(now, frozenset(), {})
            sync = _Sync(Reader(client, clock), records, Plan({}, now, "changes"), nothing, out)
            async with asyncio.TaskGroup() as streams:
                for stream in (COUPONS, *LISTS):
                    streams.create_task(sync.fetch(stream, wanted.get(stream.name, ())))


class _Sync:
    """One account's streams while they are read."""

    def __init__(
        self, reader: Reader, records: Records, plan: Plan, resume: Resume, out: Pages
    ) -> None:
        self.reader = reader
        self.records = records
        self.plan = plan
        self.resume = resume
        self.out = out
        self.named = Named()
        self.coupons_listed = asyncio.Event()

    async def run(self) -> None:
        """Read everything that the plan says."""
        first, drained = self.plan.last is None, self.resume.drained
        async with asyncio.TaskGroup() as streams:
            coupons = streams.create_task(self.coupons())
            if not first:
                # What events name is asked for after them, so that it is not older than they are. It is not kept when
                # a sync is interrupted: one that goes on reads them again.
                await coupons
                await self.events()
                await self.named_ones(COUPONS)
            if first and EVENTS.name not in drained:
                streams.create_task(self.events())
            for stream in LISTS:
                if not first or stream.name not in drained:
                    streams.create_task(self.drain(stream))
        for name in (COUPONS.name, "discount"):
            await self.drained(name)

    async def coupons(self) -> None:
        """The list of coupons. Others wait for it: a coupon inside a discount says less than its list."""
        await self.list(COUPONS)
        self.coupons_listed.set()

    def _slices(self, stream: str, since: int) -> Slices:
        """What is left of a stream, by default everything from `since` on."""
        # Which coupons are listed must be known before the first discount is taken.
        left = None if stream == COUPONS.name else self.resume.left.get(stream)
        return Slices([Slice(since)] if left is None else [Slice.of(state) for state in left])

    async def events(self) -> None:
        """Every event since the last watermark, or as far back as there are any."""
        # What is gone on with later than it began has lost events meanwhile.
        oldest = max(self.plan.watermark, self.reader.clock()) - KEPT
        last = self.plan.last
        start = oldest if last is None else max(last - OVERLAP, oldest)
        slices = (
            self._slices(EVENTS.name, unix(start)) if last is None else Slices([Slice(unix(start))])
        )

        async def take(slice_: Slice, listed: Listed) -> None:
            await self.out.room()
            kept = slices.read(slice_, listed.objects, listed.more)
            if last is not None:
                self.named.note(listed.observed_at, kept)
            page = self.records.of_events(listed.observed_at, kept, slices.left())
            self.out.put([self._measured(EVENTS, page, slices)])

        await self.reader.sliced(EVENTS.path, {}, slices, take)
        known = oldest + EDGE
        begin = known if last is None else max(last, known)
        covered = Covered(begin, self.plan.watermark)
        await self.say(Drained(EVENTS.name, {"watermark": unix(self.plan.watermark)}, covered))

    def _measured(self, stream: Stream, page: Page, slices: Slices) -> Page:
        """A page with how much is to come, and how fast it may."""
        pace = self.reader.client.pace
        most = min(pace.endpoint(stream.path).per_second, pace.overall.per_second)
        # What events told since is not in the records of subscriptions: an old state may be back.
        back = self.plan.last is not None and stream.name == "subscription"
        told_by = EVENTS.name if back else None
        return replace(page, told_by=told_by, expected=slices.expected(), most=most)

    async def drain(self, stream: Stream) -> None:
        """A stream, to its end: its list, what is still open, and what events name."""
        await self.list(stream)
        await self.open_ones(stream)
        await self.named_ones(stream)
        await self.drained(stream.name)

    async def list(self, stream: Stream) -> None:
        """What was created since the plan says."""
        slices = self._slices(stream.name, self.plan.since(stream))

        async def take(slice_: Slice, listed: Listed) -> None:
            await self._complete(stream, listed)
            if stream is not COUPONS:
                await self.coupons_listed.wait()
            await self.out.room()
            kept = slices.read(slice_, listed.objects, listed.more)
            left = slices.left()
            *inside, page = self.records.of_list(stream.name, listed.observed_at, kept, left)
            self.out.put([*inside, self._measured(stream, page, slices)])

        typed = self.records.typed(stream.name)
        await self.reader.sliced(stream.path, stream.params, slices, take, typed)

    async def open_ones(self, stream: Stream) -> None:
        """What can still change, made before the list began."""
        since = self.plan.since(stream)
        most = None if self.plan.listing else OPEN_PAGES
        for each in stream.open_lists if since > FOUNDED else ():
            async for listed in self.reader.pages(stream.path, {**stream.params, **each}, most):
                old = [o for o in listed.objects if (created(o) or 0) < since]
                if not self.plan.listing:
                    # Each would cost requests of its own, every night: events and the next listing bring them.
                    old = [o for o in old if not _cut(stream, o)]
                await self.keep(stream, replace(listed, objects=old))

    async def named_ones(self, stream: Stream) -> None:
        """What events name, made before the list began."""
        since = self.plan.since(stream)
        for shown in self.named.shown(stream.name, since):
            await self.put(
                self.records.of_list(
                    stream.name, shown.observed_at, [shown.content], None, shown.api_version
                )
            )
        await self.fetch(stream, self.named.wanted(stream.name, since))

    async def fetch(self, stream: Stream, ids: Sequence[str]) -> None:
        """Objects by their ids."""
        for start in range(0, len(ids), PAGE):
            asked = (self._one(stream, each) for each in ids[start : start + PAGE])
            await asyncio.gather(*asked)

    async def _one(self, stream: Stream, id_: str) -> None:
        found = await self.reader.one(stream.path, id_, stream.one)
        if found.objects:
            await self.keep(stream, found)
        else:
            gone = Rejection(id_, GONE)
            await self.put([Page(stream.name, found.observed_at, (), 0, (gone,))])

    async def keep(self, stream: Stream, listed: Listed) -> None:
        """Complete and hand over objects that no slice has."""
        await self._complete(stream, listed)
        await self.put(self.records.of_list(stream.name, listed.observed_at, listed.objects))

    async def _complete(self, stream: Stream, listed: Listed) -> None:
        await asyncio.gather(
            *(
                self.reader.completed(each, embedded.name, embedded.expand)
                for embedded in stream.embedded
                for each in listed.objects
                if isinstance(each, dict)
            )
        )

    async def drained(self, stream: str) -> None:
        """Say that everything of a stream was read."""
        await self.say(Drained(stream, self.plan.cursor(stream), None, self.plan.listing))

    async def say(self, drained: Drained) -> None:
        """Hand over that a stream is read."""
        await self.put([drained])

    async def put(self, items: Sequence[Page | Drained]) -> None:
        """Hand over, when there is room."""
        await self.out.room()
        self.out.put([*items])


def _cut(stream: Stream, value: Any) -> bool:
    """Whether a list inside an object goes on elsewhere."""
    return any(told(told(value, each.name), "has_more") for each in stream.embedded)
