"""Stripe: which streams there are, how each is listed, and in which order.

Belongs here: the streams as data, and one way of paging. Source of the order: docs/sync.md, "Nothing is missed": the
watermark first, then the events since the last one, then the lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.errors import SourceError
from pipeline.sources.allowlist import allowed, shapes
from pipeline.sources.expansions import Found, take_apart
from pipeline.sources.limits import Patience
from pipeline.sources.protocol import (
    Clock,
    Covered,
    Cursors,
    Drained,
    Json,
    Page,
    Record,
    Rejection,
    instant,
    unix,
)
from pipeline.sources.stripe_client import API_VERSION, Params, StripeClient

PAGE = 100
KEPT = timedelta(days=30)
"""How long Stripe keeps events."""
EDGE = timedelta(hours=1)
"""What may age out of the events while they are drained; nothing older is called covered."""
OVERLAP = timedelta(minutes=15)
"""Objects become visible seconds after their `created`; events are read again so far back."""
LOOKBACK = timedelta(days=40)
"""Invoices are drafts for a while and change: lists begin so long before the last sync."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A list inside an object that Stripe cuts at ten."""

    name: str
    expand: tuple[str, ...] = ()
    """What the pages after the first must be asked to expand; they do not inherit it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One list endpoint."""

    name: str
    path: str
    expand: tuple[str, ...] = ()
    params: dict[str, str] = field(default_factory=dict)
    embedded: tuple[Embedded, ...] = ()
    windowed: bool = False
    """Nights list only what was created since the last sync, less LOOKBACK, and `open_lists`."""
    open_lists: tuple[dict[str, str], ...] = ()
    """Filters that find what can still change, however old."""


EVENTS = Stream("event", "/v1/events")
LISTS = (
    Stream("customer", "/v1/customers"),
    Stream("product", "/v1/products"),
    Stream("price", "/v1/prices", expand=("data.tiers", "data.currency_options")),
    Stream("promotion_code", "/v1/promotion_codes"),
    Stream(
        "subscription",
        "/v1/subscriptions",
        expand=("data.discounts", "data.discounts.source.coupon", "data.items.data.discounts"),
        params={"status": "all"},
        embedded=(Embedded("items", ("data.discounts",)),),
    ),
    Stream("subscription_schedule", "/v1/subscription_schedules"),
    Stream(
        "invoice",
        "/v1/invoices",
        expand=("data.discounts", "data.lines.data.discounts"),
        embedded=(Embedded("lines", ("data.discounts",)),),
        windowed=True,
        open_lists=({"status": "draft"}, {"status": "open"}),
    ),
    Stream(
        "invoiceitem",
        "/v1/invoiceitems",
        expand=("data.discounts",),
        windowed=True,
        open_lists=({"pending": "true"},),
    ),
    Stream("credit_note", "/v1/credit_notes", embedded=(Embedded("lines"),), windowed=True),
    # Last: coupons that are deleted are only seen inside the discounts of the lists before.
    Stream("coupon", "/v1/coupons", expand=("data.applies_to", "data.currency_options")),
)


