"""One HubSpot portal as a source: every night everything, archived objects too.

Belongs here: the order in which lists are read, and when each stream is drained. Listing everything needs no
watermark, sees deletions, and has no cap (search stops at 10,000).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pipeline.errors import SourceError
from pipeline.settings import Settings
from pipeline.sources.background import Out, drawn
from pipeline.sources.hubspot import records
from pipeline.sources.hubspot.associations import Associations
from pipeline.sources.hubspot.chains import Chains, Take, in_turn
from pipeline.sources.hubspot.client import HubSpotClient
from pipeline.sources.hubspot.examination import Examined, examined
from pipeline.sources.hubspot.listing import Listed, Lister
from pipeline.sources.hubspot.refusals import NotAllowed
from pipeline.sources.hubspot.streams import (
    OWNERS,
    PAGE,
    PIPELINES,
    ObjectList,
    Wanted,
    missing,
    object_lists,
    properties_of,
)
from pipeline.sources.limits import Patience
from pipeline.sources.protocol import Clock, Cursors, Drained, Extent, Json, Page, Resume, unix

Pages = Out[Page | Drained]


class HubSpotSource:
    """One HubSpot portal.

    Args:
        key: a service key.
        api_base: in place of https://api.hubapi.com.
        wanted: what is read beside the standard properties.
        requests_per_second: at most, whatever HubSpot allows; null: what HubSpot allows.
        patience: how often a request is repeated.

    Raises:
        SourceError: there is no key.
    """

    name = "hubspot"
    account = ""
    settings = None

    def __init__(
        self,
        key: str | None,
        api_base: str | None = None,
        *,
        wanted: Wanted | None = None,
        requests_per_second: float | None = None,
        patience: Patience | None = None,
    ) -> None:
        if not key:
            raise SourceError(
                "HUBSPOT_SERVICE_KEY is not set. Create a Service Key in HubSpot and write it into .env."
            )
        self.wanted = wanted or Wanted()
        self.client = partial(HubSpotClient, key, api_base, requests_per_second, patience)

    @classmethod
    def of(cls, settings: Settings, patience: Patience | None = None) -> "HubSpotSource":
        """The portal that the settings name.

        Raises:
            SourceError: they hold no key.
        """
        key = settings.hubspot_service_key
        return cls(
            key.get_secret_value() if key else None,
            settings.hubspot_api_base,
            wanted=Wanted.of(settings.config, alone=not settings.salesforce_connected),
            patience=patience,
        )

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        """Everything, each night; see `pipeline.sources.protocol.Source`."""
        del extent, resume
        return drawn(partial(self._pull, cursors, clock))

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        """Nothing: every night lists everything that there is."""
        del wanted, clock
        return iter(())

    def examined(self) -> Examined:
        """What a sync would find, by a few requests.

        Raises:
            SourceError: something cannot be read without which no sync goes.
        """

        async def look() -> Examined:
            async with self.client() as client:
                return await examined(client, self.wanted)

        return asyncio.run(look())

    async def _pull(self, cursors: Cursors, clock: Clock, out: Pages) -> None:
        cursor = {"synced_at": unix(clock())}
        async with self.client() as client:
            night = Night(client, clock, out, cursor, self.wanted)
            company, deal, *contact = object_lists(self.wanted)
            # The first answer tells whether the key is good, and how fast this app may ask.
            company = await night.within(company, self.wanted.required)
            async with asyncio.TaskGroup() as streams:
                streams.create_task(night.objects(company))
                streams.create_task(night.deals(deal))
                for each in contact:
                    streams.create_task(night.contacts(each, known="contact" in cursors))
                streams.create_task(night.owners())
                streams.create_task(night.pipelines())


class Night:
    """One portal's lists while they are read.

    Args:
        client: an open client.
        clock: the present.
        out: where pages go.
        cursor: what is noted of each stream.
        wanted: what is read beside the standard properties.
    """

    def __init__(
        self, client: HubSpotClient, clock: Clock, out: Pages, cursor: Json, wanted: Wanted
    ) -> None:
        self.client, self.clock, self.out, self.cursor = client, clock, out, cursor
        self.wanted = wanted

    async def objects(self, listed: ObjectList) -> None:
        """A list of objects: what is archived first, so that what is restored meanwhile is seen."""
        await self._archived(listed)
        kept = records.of_list(listed)
        await self._chains(listed, partial(self.put, listed.stream, kept))
        await self.drained(listed.stream)

    async def deals(self, listed: ObjectList) -> None:
        """Deals, and meanwhile which companies they belong to."""
        listed = await self.within(listed)
        await self._archived(listed)
        kept = records.of_list(listed)
        async with asyncio.TaskGroup() as tasks:
            put = partial(self.put, "association", records.association)
            associations = Associations(self.client, self.clock, put, tasks)

            async def take(page: Listed) -> None:
                await self.put(listed.stream, kept, page)
                associations.add(page.objects)

            await self._chains(listed, take)
            associations.rest()
        await self.drained(listed.stream)
        await self.drained("association")

    async def contacts(self, listed: ObjectList, *, known: bool) -> None:
        """Contacts' e-mails; a key that never saw any does without, one that did must go on seeing them."""
        try:
            await self.objects(await self.within(listed))
        except NotAllowed:
            if known:
                raise
            await self._notice(
                "The key in HUBSPOT_SERVICE_KEY may not read contacts: customers are not linked by their e-mail "
                "address. Grant it crm.objects.contacts.read in HubSpot to change that.",
                listed.stream,
            )

    async def owners(self) -> None:
        """Owners, departed ones too."""
        kept = records.owner if self.wanted.keep_names else records.owner_without_address
        for archived in ("true", "false"):
            lister = self._lister(OWNERS, {"limit": PAGE, "archived": archived})
            await in_turn(lister, partial(self.put, "owner", kept))
        await self.drained("owner")

    async def pipelines(self) -> None:
        """Pipelines of deals with their stages."""
        lister = self._lister(PIPELINES, {})
        await in_turn(lister, partial(self.put, "pipeline", records.pipeline))
        await self.drained("pipeline")

    async def _archived(self, listed: ObjectList) -> None:
        """What is archived, by its ids."""
        if listed.archived:
            params: dict[str, str | int] = {"limit": PAGE, "archived": "true"}
            params["properties"] = "hs_object_id"
            put = partial(self.put, listed.stream, records.archived)
            await in_turn(self._lister(listed.path, params), put)

    async def _chains(self, listed: ObjectList, take: Take) -> None:
        lister = self._lister(listed.path, {**listed.params, "archived": "false"})
        await Chains(lister, take, int(listed.params["limit"])).read()

    async def within(
        self, listed: ObjectList, required: frozenset[str] = frozenset()
    ) -> ObjectList:
        """The list without the properties that the portal does not have, or hides; they are named in a notice."""
        answer = await self.client.ask(properties_of(listed.kind))
        known = {each.get("name") for each in answer["results"] if isinstance(each, dict)}
        absent = missing(listed, known, required)
        if absent:
            await self._notice(
                f"HubSpot has no property {', '.join(absent)} of {listed.kind}, or hides it from the key: it is left "
                f"out.",
                listed.stream,
            )
        return listed.within(known)

    def _lister(self, path: str, params: Mapping[str, str | int]) -> Lister:
        return Lister(self.client, self.clock, path, params)

    async def put(self, stream: str, kept: records.Kept, listed: Listed) -> None:
        """Hand over a page, when there is room."""
        await self.out.room()
        page = records.page(stream, listed.observed_at, listed.objects, kept)
        self.out.put(replace(page, most=self.client.pace.per_second))

    async def drained(self, stream: str) -> None:
        """Say that everything of a stream was listed."""
        await self.out.room()
        self.out.put(Drained(stream, self.cursor, whole=True))

    async def _notice(self, said: str, stream: str) -> None:
        await self.out.room()
        self.out.put(Page(stream, self.clock(), (), 0, notices=(said,)))
