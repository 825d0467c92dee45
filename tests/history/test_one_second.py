"""What happens within one second has an order that no id tells; histories written by hand."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.history.discounted import FEBRUARY, MARCH, PRICES, march
from tests.history.stripe_json import START, History, coupon, discount, item, state

GIVEN = datetime(2026, 2, 20, tzinfo=UTC)


def renumbered(history: History, first: str, second: str) -> History:
    """The same with the ids of two events exchanged."""
    other = {first: second, second: first}
    for row in history.rows:
        if (old := row["id"]) in other:
            row["payload"] = row["payload"].replace(old, other[old])
            row["id"] = other[old]
    return history


@pytest.mark.parametrize("exchanged", [False, True])
def test_seats_that_come_and_go_in_one_second_are_as_before(exchanged: bool) -> None:
    day = MARCH.replace(day=12)
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", 1))),
        (day, state(item("si", "plan", 2))),
        (day, state(item("si", "plan", 1))),
    )
    if exchanged:
        renumbered(history, "evt_0002", "evt_0003")
    assert march(history) == (100_000_000, "exact")


@pytest.mark.parametrize("exchanged", [False, True])
def test_where_nothing_is_known_of_before_it_is_as_after(exchanged: bool) -> None:
    """Two seats for a second, in the first events that are known; the next one starts from one seat."""
    day = MARCH.replace(day=12)
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", 1))),
        (day, state(item("si", "plan", 2))),
        (day, state(item("si", "plan", 1))),
        (day + timedelta(days=30), state(item("si", "plan", 3))),
    )
    history.rows = [row for row in history.rows if row["id"] != "evt_0001"]
    if exchanged:
        renumbered(history, "evt_0002", "evt_0003")
    for month in (FEBRUARY, MARCH):
        found = history.snapshot(month.date().replace(day=1))["si"]
        assert (found["quantity"], found["mrr"]) == (1, 100_000_000)


@pytest.mark.parametrize("exchanged", [False, True])
@pytest.mark.parametrize("items", [1, 2])
def test_where_events_are_missing_since_it_is_as_after(items: int, exchanged: bool) -> None:
    """An item for a second, in the first events after a gap in which the seats changed, or such an item left."""
    day = MARCH.replace(day=12)
    known = [item("si", "plan", 3), item("si_more", "plan", 1)]
    before = known if items == 2 else [item("si", "plan", 1)]
    history = History(PRICES).states(
        (FEBRUARY, state(*before)),
        (FEBRUARY.replace(day=25), state(known[0])),
        (day, state(*known)),
        (day, state(known[0])),
        (day + timedelta(days=30), state(item("si", "plan", 4))),
        missed=[1],
    )
    resumed = MARCH.replace(day=5)
    history.spans = [(START, FEBRUARY.replace(day=22)), (resumed, resumed + timedelta(days=90))]
    if exchanged:
        renumbered(history, "evt_0002", "evt_0003")
    found = history.snapshot(MARCH.date().replace(day=1))
    assert {name: row["quantity"] for name, row in found.items()} == {"si": 3}
    timeline = history.folded().item_timeline.filter(subscription_item_id="si_more")
    assert timeline.filter(pl.col("valid_from") >= resumed).is_empty()


@pytest.mark.parametrize(
    ("first", "second"),
    [("evt_0002", "evt_0003"), ("evt_0002", "evt_0004"), ("evt_0003", "evt_0004")],
)
@pytest.mark.parametrize("seats", [(1, 2, 1, 3), (3, 1, 2, 1)])
def test_a_state_that_is_passed_twice_in_one_second(
    seats: tuple[int, ...], first: str, second: str
) -> None:
    """From 1 to 2, back and on to 3; from 3 to 1, on to 2 and back: however the events are called."""
    day = MARCH.replace(day=12)
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", seats[0]))),
        *((day, state(item("si", "plan", each))) for each in seats[1:]),
    )
    assert march(renumbered(history, first, second)) == (100_000_000 * seats[-1], "exact")


@pytest.mark.parametrize(("old", "new"), [("di_a", "di_b"), ("di_b", "di_a")])
def test_a_customer_s_discount_that_is_switched_in_the_second_it_was_given(
    old: str, new: str
) -> None:
    """20% and then half off: the one that is gone came first, whatever they are called."""
    history = given_in_february(discount(old, "FIFTH", GIVEN, subscription=None))
    half = discount(new, "HALF", GIVEN, subscription=None)
    before = {"id": old, "source": {"type": "coupon", "coupon": "FIFTH"}}
    history.records("event", about("updated", 2, half, before))
    assert march(history) == (50_000_000, "exact")


@pytest.mark.parametrize("late", [-300, 300])
def test_a_listing_within_the_second_in_which_a_discount_is_given_may_come_before(
    late: int,
) -> None:
    half = discount("di_half", "HALF", GIVEN, subscription=None)
    history = given_in_february(half)
    for shown, at in ((None, timedelta(milliseconds=late)), ("di_half", timedelta(days=1))):
        customer = {"id": "cus_a", "object": "customer", "discount": shown}
        history.records("customer", customer, at=GIVEN + at)
    assert march(history) == (50_000_000, "exact")


def given_in_february(first: dict[str, object]) -> History:
    """An item of $100 a month, whose customer is given a discount on 20 February."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"))),
        (MARCH, state(item("si", "plan"), period=MARCH)),
    )
    history.records("coupon", coupon("FIFTH", percent_off=20.0), coupon("HALF", percent_off=50.0))
    history.records("event", about("created", 1, first))
    return history


def about(
    kind: str, number: int, shown: dict[str, object], before: dict[str, object] | None = None
) -> dict[str, object]:
    """An event of a customer's discount on 20 February."""
    data = {"object": shown} | ({} if before is None else {"previous_attributes": before})
    return {
        "id": f"evt_discount_{number}", "object": "event", "type": f"customer.discount.{kind}",
        "created": int(GIVEN.timestamp()), "data": data,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("own", "apart", "grade"),
    [
        (False, True, "bounded"),
        (False, False, "exact"),
        (True, True, "exact"),
        (True, False, "exact"),
    ],
)
def test_a_discount_of_the_second_in_which_its_item_comes(
    own: bool, apart: bool, grade: str
) -> None:
    """One of the subscription, in two events, may have come after the item, whose first period has none then."""
    day = MARCH.replace(day=20)
    more, given = item("si_more", "plan"), ["di_half"]
    under = item("si_more", "plan", 1, *given) if own else more
    above = [] if own else given
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"))),
        *([(day, state(item("si", "plan"), more))] if apart else []),
        (day, state(item("si", "plan"), under, discounts=above)),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    whose = {"subscription_item": "si_more"} if own else {}
    history.records("discount", discount("di_half", "HALF", day, **whose))
    row = history.snapshot(MARCH.date().replace(day=1))["si_more"]
    assert (row["discount_mrr"], row["evidence"]) == (50_000_000, grade)


def test_a_discount_that_all_events_of_the_second_show_came_with_the_item() -> None:
    """A subscription is made, and becomes active, in one second; its first invoice is not there yet."""
    given = ["di_half"]
    history = History(PRICES).states(
        (MARCH, state(item("si", "plan"), discounts=given, status="incomplete")),
        (MARCH, state(item("si", "plan"), discounts=given)),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", MARCH))
    assert march(history) == (50_000_000, "exact")
