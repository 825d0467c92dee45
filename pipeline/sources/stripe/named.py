"""What the events of a night name: objects that are asked for by their id, and those that the event shows whole.

Belongs here: which events make which objects worth asking for. Pure. Source of the rules: docs/sync.md, "A night".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.sources.protocol import Json, instant
from pipeline.sources.stripe.filtering import Filter
from pipeline.sources.stripe.typed import created

FETCHED = {
    "price": "price",
    "plan": "price",
    "coupon": "coupon",
    "invoice": "invoice",
    "credit_note": "credit_note",
}
"""Object of an event -> stream. Of these an event leaves out what a list can be asked for, or cuts lists at ten."""
SHOWN = frozenset({"customer", "product", "promotion_code", "subscription_schedule"})
"""Objects of which an event shows everything that a list does."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An object as the last event about it shows it."""

    stream: str
    at: int
    """When it was so."""
    observed_at: datetime
    """When it was surely so: the event's second."""
    api_version: str
    content: Json
    """Within the allow-list."""


class Named:
    """Collects what events name; a page at a time, in any order."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[str, str], int | None] = {}
        self._gone: set[tuple[str, str]] = set()
        self._shown: dict[tuple[str, str], Shown] = {}
        self._filter = Filter(keep_names=True)

    def note(self, observed_at: datetime, events: Sequence[Any]) -> None:
        """Take in a page of events, the newest first."""
        for event in events:
            data = event.get("data") if isinstance(event, dict) else None
            found = data.get("object") if isinstance(data, dict) else None
            if isinstance(data, dict) and isinstance(found, dict):
                self._note(observed_at, event, found, data.get("previous_attributes"))

    def _note(self, observed_at: datetime, event: Json, found: Json, previous: Any) -> None:
        kind, id_ = found.get("object"), found.get("id")
        if not isinstance(kind, str) or not isinstance(id_, str):
            return
        deleted = str(event.get("type")).endswith(".deleted")
        if kind in FETCHED:
            self._wanted[FETCHED[kind], id_] = created(found)
            if deleted:
                self._gone.add((FETCHED[kind], id_))
        elif kind == "subscription" and not deleted and _says_too_little(event, found, previous):
            self._wanted[kind, id_] = created(found)
        elif kind in SHOWN and (not deleted or kind == "customer"):
            at = created(event) or 0
            known = self._shown.get((kind, id_))
            if known is None or at > known.at:
                content = self._filter.kept(found, kind) | ({"deleted": True} if deleted else {})
                version = str(event.get("api_version") or "")
                # It was so when the event was made, not when it was read.
                seen = instant(at) if at else observed_at
                self._shown[kind, id_] = Shown(kind, at, seen, version, content)

    def wanted(self, stream: str, before: int) -> list[str]:
        """Ids of a stream's objects that must be asked for: those made `before` the list begins that is read."""
        return sorted(
            id_
            for (name, id_), made in self._wanted.items()
            if name == stream and (name, id_) not in self._gone and (made is None or made < before)
        )

    def shown(self, stream: str, before: int) -> list[Shown]:
        """A stream's objects that events show, made `before` the list begins that is read."""
        return [
            each
            for (name, _), each in self._shown.items()
            if name == stream and (created(each.content) or 0) < before
        ]


def _says_too_little(event: Json, found: Json, previous: Any) -> bool:
    """Whether a subscription has items that its event leaves out, or a discount that it did not have before."""
    items = found.get("items")
    if isinstance(items, dict) and items.get("has_more"):
        return True
    before: Mapping[str, Any] = {} if str(event.get("type")).endswith(".created") else found
    if isinstance(previous, dict):
        before = {**before, **previous}
    return not _discounts(found) <= _discounts(before)


def _discounts(subscription: Mapping[str, Any]) -> set[str]:
    """The ids of its discounts, and of its items'."""
    listing = subscription.get("items")
    items = listing.get("data") if isinstance(listing, dict) else None
    holders = [subscription, *(each for each in items or () if isinstance(each, dict))]
    return {id_ for holder in holders for id_ in _ids(_values(holder))}


def _values(holder: Mapping[str, Any]) -> Iterable[Any]:
    discounts = holder.get("discounts")
    return [holder.get("discount"), *(discounts if isinstance(discounts, list) else ())]


def _ids(values: Iterable[Any]) -> Iterable[str]:
    for each in values:
        id_ = each.get("id") if isinstance(each, dict) else each
        if isinstance(id_, str):
            yield id_
