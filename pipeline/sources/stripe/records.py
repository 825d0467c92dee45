"""What Stripe's objects become: records within the allow-list, each object by itself.

Belongs here: from a page of objects to a page of records; nothing is dropped without a reason that is counted.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pipeline.sources.protocol import Json, Page, Record, Rejection, Unstorable, compact
from pipeline.sources.stripe.client import API_VERSION
from pipeline.sources.stripe.expansions import Found, take_apart
from pipeline.sources.stripe.filtering import Filter
from pipeline.sources.stripe.streams import COUPONS, EVENTS
from pipeline.sources.stripe.typed import Typed, created, told


class Records:
    """The records of one sync.

    Args:
        keep_names: keep customers' names and e-mails.
    """

    def __init__(self, *, keep_names: bool) -> None:
        self._filter = Filter(keep_names=keep_names)
        self._embedded: dict[tuple[str, str], int] = {}
        self._listed_coupons: set[str] = set()
        self._typed: dict[str, Typed] = {}

    def typed(self, stream: str) -> Typed:
        """What reads the usual objects of a stream."""
        if stream not in self._typed:
            self._typed[stream] = Typed(self._filter.node(stream))
        return self._typed[stream]

    def of_list(
        self,
        stream: str,
        observed_at: datetime,
        objects: Sequence[Any],
        left: Any = None,
        api_version: str = API_VERSION,
    ) -> list[Page]:
        """The page of `stream`, and what stood inside its objects: discounts, and coupons that no list shows."""
        records, rejected = [], []
        found = Found()
        for each in objects:
            id_ = _id(each)
            if not id_:
                rejected.append(Rejection("", f"a {stream} without an id"))
                continue
            if stream == COUPONS.name:
                self._listed_coupons.add(id_)
            try:
                records.append(self._record(stream, each, api_version, found))
            except Unstorable as error:
                rejected.append(Rejection(id_, str(error)))
        unlisted = [
            each for each in found.coupons.values() if each["id"] not in self._listed_coupons
        ]
        embedded = {"discount": found.discounts.values(), COUPONS.name: unlisted}
        inside = [self._inside(name, observed_at, new) for name, new in embedded.items()]
        unknown = self._filter.taken()
        page = Page(
            stream, observed_at, tuple(records), len(objects), tuple(rejected), unknown, left
        )
        # The page itself comes last: when it is noted as read, what stood inside it is there.
        return [*(each for each in inside if each.listed), page]

    def _record(self, stream: str, each: Any, api_version: str, found: Found) -> Record:
        """An object's record; what stands inside it is `found`."""
        if isinstance(each, Record):
            return each
        take_apart(each, found)
        kept = self._filter.kept(each, stream)
        return Record.of(kept, api_version=api_version, created=created(each))

    def _inside(self, name: str, observed_at: datetime, objects: Iterable[Json]) -> Page:
        """Objects that stood inside others and say something new; marked, as they say less than a list does."""
        records, rejected = [], []
        for each in objects:
            try:
                content = hash(compact(each))
                if self._embedded.get((name, each["id"])) == content:
                    continue
                self._embedded[name, each["id"]] = content
                marked = {**self._filter.kept(each, name), "embedded": True}
                records.append(Record.of(marked, api_version=API_VERSION, created=created(each)))
            except Unstorable as error:
                rejected.append(Rejection(each["id"], str(error)))
        listed = len(records) + len(rejected)
        return Page(name, observed_at, tuple(records), listed, tuple(rejected))

    def of_events(self, observed_at: datetime, objects: Sequence[Any], left: Any = None) -> Page:
        """The page of events about what is kept at all."""
        records, rejected = [], []
        for each in objects:
            data = each.get("data") if isinstance(each, dict) else None
            about = data.get("object") if isinstance(data, dict) else None
            name = about.get("object") if isinstance(about, dict) else None
            if not _id(each) or not isinstance(name, str):
                rejected.append(Rejection(_id(each) or "", "an event without an id or an object"))
            elif self._filter.knows(name):
                try:
                    records.append(self._event(each, each["data"], name))
                except Unstorable as error:
                    rejected.append(Rejection(each["id"], str(error)))
        unknown = self._filter.taken()
        return Page(
            EVENTS.name, observed_at, tuple(records), len(objects), tuple(rejected), unknown, left
        )

    def _event(self, event: Json, data: Json, name: str) -> Record:
        kept: Json = {"object": self._filter.kept(data["object"], name)}
        previous = data.get("previous_attributes")
        if isinstance(previous, dict):
            kept["previous_attributes"] = self._filter.kept(previous, name)
        content = self._filter.kept({**event, "data": None}, EVENTS.name)
        content = dict.fromkeys(("id", "object", "type", "created", "api_version")) | content
        return Record.of(
            {**content, "data": kept},
            api_version=str(event.get("api_version") or ""),
            created=created(event),
            previous=kept.get("previous_attributes"),
        )


def _id(value: Any) -> str | None:
    found = told(value, "id")
    return found if isinstance(found, str) and found else None
