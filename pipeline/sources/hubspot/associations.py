"""Which companies deals belong to: asked for by the thousand, while deals are still being listed.

Belongs here: the batch endpoint and its paging. A deal that belongs to no company is a record as well, with none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.errors import SourceError
from pipeline.sources.hubspot.client import HubSpotClient, no_list
from pipeline.sources.hubspot.listing import Listed, next_after
from pipeline.sources.hubspot.records import id_of
from pipeline.sources.hubspot.streams import BATCH, HUBSPOT_API_VERSION
from pipeline.sources.protocol import Clock, Json

PATH = f"/crm/associations/{HUBSPOT_API_VERSION}/deals/companies/batch/read"
NONE = "OBJECT_NOT_FOUND"
"""What HubSpot says of a deal that belongs to nobody, or is deleted by now."""


class Associations:
    """Asks for the companies of deals.

    Args:
        client: an open client.
        clock: the present.
        put: gets each page of `{"id": deal, "to": [...]}`.
        tasks: where requests run.
    """

    def __init__(
        self,
        client: HubSpotClient,
        clock: Clock,
        put: Callable[[Listed], Awaitable[None]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._client, self._clock, self._put, self._tasks = client, clock, put, tasks
        self._waiting: dict[str, None] = {}

    def add(self, deals: list[Any]) -> None:
        """Ask for these deals, when there are enough of them."""
        self._waiting |= dict.fromkeys(id_ for each in deals if (id_ := id_of(each)) is not None)
        while len(self._waiting) >= BATCH:
            self._ask(list(self._waiting)[:BATCH])

    def rest(self) -> None:
        """Ask for those that wait."""
        if self._waiting:
            self._ask(list(self._waiting))

    def _ask(self, ids: list[str]) -> None:
        for each in ids:
            del self._waiting[each]
        self._tasks.create_task(self._read(ids))

    async def _read(self, ids: list[str]) -> None:
        observed_at = self._clock()
        found: dict[str, list[Any]] = {each: [] for each in ids}
        inputs: list[Json] = [{"id": each} for each in ids]
        while inputs:
            asked = {each["id"]: each.get("after") for each in inputs}
            answer = await self._client.ask(PATH, body={"inputs": inputs}, fault=_fault)
            inputs = []
            for each in answer["results"]:
                deal = str(each["from"]["id"])
                to = each.get("to")
                found.setdefault(deal, []).extend(to if isinstance(to, list) else ())
                after = next_after(each)
                if after is not None and after == asked.get(deal):
                    raise SourceError(
                        f"HubSpot at {self._client.base} pages {PATH} without an end. Try again later."
                    )
                if after is not None:
                    inputs.append({"id": deal, "after": after})
        objects = [{"id": deal, "to": to} for deal, to in found.items()]
        await self._put(Listed(observed_at, objects, None))


def _fault(answer: Json) -> str | None:
    wrong = no_list(answer)
    if wrong is not None:
        return wrong
    for each in answer["results"]:
        source = each.get("from") if isinstance(each, dict) else None
        if id_of(source) is None:
            return "with associations of nothing"
    errors = answer.get("errors")
    categories = {
        each.get("category") if isinstance(each, dict) else None
        for each in (errors if isinstance(errors, list) else ())
    }
    return "with only a part of the associations" if categories - {NONE} else None
