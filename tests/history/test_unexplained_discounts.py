"""Discounts and coupons of which records say too little: doubtful, never taken for none; written by hand."""

from datetime import UTC, date, datetime

import pytest

from tests.history.discounted import (
    APRIL,
    FEBRUARY,
    JANUARY,
    MARCH,
    MID_MARCH,
    PRICES,
    PRO,
    billed,
    line,
    march,
)
from tests.history.stripe_json import History, Json, coupon, discount, item, price, state

YEARLY = [
    price("plan", 120_000, "prod_a", interval="year"),
    price("pro", 240_000, "prod_b", interval="year"),
]
JULY = datetime(2025, 7, 10, 8, tzinfo=UTC)


def renewed(before: list[str], after: list[str]) -> History:
    """$100 a month with these discounts of the subscription in February, and from its renewal in March on."""
    return History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=before)),
        (MARCH, state(item("si", "plan"), discounts=after, period=MARCH)),
    )


AMOUNT = coupon("SAVE", amount_off=1_000, currency="usd")
LIMITED = coupon("SAVE", percent_off=50.0, applies_to={"products": ["prod_b"]})
LATER = coupon("SAVE", percent_off=50.0, created=int(MARCH.timestamp()))


@pytest.mark.parametrize("again", [AMOUNT, LIMITED, LATER], ids=["amount", "limited", "later"])
def test_a_coupon_id_that_is_used_again_is_not_known_any_more(again: Json) -> None:
    history = renewed(["di_save"], ["di_save"])
    first = coupon("SAVE", percent_off=50.0, created=int(FEBRUARY.timestamp()))
    history.records("coupon", first, at=FEBRUARY)
    history.records("coupon", again, at=MID_MARCH)
    history.records("discount", discount("di_save", "SAVE", FEBRUARY))
    assert march(history)[1] == "inferred"


def test_a_discount_that_is_older_than_its_coupon_has_another() -> None:
    """The id was used again before the first sync; the bill of the year shows half off, the coupon says 10%."""
    history = History(YEARLY[:1]).states(
        (JULY, state(item("si", "plan"), discounts=["di_save"])),
        (MARCH, state(item("si", "plan"), metadata={"a": 1})),
        missed=[0],
    )
    billed(history, line("year", JULY, JULY.replace(year=2026), 120_000, di_save=60_000))
    history.records("discount", discount("di_save", "SAVE", JULY))
    history.records("coupon", coupon("SAVE", percent_off=10.0, created=int(FEBRUARY.timestamp())))
    assert history.snapshot(date(2026, 4, 1))["si"]["evidence"] == "inferred"


@pytest.mark.parametrize(
    "reduced", [{}, {"di_fifth": 2_000, "di_gone": 4_000}], ids=["unbilled", "billed"]
)
def test_a_discount_without_a_record_counts_beside_the_subscription_s(
    reduced: dict[str, int],
) -> None:
    history = renewed([], ["di_fifth", "di_gone"])
    history.records("coupon", coupon("FIFTH", percent_off=20.0))
    history.records("discount", discount("di_fifth", "FIFTH", FEBRUARY))
    if reduced:
        billed(history, line("march", MARCH, APRIL, 10_000, **reduced))
    assert march(history)[1] == "inferred"


@pytest.mark.parametrize("above", [[], ["di_gone"]], ids=["unnamed", "named"])
def test_a_discount_without_a_record_may_be_for_the_product_that_comes(above: list[str]) -> None:
    """Taken away in the second of the renewal: whether it counts for prod_b, from 20 March on, nothing tells."""
    history = History([*PRICES, PRO]).states(
        (FEBRUARY, state(item("si", "plan"), discounts=["di_gone"])),
        (MARCH, state(item("si", "plan"), period=MARCH)),
        (MID_MARCH, state(item("si", "pro"), period=MARCH)),
    )
    billed(history, line("march", MARCH, APRIL, 10_000), above=above)
    assert march(history)[1] == "inferred"


def test_a_discount_that_only_an_invoice_names_may_be_for_the_product_that_comes() -> None:
    """A year is billed before events are known; its invoice names a discount of which there is no record."""
    history = History(YEARLY).states(
        (JULY, state(item("si", "plan"))), (MARCH, state(item("si", "pro"))), missed=[0]
    )
    billed(history, line("year", JULY, JULY.replace(year=2026), 120_000), above=["di_gone"])
    assert march(history)[1] == "inferred"


@pytest.mark.parametrize("customer", ["cus_a", None])
def test_a_discount_of_a_subscription_is_its_customer_s(customer: str | None) -> None:
    """Half off prod_b, taken away in the second of the renewal: before or after it?"""
    history = History([*PRICES, PRO]).states(
        (FEBRUARY, state(item("si", "plan"), discounts=["di_half"])),
        (MARCH, state(item("si", "plan"), period=MARCH)),
        (MID_MARCH, state(item("si", "pro"), period=MARCH)),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0, applies_to={"products": ["prod_b"]}))
    history.records("discount", discount("di_half", "HALF", FEBRUARY, customer=customer))
    billed(history, line("march", MARCH, APRIL, 10_000))
    assert march(history)[1] == "inferred"


def test_two_bills_of_one_second_for_the_same_usage() -> None:
    """$100 half off and $20 in full: which discounts the usage has, nobody knows."""
    use = price("plan", 0, "prod_a", usage=True)
    history = History([use]).states((JANUARY, state(item("si", "plan", None))))
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", JANUARY))
    billed(
        history,
        line("one", FEBRUARY, MARCH, 10_000, di_half=5_000),
        line("two", FEBRUARY, MARCH, 2_000),
    )
    assert march(history)[1] == "bounded"


@pytest.mark.parametrize("said", [{"subscription": None}, {"subscription_item": "si"}])
def test_a_discount_that_is_listed_elsewhere_than_its_record_says_is_not_known(said: Json) -> None:
    """A tenth and a fifth off the subscription; by its record the fifth is the customer's, or the item's."""
    history = renewed(["di_tenth", "di_fifth"], ["di_tenth", "di_fifth"])
    history.records("coupon", coupon("TENTH", percent_off=10.0), coupon("FIFTH", percent_off=20.0))
    history.records("discount", discount("di_tenth", "TENTH", FEBRUARY))
    history.records("discount", discount("di_fifth", "FIFTH", FEBRUARY) | said)
    assert march(history)[1] == "inferred"
