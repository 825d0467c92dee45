"""The worked examples that the product's users already know, through the public functions."""

from datetime import UTC, date, datetime

import pytest

from tests.history.stripe_json import History, price

FEBRUARY = datetime(2026, 2, 3, 10, tzinfo=UTC)
APRIL = datetime(2026, 4, 14, 9, tzinfo=UTC)
MONTH = date(2026, 4, 1)


def changed(was: int, now: int) -> History:
    """One account on a plan of `was` dollars that moves to a plan of `now` dollars in April."""
    prices = [price("p_was", was * 100, "prod_basic"), price("p_now", now * 100, "prod_pro")]
    return History(prices).subscription(
        "a", [(FEBRUARY, {"si": ("p_was", 1)}), (APRIL, {"si": ("p_now", 1)})]
    )


@pytest.mark.parametrize(("was", "now", "expansion"), [(500, 750, 250), (50, 150, 100)])
def test_an_upgrade_is_expansion_by_plan(was: int, now: int, expansion: int) -> None:
    found = changed(was, now).movements(MONTH)
    assert found.movement == {"cus_a": ("expansion", expansion)}
    assert found.types == {"plan": expansion}


def test_seats_from_10_to_25_at_10_each() -> None:
    found = (
        History([price("p", 1000)])
        .subscription("a", [(FEBRUARY, {"si": ("p", 10)}), (APRIL, {"si": ("p", 25)})])
        .movements(MONTH)
    )
    assert found.types == {"seat": 150}


def test_an_add_on_on_the_same_subscription() -> None:
    prices = [price("p", 5000), price("p_add", 3000, "prod_add")]
    base = {"si": ("p", 1)}
    found = (
        History(prices)
        .subscription("a", [(FEBRUARY, base), (APRIL, base | {"si_add": ("p_add", 1)})])
        .movements(MONTH)
    )
    assert found.movement == {"cus_a": ("expansion", 30)}
    assert found.types == {"add_on": 30}


def test_usage_above_the_plan_billed_monthly() -> None:
    prices = [price("p", 5000), price("p_use", 2, "prod_use", usage=True)]
    found = (
        History(prices)
        .subscription("a", [(FEBRUARY, {"si": ("p", 1), "si_use": ("p_use", None)})])
        .usage("a", "si_use", "p_use", {date(2026, 3, 1): 0, date(2026, 4, 1): 1250})
        .movements(MONTH)
    )
    assert found.movement == {"cus_a": ("expansion", 12.5)}
    assert found.types == {"usage": 12.5}


def test_a_second_product_in_a_second_subscription_is_cross_sell() -> None:
    prices = [price("p", 5000), price("p_b", 2000, "prod_b")]
    found = (
        History(prices)
        .subscription("a", [(FEBRUARY, {"si": ("p", 1)})])
        .subscription("a", [(APRIL, {"si_b": ("p_b", 1)})], name="2")
        .movements(MONTH)
    )
    assert found.types == {"cross_sell": 20}


def test_three_customers_in_april() -> None:
    history = History([price("p", 100)])
    for customer, increase in {"a": 200, "b": 50, "c": 100}.items():
        history.subscription(
            customer,
            [
                (FEBRUARY, {f"si_{customer}": ("p", 300)}),
                (APRIL, {f"si_{customer}": ("p", 300 + increase)}),
            ],
        )
    assert history.movements(MONTH).total("expansion") == 350


def test_two_up_one_down() -> None:
    history = History([price("p", 100)])
    for customer, (was, now) in {"a": (500, 700), "b": (1000, 1500), "c": (800, 600)}.items():
        history.subscription(
            customer,
            [(FEBRUARY, {f"si_{customer}": ("p", was)}), (APRIL, {f"si_{customer}": ("p", now)})],
        )
    found = history.movements(MONTH)
    assert found.total("expansion") == 700
    assert found.total("contraction") == -200


def test_new_customers_are_never_expansion() -> None:
    found = (
        History([price("p", 5000)]).subscription("a", [(APRIL, {"si": ("p", 1)})]).movements(MONTH)
    )
    assert found.movement == {"cus_a": ("new", 50)}
    assert found.types == {"new": 50}


def test_one_time_charges_are_never_expansion() -> None:
    found = (
        History([price("p", 5000)])
        .subscription("a", [(FEBRUARY, {"si": ("p", 1)})])
        .one_off("a", APRIL, 99_900)
        .movements(MONTH)
    )
    assert found.movement == {"cus_a": (None, 0)}


def test_a_renewal_without_an_increase_is_never_expansion() -> None:
    same = {"si": ("p", 3)}
    found = (
        History([price("p", 5000)])
        .subscription("a", [(FEBRUARY, same), (APRIL, same)])
        .movements(MONTH)
    )
    assert found.movement == {"cus_a": (None, 0)}
    assert found.types == {}


def test_a_customer_that_comes_back_is_a_reactivation() -> None:
    found = (
        History([price("p", 5000)])
        .subscription(
            "a", [(FEBRUARY, {"si": ("p", 1)}), (datetime(2026, 2, 20, tzinfo=UTC), None)]
        )
        .subscription("a", [(APRIL, {"si_2": ("p", 2)})], name="2")
        .movements(MONTH)
    )
    assert found.movement == {"cus_a": ("reactivation", 100)}
    assert found.types == {"reactivation": 100}
