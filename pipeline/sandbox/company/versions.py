"""Older API versions: an event's payload keeps the version of its creation, so a history holds several.

What belongs here: an endive event rendered as an account of that time received it: what moved, and
what was not there yet. Invoices have shapes of their own (`old_invoices`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.sandbox.company import old_invoices
from pipeline.sandbox.company.events import previous_attributes, state_before

Json = dict[str, Any]

ENDIVE = "2026-10-28.endive"
CLOVER = "2025-11-17.clover"
BASIL = "2025-08-27.basil"
ACACIA = "2025-02-24.acacia"
VERSIONS = (ACACIA, BASIL, CLOVER, ENDIVE)
"""From the oldest to the newest."""

SINCE = {
    "subscription": {
        "billing_mode": BASIL, "billing_schedules": ENDIVE, "customer_account": ENDIVE,
        "managed_payments": ENDIVE, "status_details": ENDIVE,
    },
    "subscription_item": {
        "billed_until": ENDIVE, "current_period_end": BASIL, "current_period_start": BASIL,
        "current_trial": ENDIVE,
    },
    "pending_update": {
        "cancel_at_period_end": ENDIVE, "discount": ENDIVE, "discounts": ENDIVE, "metadata": ENDIVE,
    },
    "discount": {"customer_account": ENDIVE, "source": CLOVER},
    "promotion_code": {"customer_account": ENDIVE, "promotion": CLOVER},
    "customer": {"customer_account": ENDIVE},
    "subscription_schedule": {
        "billing_mode": BASIL, "customer_account": ENDIVE, "pause_schedules": ENDIVE,
    },
}  # fmt: skip
"""Fields by kind of object -> the first of the versions here that has them."""


@dataclass(frozen=True)
class Lookup:
    """The objects that older versions embed where newer ones name them, by id."""

    coupon: Callable[[str], Json]
    discount: Callable[[str], Json]
    price: Callable[[str], Json]


def rendered(event: Json, version: str, lookup: Lookup) -> Json:
    """`event` (endive) in the shape of `version`.

    A subscription whose items end at different times has no shape before basil and stays in that.
    """
    data = event["data"]
    obj = data["object"]
    shape = SHAPES.get(obj.get("object"))
    if version == ENDIVE or shape is None:
        return {**event, "api_version": version}
    before = None
    if "previous_attributes" in data:
        before = state_before(obj, data["previous_attributes"])
    if version == ACACIA and obj["object"] == "subscription":
        both = [obj] if before is None else [obj, before]
        version = BASIL if None in [_period(each) for each in both] else ACACIA
    shown = {"object": shape(obj, version, lookup)}
    if before is not None:
        old = shape(before, version, lookup)
        shown["previous_attributes"] = previous_attributes(old, shown["object"])
    return {**event, "api_version": version, "data": shown}


def _known(obj: Json, kind: str, version: str) -> Json:
    """The fields that the version has."""
    at = VERSIONS.index(version)
    late = {name for name, since in SINCE[kind].items() if VERSIONS.index(since) > at}
    return {name: value for name, value in obj.items() if name not in late}


def _discount(obj: Json, version: str, lookup: Lookup) -> Json:
    """Before clover a discount holds its coupon."""
    old = _known(obj, "discount", version)
    if "source" not in old:
        old["coupon"] = lookup.coupon(obj["source"]["coupon"])
    return old


def _promotion_code(obj: Json, version: str, lookup: Lookup) -> Json:
    old = _known(obj, "promotion_code", version)
    if "promotion" not in old:
        old["coupon"] = lookup.coupon(obj["promotion"]["coupon"])
    return old


def _customer(obj: Json, version: str, lookup: Lookup) -> Json:
    old = _known(obj, "customer", version)
    if old.get("discount"):
        old["discount"] = _discount(old["discount"], version, lookup)
    return old


def _schedule(obj: Json, version: str, _lookup: Lookup) -> Json:
    """Before basil a phase has one coupon beside its discounts."""
    old = _known(obj, "subscription_schedule", version)
    if version == ACACIA:
        old["phases"] = [{**phase, "coupon": _first_coupon(phase)} for phase in obj["phases"]]
    return old


def _first_coupon(phase: Json) -> str | None:
    return next((each["coupon"] for each in phase["discounts"]), None)


def _item(obj: Json, version: str) -> Json:
    return _known(obj, "subscription_item", version)


def _subscription(obj: Json, version: str, lookup: Lookup) -> Json:
    """Before basil the period stands on the subscription, beside a single discount and plan."""
    old = _known(obj, "subscription", version)
    items = [_item(item, version) for item in obj["items"]["data"]]
    old["items"] = {**obj["items"], "data": items}
    if obj.get("pending_update"):
        pending = _known(obj["pending_update"], "pending_update", version)
        proposed = pending["subscription_items"]
        pending["subscription_items"] = [_item(item, version) for item in proposed]
        old["pending_update"] = pending
    if version == ACACIA:
        ids = obj.get("discounts") or []
        old["discount"] = _discount(lookup.discount(ids[0]), version, lookup) if ids else None
        old["current_period_start"], old["current_period_end"] = _period(obj) or (None, None)
        one = items[0] if len(items) == 1 and not obj["items"]["has_more"] else None
        old["plan"] = one["plan"] if one else None
        old["quantity"] = one["quantity"] if one else None
    return old


def _period(subscription: Json) -> tuple[int, int] | None:
    """The one period that all items share; None where they end at different times.

    An item that came in the middle of a period has no start of its own.
    """
    items = subscription["items"]["data"]
    ends = {item["current_period_end"] for item in items}
    return (min(i["current_period_start"] for i in items), ends.pop()) if len(ends) == 1 else None


def _invoice(obj: Json, version: str, lookup: Lookup) -> Json:
    if version != ACACIA:
        return obj
    found = [_discount(lookup.discount(each), version, lookup) for each in obj["discounts"]]
    return old_invoices.invoice(obj, found[0] if found else None, lookup.price)


def _invoice_item(obj: Json, version: str, lookup: Lookup) -> Json:
    return old_invoices.invoice_item(obj, lookup.price) if version == ACACIA else obj


SHAPES: dict[str | None, Callable[[Json, str, Lookup], Json]] = {
    "customer": _customer,
    "discount": _discount,
    "invoice": _invoice,
    "invoiceitem": _invoice_item,
    "promotion_code": _promotion_code,
    "subscription": _subscription,
    "subscription_schedule": _schedule,
}
