"""A look at a portal: whether everything that a night reads can be read, and what a night costs.

Belongs here: a few requests, one to each list. Does not belong here: what is said of them (`pipeline.cli.doctor`).
"""

from dataclasses import dataclass
from math import ceil

from pipeline.errors import SourceError
from pipeline.sources.hubspot import associations
from pipeline.sources.hubspot.client import HubSpotClient
from pipeline.sources.hubspot.records import id_of
from pipeline.sources.hubspot.refusals import NotAllowed
from pipeline.sources.hubspot.streams import (
    BATCH,
    OWNERS,
    PIPELINES,
    ObjectList,
    Wanted,
    missing,
    object_lists,
    properties_of,
)
from pipeline.sources.protocol import Json

ONCE = 12
"""Requests of a night whatever there is: properties, ends of lists, owners, pipelines."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What there is.

    Attributes:
        absent: properties that the portal does not have, or hides, as `companies.industry`.
        contacts: whether contacts can be read; null: they are not asked for.
        per_second: requests a second that this app may make.
        left_today: requests that are left today; null: HubSpot does not say.
        night: about how many requests a night makes; null: nobody can say.
    """

    absent: tuple[str, ...]
    contacts: bool | None
    per_second: float
    left_today: int | None
    night: int | None


async def examined(client: HubSpotClient, wanted: Wanted) -> Examined:
    """Ask for a little of everything.

    Args:
        client: an open client.
        wanted: what is read beside the standard properties.

    Raises:
        SourceError: something cannot be read without which no sync goes; says what to do.
    """
    company, deal, *contact = object_lists(wanted)
    absent = await _looked(client, company, wanted.required) + await _looked(client, deal)
    contacts = None
    for each in contact:
        try:
            absent += await _looked(client, each)
            contacts = True
        except NotAllowed:
            contacts = False
    await client.ask(OWNERS, {"limit": 1})
    await client.ask(PIPELINES)
    await _associated(client, deal)
    lists = [company, deal, *(contact if contacts else ())]
    night = await _requests(client, lists)
    return Examined(tuple(absent), contacts, client.pace.per_second, client.left_today, night)


async def _looked(
    client: HubSpotClient, listed: ObjectList, required: frozenset[str] = frozenset()
) -> list[str]:
    """The properties that a list lacks; one object of it is read."""
    answer = await client.ask(properties_of(listed.kind))
    known = {each.get("name") for each in answer["results"] if isinstance(each, dict)}
    absent = missing(listed, known, required)
    await client.ask(listed.path, {**listed.within(known).params, "limit": 1})
    return [f"{listed.kind}.{each}" for each in absent]


async def _associated(client: HubSpotClient, deal: ObjectList) -> None:
    """The companies of one deal, where there is any."""
    answer = await client.ask(deal.path, {"limit": 1})
    ids: list[Json] = [{"id": id_of(each)} for each in answer["results"] if id_of(each)]
    if ids:
        await client.ask(associations.PATH, body={"inputs": ids})


async def _requests(client: HubSpotClient, lists: list[ObjectList]) -> int | None:
    """About how many requests a night makes, by what HubSpot's search says there is."""
    requests = ONCE
    for each in lists:
        try:
            answer = await client.ask(f"{each.path}/search", body={"limit": 1})
        except SourceError:
            return None
        total = answer.get("total")
        if not isinstance(total, int):
            return None
        requests += ceil(total / int(each.params["limit"]))
        requests += ceil(total / BATCH) if each.stream == "deal" else 0
    return requests
