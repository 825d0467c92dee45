"""Lives of subscriptions, hand-written: what happened, and the figures that follow from it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.history.stripe_json import History, coupon, discount, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH, APRIL, MAY, JUNE = (date(2026, month, 1) for month in range(1, 7))
PRICES = [
    price("p", 10_000, "prod_a"),
    price("p_new", 12_000, "prod_a"),
    price("p_year", 96_000, "prod_a", interval="year"),
    price("p_pro", 25_000, "prod_pro"),
    price("p_add", 3_000, "prod_add"),
    price("p_small", 100, "prod_small"),
]
ONE = item("si", "p")


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 8, tzinfo=UTC)


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def of(*states: tuple[datetime, dict[str, Any]], **more: Any) -> History:
    return History(PRICES).states(*states, **more)


def told(history: History, *months: date) -> list[tuple[str | None, float] | None]:
    """(movement, delta) of account `cus_a` in each month; None: no row."""
    return [history.movements(month).movement.get("cus_a") for month in months]


def test_a_trial_is_nothing_until_it_converts() -> None:
    trial = {"trial_start": seconds(at(1, 25)), "trial_end": seconds(at(2, 24))}
    history = of(
        (at(1, 25), state(ONE, status="trialing", **trial)),
        (at(2, 24), state(ONE, period=at(2, 24), **trial)),
    )
    assert told(history, JANUARY, FEBRUARY, MARCH) == [None, ("new", 100), (None, 0)]
    assert history.movements(FEBRUARY).types == {"new": 100}


def test_a_trial_that_does_not_convert_is_never_anything() -> None:
    trial = {"trial_start": seconds(at(1, 25)), "trial_end": seconds(at(2, 24))}
    history = of(
        (at(1, 25), state(ONE, status="trialing", **trial)),
        (at(2, 24), state(ONE, status="canceled", **trial)),
    )
    assert told(history, JANUARY, FEBRUARY, MARCH) == [None, None, None]


@pytest.mark.parametrize(
    ("before", "reason", "kind"),
    [
        ("active", "cancellation_requested", "voluntary"),
        ("past_due", "payment_failed", "involuntary"),
        ("active", None, "unknown"),
    ],
)
def test_cancelled_at_once_is_churn_of_that_month(
    before: str, reason: str | None, kind: str
) -> None:
    """Only the event of the deletion tells the reason."""
    history = of(
        (BEGUN, state(ONE)),
        (at(3, 10), state(ONE, period=at(3, 10), status=before)),
        (at(3, 20), state(ONE, status="canceled", cancellation_details={"reason": reason})),
    )
    assert told(history, FEBRUARY, MARCH, APRIL) == [(None, 0), ("churn", -100), None]
    assert history.movements(MARCH).found.movement["churn_kind"].to_list() == [kind]


def test_cancelled_at_the_period_s_end_counts_until_then() -> None:
    asked = {
        "cancel_at": seconds(at(4, 10)),
        "canceled_at": seconds(at(3, 20)),
        "cancellation_details": {"reason": "cancellation_requested"},
    }
    history = of(
        (BEGUN, state(ONE)),
        (at(3, 20), state(ONE, **asked)),
        (at(4, 10), state(ONE, status="canceled", **asked)),
    )
    assert told(history, MARCH, APRIL) == [(None, 0), ("churn", -100)]
    assert history.movements(APRIL).found.movement["churn_kind"].to_list() == ["voluntary"]
    assert history.snapshot(MARCH)["si"]["cancel_at"] == at(4, 10)


def test_a_cancellation_taken_back_changes_nothing() -> None:
    asked = {"cancel_at": seconds(at(4, 10)), "canceled_at": seconds(at(3, 20))}
    history = of((BEGUN, state(ONE)), (at(3, 20), state(ONE, **asked)), (at(3, 25), state(ONE)))
    assert told(history, MARCH, APRIL, MAY) == [(None, 0)] * 3
    assert history.snapshot(MARCH)["si"]["cancel_at"] is None


def test_a_pause_of_collection_is_churn_and_its_end_a_reactivation() -> None:
    pause = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    history = of((BEGUN, state(ONE)), (at(3, 3), state(ONE, **pause)), (at(5, 4), state(ONE)))
    expected = [("churn", -100), None, ("reactivation", 100)]
    assert told(history, MARCH, APRIL, MAY) == expected
    assert history.movements(MARCH).found.movement["churn_kind"].to_list() == ["paused"]


def test_past_due_counts_and_paying_late_is_no_movement() -> None:
    history = of(
        (BEGUN, state(ONE)),
        (at(2, 10), state(ONE, period=at(2, 10), status="past_due")),
        (at(3, 4), state(ONE)),
    )
    assert told(history, FEBRUARY, MARCH) == [(None, 0), (None, 0)]
    late = history.snapshot(FEBRUARY)["si"]
    assert (late["status"], late["past_due_since"]) == ("past_due", at(2, 10))
    assert history.snapshot(MARCH)["si"]["past_due_since"] is None


def test_unpaid_is_involuntary_churn_in_the_month_it_became_so() -> None:
    history = of(
        (BEGUN, state(ONE)),
        (at(2, 10), state(ONE, period=at(2, 10), status="past_due")),
        (at(3, 12), state(ONE, status="unpaid")),
    )
    assert told(history, FEBRUARY, MARCH, APRIL) == [(None, 0), ("churn", -100), None]
    assert history.movements(MARCH).found.movement["churn_kind"].to_list() == ["involuntary"]


def test_an_incomplete_first_payment_is_nothing_until_it_is_paid() -> None:
    history = of((at(1, 31), state(ONE, status="incomplete")), (at(2, 1), state(ONE)))
    assert told(history, JANUARY, FEBRUARY) == [None, ("new", 100)]


def test_who_comes_back_is_reactivated_and_was_never_gone_in_a_longer_window() -> None:
    history = of((BEGUN, state(ONE)), (at(2, 20), state(ONE, status="canceled")))
    history.states((at(4, 5), state(item("si_2", "p", 2))), name="_2")
    expected = [("churn", -100), None, ("reactivation", 200)]
    assert told(history, FEBRUARY, MARCH, APRIL) == expected
    longer = history.movements(APRIL, window=3)
    assert longer.movement == {"cus_a": ("expansion", 100)}
    assert longer.types == {"seat": 100}


def test_came_and_left_between_two_month_ends_is_no_movement() -> None:
    history = of((at(2, 3), state(ONE)), (at(2, 20), state(ONE, status="canceled")))
    assert told(history, FEBRUARY, MARCH) == [None, None]


def test_up_and_down_within_a_month_is_no_movement() -> None:
    history = of(
        (BEGUN, state(ONE)), (at(2, 3), state(item("si", "p", 2))), (at(2, 20), state(ONE))
    )
    assert told(history, FEBRUARY) == [(None, 0)]


def test_a_plan_swap_with_a_new_item_is_a_change_of_plan() -> None:
    history = of((BEGUN, state(ONE)), (at(3, 3), state(item("si_pro", "p_pro"))))
    assert told(history, MARCH) == [("expansion", 150)]
    found = history.movements(MARCH)
    assert found.types == {"plan": 150}
    assert found.found.component.select("subscription_item_id", "paired_item_id").rows() == [
        ("si_pro", "si")
    ]


def test_a_move_to_another_subscription_is_neither_churn_nor_new() -> None:
    history = of((BEGUN, state(ONE)), (at(3, 3), state(ONE, status="canceled")))
    history.states((at(3, 4), state(item("si_2", "p_pro"))), name="_2")
    assert told(history, MARCH) == [("expansion", 150)]
    assert history.movements(MARCH).types == {"plan": 150}


def test_monthly_to_yearly_is_a_change_of_interval() -> None:
    """$100 a month to $960 a year: 80 a month."""
    history = of((BEGUN, state(ONE)), (at(3, 3), state(item("si", "p_year"), period=at(3, 3))))
    assert told(history, MARCH) == [("contraction", -20)]
    assert history.movements(MARCH).types == {"interval": -20}


def test_more_seats_at_a_new_price_go_seats_first() -> None:
    """2 at 100 to 5 at 120: 3 x 100 by seats, then 5 x 20 by price."""
    history = of((BEGUN, state(item("si", "p", 2))), (at(3, 3), state(item("si", "p_new", 5))))
    assert history.movements(MARCH).types == {"seat": 300, "price": 100}


def test_an_add_on_that_is_removed_is_contraction() -> None:
    both = state(ONE, item("si_add", "p_add"))
    history = of((BEGUN, both), (at(3, 3), state(ONE)))
    assert told(history, MARCH) == [("contraction", -30)]
    assert history.movements(MARCH).types == {"add_on": -30}


def test_a_discount_that_ends_is_expansion_from_the_next_period_on() -> None:
    """25% off up to 20 March counts for the whole of the period that began on 10 March."""
    history = History(PRICES).records("coupon", coupon("c", "repeating", percent_off=25))
    history.records("discount", discount("di", "c", BEGUN, end=at(3, 20)))
    renewals = [
        (at(month, 10), state(ONE, period=at(month, 10), discounts=["di"])) for month in (2, 3)
    ]
    history.states(
        (BEGUN, state(ONE, discounts=["di"])),
        *renewals,
        (at(3, 20), state(ONE)),
        (at(4, 10), state(ONE, period=at(4, 10))),
    )
    assert told(history, JANUARY, FEBRUARY, MARCH, APRIL) == [
        ("new", 75),
        (None, 0),
        (None, 0),
        ("expansion", 25),
    ]
    assert history.movements(APRIL).types == {"discount": 25}


def test_more_than_ten_items_are_bounded_until_a_listing_shows_them_all() -> None:
    """An event lists ten of them; eleven at $1 are known to be eleven only from a listing."""
    items = [item(f"si_{number:02}", "p_small") for number in range(11)]
    history = of((BEGUN, state(*items)))
    listed = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "created": seconds(BEGUN),
        "status": "active", "discounts": [],
        "items": {
            "data": [
                each | {"created": seconds(BEGUN), "current_period_start": seconds(BEGUN)} for each in items
            ],
            "has_more": False,
        },
    }  # fmt: skip
    history.records("subscription", listed)
    found = history.snapshot(MARCH)
    assert sum(row["mrr"] for row in found.values()) == 11_000_000
    grades = [found[f"si_{number:02}"]["evidence"] for number in range(11)]
    assert grades == ["exact"] * 10 + ["bounded"]
    assert history.movements(MARCH).evidence == {"cus_a": "bounded"}


def test_a_missed_event_takes_effect_at_the_next_known_instant_and_is_bounded() -> None:
    """2 -> 3 seats in February was never told; the event of April starts from 3: the chain is broken."""
    history = of(
        (BEGUN, state(item("si", "p", 2))),
        (at(2, 15), state(item("si", "p", 3))),
        (at(4, 15), state(item("si", "p", 5))),
        missed=[1],
    )
    evidence = [history.movements(month).evidence["cus_a"] for month in (FEBRUARY, MARCH, APRIL)]
    assert evidence == ["bounded"] * 3
    assert history.movements(MAY).evidence == {"cus_a": "exact"}
    assert told(history, FEBRUARY, MARCH, APRIL) == [(None, 0), (None, 0), ("expansion", 300)]


def test_without_a_missed_event_the_same_history_is_exact() -> None:
    history = of(
        (BEGUN, state(item("si", "p", 2))),
        (at(2, 15), state(item("si", "p", 3))),
        (at(4, 15), state(item("si", "p", 5))),
    )
    for month in (JANUARY, FEBRUARY, MARCH, APRIL, MAY):
        assert history.movements(month).evidence == {"cus_a": "exact"}
    assert told(history, FEBRUARY, MARCH, APRIL) == [
        ("expansion", 100),
        (None, 0),
        ("expansion", 200),
    ]


def test_two_customers_do_not_touch_each_other() -> None:
    history = of((BEGUN, state(ONE)))
    history.states((at(3, 3), state(item("si_b", "p_pro"))), customer="b")
    assert history.movements(MARCH).movement == {"cus_a": (None, 0), "cus_b": ("new", 250)}


@pytest.mark.parametrize(("day", "month"), [(31, MARCH), (1, APRIL)])
def test_the_last_second_of_a_month_belongs_to_it(day: int, month: date) -> None:
    midnight = datetime(2026, 4, 1, tzinfo=UTC)
    instant = midnight - timedelta(seconds=1) if day == 31 else midnight
    history = of((BEGUN, state(ONE)), (instant, state(item("si", "p", 2))))
    assert told(history, month) == [("expansion", 100)]
