"""Which streams Stripe has, and how each is listed: as data.

Source of the order and of what is expanded: docs/sync.md.
"""

from dataclasses import dataclass, field


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
    filters: dict[str, str] = field(default_factory=dict)
    embedded: tuple[Embedded, ...] = ()
    windowed: bool = False
    """A weekly listing begins some weeks before the last sync: older objects change only when an event says so."""
    open_lists: tuple[dict[str, str], ...] = ()
    """Filters that find what can still change, however old."""

    @property
    def params(self) -> dict[str, str | int | tuple[str, ...]]:
        """What every list of the stream is asked with."""
        return {**self.filters, **({"expand": self.expand} if self.expand else {})}

    @property
    def one(self) -> dict[str, str | int | tuple[str, ...]]:
        """What a single object is asked with."""
        expand = tuple(each.removeprefix("data.") for each in self.expand)
        return {"expand": expand} if expand else {}


EVENTS = Stream("event", "/v1/events")
COUPONS = Stream("coupon", "/v1/coupons", expand=("data.applies_to", "data.currency_options"))
LISTS = (
    Stream("customer", "/v1/customers"),
    Stream("product", "/v1/products"),
    Stream("price", "/v1/prices", expand=("data.tiers", "data.currency_options")),
    Stream("promotion_code", "/v1/promotion_codes"),
    Stream(
        "subscription",
        "/v1/subscriptions",
        expand=("data.discounts", "data.discounts.source.coupon", "data.items.data.discounts"),
        filters={"status": "all"},
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
)
"""Every list but those of events and coupons."""
