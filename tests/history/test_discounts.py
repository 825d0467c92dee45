"""Whose a discount is, and what it takes off, where Stripe's objects could mislead; written by hand."""

from datetime import UTC, date, datetime
from typing import Any

from tests.history.stripe_json import History, coupon, discount, item, price, state

PRICES = [price("plan", 10_000, "prod_a")]
JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 10, 8, tzinfo=UTC) for month in (1, 2, 3))


def march(history: History) -> tuple[int, str]:
    """The item's micro-units a month at the end of March, and its grade."""
    row: dict[str, Any] = history.snapshot(date(2026, 3, 1))["si"]
    return row["mrr_native"], row["evidence"]


def test_a_coupon_id_that_is_used_again_is_none_that_is_known() -> None:
    history = History(PRICES).states((FEBRUARY, state(item("si", "plan"), discounts=["di_1"])))
    history.records("coupon", coupon("SAVE", percent_off=50.0), coupon("SAVE", percent_off=10.0))
    history.records("discount", discount("di_1", "SAVE", FEBRUARY))
    assert march(history) == (100_000_000, "inferred")


def test_a_discount_of_an_invoice_does_not_end_the_customer_s() -> None:
    history = History(PRICES).states((MARCH, state(item("si", "plan"))))
    history.records("customer", {"id": "cus_a", "object": "customer", "discount": "di_own"})
    history.records("coupon", coupon("C20", percent_off=20.0), coupon("HALF", percent_off=50.0))
    history.records(
        "discount",
        discount("di_own", "C20", JANUARY, subscription=None),
        discount("di_invoice", "HALF", FEBRUARY, subscription=None, invoice="in_manual"),
    )
    assert march(history) == (80_000_000, "exact")


def test_a_discount_of_an_invoice_is_in_force_nowhere_else() -> None:
    history = History(PRICES).states((MARCH, state(item("si", "plan"))))
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records(
        "discount", discount("di_invoice", "HALF", FEBRUARY, subscription=None, invoice="in_manual")
    )
    assert march(history) == (100_000_000, "exact")


def test_a_discount_that_the_invoice_could_not_show_keeps_its_place() -> None:
    """$1 off for another product, then 50%: when the item changes to it, (100 - 1) / 2, not 100 / 2 - 1."""
    prices = [*PRICES, price("other", 10_000, "prod_b")]
    start, end = int(JANUARY.timestamp()), int(FEBRUARY.timestamp())
    bill = {
        "id": "in_1", "object": "invoice", "status": "paid", "customer": "cus_a", "created": start, "currency": "usd",
        "lines": {"has_more": False, "data": [{
            "id": "il_1", "amount": 10_000, "subtotal": 10_000, "quantity": 1,
            "discount_amounts": [{"amount": 5_000, "discount": "di_half"}], "period": {"start": start, "end": end},
            "pricing": {"price_details": {"price": "plan", "product": "prod_a"}},
            "parent": {"subscription_item_details": {
                "subscription_item": "si", "subscription": "sub_a", "proration": False,
            }},
        }]},
    }  # fmt: skip
    given = {"discounts": ["di_b", "di_half"]}
    history = History(prices).states(
        (JANUARY, state(item("si", "plan"), **given)),
        (JANUARY.replace(day=20), state(item("si", "other"), **given)),
    )
    history.records("invoice", bill)
    history.records(
        "coupon",
        coupon("B", amount_off=100, currency="usd") | {"applies_to": {"products": ["prod_b"]}},
        coupon("HALF", percent_off=50.0),
    )
    history.records(
        "discount", discount("di_b", "B", JANUARY), discount("di_half", "HALF", JANUARY)
    )
    row: dict[str, Any] = history.snapshot(date(2026, 1, 1))["si"]
    assert (row["mrr_native"], row["evidence"]) == (49_500_000, "exact")
