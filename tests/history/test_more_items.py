"""Subscriptions with more items than an event lists, written by hand: what nobody saw is not `exact`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from tests.history.stripe_json import History, Json, item, price, state

FEBRUARY, MARCH = (datetime(2026, month, 10, 8, tzinfo=UTC) for month in (2, 3))
SWAPPED = FEBRUARY.replace(day=20)
ELEVEN = [item(f"si_{number:02}", "plan") for number in range(11)]


def updated(name: str, at: datetime, data: Json) -> Json:
    """The event of an update."""
    kind = "customer.subscription.updated"
    return {
        "id": name,
        "object": "event",
        "type": kind,
        "created": int(at.timestamp()),
        "data": data,
    }


def changed(*had_more: bool, items: Sequence[Json] = ELEVEN, at: datetime = SWAPPED) -> History:
    """Items of which the eleventh changes, twice in one second: each event says whether there *were* more before."""
    history = History([price("plan", 1_000)])
    history.states((FEBRUARY, state(*items)))
    shown = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "discounts": [],
        "created": int(FEBRUARY.timestamp()), "status": "active", "ended_at": None,
    }  # fmt: skip
    start = int(FEBRUARY.timestamp())
    ten: list[Json] = [
        each | {"created": start, "current_period_start": start} for each in ELEVEN[:10]
    ]
    for number, had in enumerate(had_more):
        data = {
            "object": shown | {"items": {"data": ten, "has_more": not had}},
            "previous_attributes": {"items": {"has_more": had}},
        }
        history.records("event", updated(f"evt_swap{number}", at, data))
    later = [each | {"current_period_start": int(MARCH.timestamp())} for each in ten]
    data = {
        "object": shown | {"items": {"data": later, "has_more": True}},
        "previous_attributes": {"items": {"data": ten}},
    }
    return history.records("event", updated("evt_renewal", MARCH, data))


@pytest.mark.parametrize("had_more", [(True, False), (False, True)])
def test_an_item_that_an_event_leaves_out_may_have_been_swapped(
    had_more: tuple[bool, bool],
) -> None:
    """Of the ten others nothing changed: they are there, whatever the two events of one second left out."""
    found = changed(*had_more).snapshot(date(2026, 2, 1))
    quantities = {name: row["quantity"] for name, row in found.items()}
    assert quantities == {f"si_{number:02}": 1 for number in range(10)}
    assert {row["evidence"] for row in found.values()} == {"bounded"}


def test_more_items_than_before_came_unseen() -> None:
    """The last event before March says that ten are all; the one of March that there were more."""
    found = changed(True).snapshot(date(2026, 2, 1))
    assert len(found) == 10
    assert {row["evidence"] for row in found.values()} == {"bounded"}


def test_an_event_that_only_adds_an_eleventh_item_shows_the_ten_as_they_were() -> None:
    """Its previous attributes name the list without its data."""
    found = changed(False, items=ELEVEN[:10], at=MARCH.replace(day=5)).snapshot(date(2026, 2, 1))
    assert len(found) == 10
    assert {row["evidence"] for row in found.values()} == {"exact"}


def listing(*items: Json) -> Json:
    """The subscription as it is listed, with all its items."""
    start = int(FEBRUARY.timestamp())
    return {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "discounts": [],
        "created": start, "status": "active", "ended_at": None,
        "items": {
            "data": [{"created": start, "current_period_start": start, **each} for each in items],
            "has_more": False,
        },
    }  # fmt: skip


def test_a_listing_shows_every_item_and_the_next_event_leaves_some_out() -> None:
    """Nothing came: eleven are listed, and the event of the renewal says that there are more than its ten."""
    history = changed().records("subscription", listing(*ELEVEN), at=SWAPPED)
    found = history.snapshot(date(2026, 2, 1))
    # Of the eleventh nobody saw which discounts it had when its period began.
    assert {name: row["evidence"] for name, row in found.items()} == {
        **{f"si_{number:02}": "exact" for number in range(10)},
        "si_10": "bounded",
    }


def test_what_was_in_force_when_an_unseen_item_came_is_not_known() -> None:
    """An event of the twelfth tells of no change; a twelfth item, created then, is listed later without a discount."""
    came = int(FEBRUARY.replace(day=12).timestamp())
    twelfth = item("si_11", "plan") | {"created": came, "current_period_start": came}
    history = History([price("plan", 1_000)]).states((FEBRUARY, state(*ELEVEN)))
    shown = listing(*ELEVEN[:10])
    shown["items"]["has_more"] = True
    unsaid = {"object": shown, "previous_attributes": {}}
    history.records("event", updated("evt_came", FEBRUARY.replace(day=12), unsaid))
    history.records("subscription", listing(*ELEVEN, twelfth), at=SWAPPED)
    found = history.snapshot(date(2026, 2, 1))
    assert (found["si_11"]["mrr_native"], found["si_11"]["evidence"]) == (10_000_000, "bounded")
    assert found["si_09"]["evidence"] == "exact"