class StripeSource:
    """One Stripe account.

    Args:
        key: a secret or restricted key.
        api_base: in place of https://api.stripe.com.
        account: a Connect or organisation account; null for the key's own.
        requests_per_second: over all endpoints; one endpoint gets 25, or a quarter of more than 100.
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
        self.shapes = shapes(keep_names=keep_names)
        self.client = StripeClient(
            key,
            base=api_base,
            account=account,
            requests_per_second=requests_per_second,
            patience=patience,
        )

    def pull(self, cursors: Cursors, clock: Clock, full: bool = False) -> Iterator[Page | Drained]:
        """Events since the last watermark, then the lists; see `pipeline.sources.protocol.Source`."""
        watermark = clock()
        try:
            yield from self._events(cursors.get("event", {}), watermark, clock)
            found = Found()
            for stream in LISTS:
                since = None if full else _since(stream, cursors)
                yield from self._list(stream, since, clock, found)
                if stream.name == "coupon":
                    yield self._embedded_page(stream.name, watermark, found.coupons)
                yield Drained(stream.name, {"synced_at": unix(watermark)})
            yield self._embedded_page("discount", watermark, found.discounts)
            yield Drained("discount", {"synced_at": unix(watermark)})
        finally:
            self.client.close()

    def _events(self, cursor: Any, watermark: datetime, clock: Clock) -> Iterator[Page | Drained]:
        oldest = watermark - KEPT
        last = cursor.get("watermark")
        start = oldest if last is None else max(instant(last) - OVERLAP, oldest)
        params: Params = {"created[gte]": unix(start)}
        for observed_at, objects in self._pages(EVENTS.path, params, clock):
            yield self._event_page(observed_at, objects)
        contiguous = last is not None and instant(last) >= oldest + EDGE
        covered = Covered(instant(last) if contiguous else oldest + EDGE, watermark)
        yield Drained(EVENTS.name, {"watermark": unix(watermark)}, covered)

    def _list(
        self, stream: Stream, since: datetime | None, clock: Clock, found: Found
    ) -> Iterator[Page]:
        base: dict[str, Any] = {
            **stream.params,
            **({"expand": stream.expand} if stream.expand else {}),
        }
        filters: list[dict[str, Any]] = [{}]
        if since is not None:
            filters = [{"created[gte]": unix(since)}, *stream.open_lists]
        for each in filters:
            for observed_at, objects in self._pages(stream.path, {**base, **each}, clock):
                yield self._object_page(stream, observed_at, objects, found)

    def _pages(
        self, path: str, params: Params, clock: Clock
    ) -> Iterator[tuple[datetime, list[Any]]]:
        """Every page of a list, newest first; the cursor is the last object's id."""
        asked: dict[str, Any] = {**params, "limit": PAGE}
        while True:
            observed_at = clock()
            answer = self.client.get(path, asked)
            objects = answer.get("data")
            if not isinstance(objects, list):
                raise SourceError(
                    f"Stripe at {self.client.base} answered {path} without a list. Try again later."
                )
            yield observed_at, objects
            if not answer.get("has_more"):
                return
            if (
                not objects
                or _id(objects[-1]) == asked.get("starting_after")
                or not _id(objects[-1])
            ):
                raise SourceError(
                    f"Stripe at {self.client.base} pages {path} without an end. Try again later."
                )
            asked["starting_after"] = _id(objects[-1])

    def _complete(self, embedded: Embedded, holder: Json, clock: Clock) -> None:
        listing = holder.get(embedded.name)
        if not isinstance(listing, dict) or not listing.get("has_more") or not listing.get("url"):
            return
        params: dict[str, Any] = {"expand": embedded.expand} if embedded.expand else {}
        pages = self._pages(str(listing["url"]), params, clock)
        holder[embedded.name] = {
            **listing,
            "data": [each for _, objects in pages for each in objects],
            "has_more": False,
        }

    def _embedded_page(self, name: str, observed_at: datetime, objects: dict[str, Json]) -> Page:
        """The discounts or coupons that stood inside other objects; marked, as they say less than a list does."""
        shape = self.shapes[name]
        records = tuple(
            Record.of(
                {**allowed(each, shape), "embedded": True},
                api_version=API_VERSION,
                created=_created(each),
            )
            for each in objects.values()
        )
        return Page(name, observed_at, records, len(records), ())

    def _object_page(
        self, stream: Stream, observed_at: datetime, objects: list[Any], found: Found
    ) -> Page:
        records, rejected = [], []
        shape = self.shapes[stream.name]
        for each in objects:
            if not _id(each):
                rejected.append(Rejection("", f"a {stream.name} without an id"))
                continue
            for embedded in stream.embedded:
                self._complete(embedded, each, lambda: observed_at)
            take_apart(each, found)
            if stream.name == "coupon":
                found.coupons.pop(each["id"], None)  # its own list says more about it
            records.append(
                Record.of(allowed(each, shape), api_version=API_VERSION, created=_created(each))
            )
        return Page(stream.name, observed_at, tuple(records), len(objects), tuple(rejected))

    def _event_page(self, observed_at: datetime, objects: list[Any]) -> Page:
        records, rejected = [], []
        for each in objects:
            data = each.get("data") if isinstance(each, dict) else None
            if (
                not _id(each)
                or not isinstance(data, dict)
                or not isinstance(data.get("object"), dict)
            ):
                rejected.append(Rejection(_id(each) or "", "an event without an id or an object"))
                continue
            shape = self.shapes.get(str(data["object"].get("object")))
            if shape is not None:
                records.append(_event(each, data, shape))
        return Page(EVENTS.name, observed_at, tuple(records), len(objects), tuple(rejected))


def _event(event: Json, data: Json, shape: Any) -> Record:
    kept: Json = {"object": allowed(data["object"], shape)}
    previous = data.get("previous_attributes")
    if isinstance(previous, dict):
        kept["previous_attributes"] = allowed(previous, shape)
    content = {name: event.get(name) for name in ("id", "object", "type", "created", "api_version")}
    return Record.of(
        {**content, "data": kept},
        api_version=str(event.get("api_version") or ""),
        created=_created(event),
        previous=kept.get("previous_attributes"),
    )


def _since(stream: Stream, cursors: Cursors) -> datetime | None:
    last = cursors.get(stream.name, {}).get("synced_at")
    return instant(last) - LOOKBACK if stream.windowed and last is not None else None


def _id(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None


def _created(value: Json) -> int | None:
    found = value.get("created", value.get("date"))
    return found if isinstance(found, int) and not isinstance(found, bool) else None
