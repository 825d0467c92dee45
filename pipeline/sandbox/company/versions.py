"""Older API versions: an event's payload keeps the version of its creation, so a history holds several.

What belongs here: an endive event rendered as an account of that time received it. Only what moved in
subscriptions and discounts is rendered; other objects keep their endive shape.
"""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

ENDIVE = "2026-10-28.endive"
CLOVER = "2025-11-17.clover"
BASIL = "2025-08-27.basil"
ACACIA = "2025-02-24.acacia"
VERSIONS = (ACACIA, BASIL, CLOVER, ENDIVE)
"""From the oldest to the newest."""

Coupon = Callable[[str], Json]
"""The coupon of an id, as events embed it: without what is only included on request."""


def rendered(event: Json, version: str, coupon: Coupon, discount: Callable[[str], Json]) -> Json:
    """`event` (endive) in the shape of `version`.

    A subscription whose items have periods of their own has no shape before basil and stays in that.
    """
    data = event["data"]
    kind = data["object"].get("object")
    if version == ENDIVE or kind not in ("subscription", "discount"):
        return {**event, "api_version": version}
    if kind == "discount":
        old = {name: _discount(part, coupon, version) for name, part in data.items()}
        return {**event, "api_version": version, "data": old}
    if version == ACACIA and None in (_period(data["object"]), _period(_before(data))):
        version = BASIL
    if version != ACACIA:
        return {**event, "api_version": version}
    return {**event, "api_version": version, "data": _acacia(data, discount)}


def _discount(part: Json, coupon: Coupon, version: str) -> Json:
    """Before clover a discount holds its coupon."""
    if version == CLOVER or "source" not in part:
        return part
    old = {name: value for name, value in part.items() if name != "source"}
    source = part["source"]
    old["coupon"] = coupon(source["coupon"]) if source else None
    return old


def _period(subscription: Json) -> tuple[int, int] | None:
    """The one period of all items; None where they differ."""
    periods = {
        (item["current_period_start"], item["current_period_end"])
        for item in subscription["items"]["data"]
    }
    return periods.pop() if len(periods) == 1 else None


def _before(data: Json) -> Json:
    """The subscription before the event."""
    previous = data.get("previous_attributes") or {}
    before = {**data["object"], **previous}
    if "items" in previous:
        before["items"] = {**data["object"]["items"], **previous["items"]}
    return before


def _acacia(data: Json, discount: Callable[[str], Json]) -> Json:
    """Before basil the period stands on the subscription, beside a single discount."""
    after, old = _flat(data["object"], discount), _flat(_before(data), discount)
    shown: Json = {"object": after}
    if "previous_attributes" in data:
        told = set(data["previous_attributes"]) & set(after)
        moved = {"discount", "current_period_start", "current_period_end", "items"}
        changed = {name for name in moved if old.get(name) != after.get(name)}
        names = (told - moved) | changed
        shown["previous_attributes"] = {name: old.get(name) for name in sorted(names)}
    return shown


def _flat(subscription: Json, discount: Callable[[str], Json]) -> Json:
    old = dict(subscription)
    items = [
        {name: value for name, value in item.items() if not name.startswith("current_period_")}
        for item in subscription["items"]["data"]
    ]
    start, end = _period(subscription) or (None, None)
    old["items"] = {**subscription["items"], "data": items}
    old["current_period_start"], old["current_period_end"] = start, end
    ids = subscription.get("discounts") or []
    old["discount"] = discount(ids[0]) if ids else None
    return old
