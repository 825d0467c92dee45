"""Events: what changed, when, and what it was before.

What belongs here: `previous_attributes` as Stripe writes them, their inverse, and the recorder.
Snapshots share their nested parts with the objects: the engine replaces nested values and never
changes them in place, so an event stays as it was written.
"""

from collections.abc import Callable
from typing import Any

from pipeline.sandbox.company.ids import Ids

API_VERSION = "2026-10-28.endive"
EMBEDDED = 10

Json = dict[str, Any]


def previous_attributes(before: Json, after: Json) -> Json:
    """Changed keys with their old values; hashes only the changed keys, arrays as a whole."""
    changed: Json = {}
    for key, new in after.items():
        old = before.get(key)
        if old is new or old == new:
            continue
        both = isinstance(old, dict) and isinstance(new, dict)
        changed[key] = previous_attributes(old, new) if both else old  # type: ignore[arg-type]
    changed.update({key: old for key, old in before.items() if key not in after})
    return changed


def state_before(after: Json, previous: Json) -> Json:
    """The object before the event: the inverse of `previous_attributes`."""
    before = dict(after)
    for key, old in previous.items():
        new = after.get(key)
        both = isinstance(old, dict) and isinstance(new, dict)
        before[key] = state_before(new, old) if both else old  # type: ignore[arg-type]
    return before


def cut(listing: Json, size: int = EMBEDDED) -> Json:
    """An embedded list as it is served: the first `size` objects and whether there are more."""
    if len(listing["data"]) <= size:
        return listing
    return {**listing, "data": listing["data"][:size], "has_more": True}


def _as_it_is(event: Json) -> Json:
    return event


class EventLog:
    """Writes events into the store."""

    def __init__(self, ids: Ids, store: dict[str, Json]) -> None:
        self.ids = ids
        self.store = store
        self.shape: Callable[[Json], Json] = _as_it_is
        """How events are rendered; a company that upgraded its API version late gives another."""
        self.requested = False

    def emit(self, kind: str, at: int, snapshot: Json, previous: Json | None = None) -> None:
        """One event of `kind` at `at` with a frozen snapshot."""
        data: Json = {"object": snapshot}
        if previous is not None:
            data["previous_attributes"] = previous
        event_id = self.ids.new("evt")
        request = f"req_{event_id[4:18]}" if self.requested else None
        event = {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": at,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": request, "idempotency_key": None},
            "type": kind,
        }
        self.store[event_id] = self.shape(event)
