"""Stripe's list endpoints: their names, what restricts them and which parameters they know.

Belongs here: the table of resources. Does not belong here: paging, rendering, HTTP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.sandbox.web import stripe_errors as refuse
from pipeline.sandbox.web.stripe_index import values_at
from pipeline.sandbox.web.stripe_query import Raw, boolean, bounds, text, texts
from pipeline.sandbox.web.world import Json

Predicate = Callable[[Json], bool]

MAX_EVENT_TYPES = 20
SUBSCRIPTION_STATUSES = (
    "active",
    "canceled",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter of a list: from its raw value to a test on objects."""

    predicate: Callable[[str, Raw], Predicate]
    path: str | None = None
    """Where the value stands, when equality with it is all that is asked: such lists are indexed."""
    ref: str | None = None
    """The type of the object that the value names; it must exist."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One list endpoint and the retrieval beside it."""

    name: str
    """The last part of the address."""
    type: str
    id_param: str
    """What Stripe calls the id when there is no such object."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    default: Predicate | None = None
    """What is left out unless a filter of the name `unless` is given."""
    unless: str = ""
    exclusive: tuple[tuple[str, str], ...] = ()
    days: int | None = None
    """Only the last so many days are there."""


def _split(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def equal(path: str, ref: str | None = None) -> Filter:
    """The value at `path` is this one."""
    names = _split(path)

    def predicate(name: str, raw: Raw) -> Predicate:
        wanted = text(name, raw)
        return lambda obj: any(value == wanted for value in values_at(obj, names))

    return Filter(predicate, path, ref)


def choice(path: str, *choices: str) -> Filter:
    """The value at `path` is this one of `choices`."""
    names = _split(path)

    def predicate(name: str, raw: Raw) -> Predicate:
        wanted = text(name, raw)
        if wanted not in choices:
            raise refuse.not_one_of(name, choices)
        return lambda obj: any(value == wanted for value in values_at(obj, names))

    return Filter(predicate)


def flag(test: Predicate) -> Filter:
    """`test` is true or false, as asked."""

    def predicate(name: str, raw: Raw) -> Predicate:
        wanted = boolean(name, raw)
        return lambda obj: test(obj) is wanted

    return Filter(predicate)


def between(path: str) -> Filter:
    """A time at `path` lies in the range."""
    names = _split(path)

    def predicate(name: str, raw: Raw) -> Predicate:
        low, high = bounds(name, raw)

        def holds(value: int | None) -> bool:
            return (
                value is not None
                and (low is None or value >= low)
                and (high is None or value <= high)
            )

        return lambda obj: any(holds(value) for value in values_at(obj, names))

    return Filter(predicate)


def member(path: str) -> Filter:
    """The value at `path` is one of an array."""
    names = _split(path)

    def predicate(name: str, raw: Raw) -> Predicate:
        wanted = frozenset(texts(name, raw))
        return lambda obj: any(value in wanted for value in values_at(obj, names))

    return Filter(predicate)


def _subscription_status(name: str, raw: Raw) -> Predicate:
    wanted = text(name, raw)
    choices = (*SUBSCRIPTION_STATUSES, "all", "ended")
    if wanted not in choices:
        raise refuse.not_one_of(name, choices)
    if wanted == "all":
        return lambda obj: True
    if wanted == "ended":
        return lambda obj: obj["status"] in {"canceled", "incomplete_expired"}
    return lambda obj: bool(obj["status"] == wanted)


def _event_type(name: str, raw: Raw) -> Predicate:
    wanted = text(name, raw)
    if wanted.endswith("*"):
        return lambda obj: str(obj["type"]).startswith(wanted[:-1])
    return lambda obj: bool(obj["type"] == wanted)


def _event_types(name: str, raw: Raw) -> Predicate:
    wanted = frozenset(texts(name, raw))
    if len(wanted) > MAX_EVENT_TYPES:
        raise refuse.StripeRefusal(f"You may only specify up to 20 {name}.", param=name)
    return lambda obj: obj["type"] in wanted


def _recurring(name: str, raw: Raw) -> Predicate:
    if not isinstance(raw, dict):
        raise refuse.wrong_shape(name, "hash")
    unknown = [f"{name}[{key}]" for key in raw if key not in {"interval", "meter", "usage_type"}]
    if unknown:
        raise refuse.unknown_parameters(unknown)
    wanted = dict(raw)
    return lambda obj: all((obj.get("recurring") or {}).get(k) == v for k, v in wanted.items())


RESOURCES: Mapping[str, Resource] = {
    resource.name: resource
    for resource in (
        Resource("customers", "customer", "id", {"email": equal("email")}),
        Resource(
            "products",
            "product",
            "id",
            {"active": flag(lambda obj: bool(obj["active"])), "ids": member("id")},
            exclusive=(("ids", "starting_after"), ("ids", "ending_before")),
        ),
        Resource(
            "prices",
            "price",
            "price",
            {
                "active": flag(lambda obj: bool(obj["active"])),
                "currency": equal("currency"),
                "lookup_keys": member("lookup_key"),
                "product": equal("product"),
                "recurring": Filter(_recurring),
                "type": choice("type", "one_time", "recurring"),
            },
        ),
        Resource("coupons", "coupon", "coupon"),
        Resource(
            "promotion_codes",
            "promotion_code",
            "promotion_code",
            {
                "active": flag(lambda obj: bool(obj["active"])),
                "code": equal("code"),
                "coupon": equal("promotion.coupon", "coupon"),
                "customer": equal("customer", "customer"),
            },
        ),
        Resource(
            "subscriptions",
            "subscription",
            "id",
            {
                "collection_method": choice(
                    "collection_method", "charge_automatically", "send_invoice"
                ),
                "current_period_end": between("items.data.current_period_end"),
                "current_period_start": between("items.data.current_period_start"),
                "customer": equal("customer", "customer"),
                "price": equal("items.data.price.id", "price"),
                "status": Filter(_subscription_status),
            },
            default=lambda obj: bool(obj["status"] != "canceled"),
            unless="status",
        ),
        Resource(
            "subscription_schedules",
            "subscription_schedule",
            "id",
            {
                "canceled_at": between("canceled_at"),
                "completed_at": between("completed_at"),
                "customer": equal("customer", "customer"),
                "released_at": between("released_at"),
                "scheduled": flag(lambda obj: bool(obj["status"] == "not_started")),
            },
        ),
        Resource(
            "invoices",
            "invoice",
            "invoice",
            {
                "collection_method": choice(
                    "collection_method", "charge_automatically", "send_invoice"
                ),
                "customer": equal("customer", "customer"),
                "due_date": between("due_date"),
                "status": choice("status", "draft", "open", "paid", "uncollectible", "void"),
                "subscription": equal("parent.subscription_details.subscription", "subscription"),
            },
        ),
        Resource(
            "invoiceitems",
            "invoiceitem",
            "invoiceitem",
            {
                "customer": equal("customer", "customer"),
                "invoice": equal("invoice", "invoice"),
                "pending": flag(lambda obj: obj.get("invoice") is None),
            },
        ),
        Resource(
            "credit_notes",
            "credit_note",
            "id",
            {"customer": equal("customer", "customer"), "invoice": equal("invoice", "invoice")},
        ),
        Resource(
            "events",
            "event",
            "id",
            {
                "delivery_success": flag(lambda obj: True),
                "type": Filter(_event_type),
                "types": Filter(_event_types),
            },
            exclusive=(("type", "types"),),
            days=30,
        ),
    )
}

EMBEDDED: Mapping[tuple[str, str], str] = {
    ("credit_notes", "lines"): "credit_note_line_item",
    ("invoices", "lines"): "line_item",
}
"""(resource, last part of the address) -> type of the elements of the list that it holds."""
