"""The discounts of months that were billed before they began; written by hand."""

from datetime import UTC, datetime

from tests.history.discounted import APRIL, FEBRUARY, JANUARY, MARCH, PRICES, billed, line, march
from tests.history.stripe_json import History, coupon, discount, item, state


def test_what_was_voided_for_a_period_tells_more_of_it_than_a_line_from_before() -> None:
    """A line of February reaches to May; the anchor moved to March without half off, and that bill was voided."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=["di_half"])),
        (FEBRUARY.replace(day=20), state(item("si", "plan"))),
        (MARCH, state(item("si", "plan"), period=MARCH)),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", FEBRUARY))
    ahead = line("february", FEBRUARY, datetime(2026, 5, 10, 8, tzinfo=UTC), 10_000, di_half=5_000)
    billed(history, ahead, line("march", MARCH, APRIL, 10_000))
    for row in history.rows:
        if row["id"] == "in_1":
            row["payload"] = row["payload"].replace('"paid"', '"void"')
    assert march(history) == (100_000_000, "exact")


def billed_ahead(status: str) -> History:
    """Half off is given in February; in January February and March had been billed together, without it."""
    history = History(PRICES).states(
        (JANUARY, state(item("si", "plan"))),
        (FEBRUARY, state(item("si", "plan"), period=FEBRUARY)),
        (FEBRUARY.replace(day=20), state(item("si", "plan"), discounts=["di_half"])),
        (MARCH, state(item("si", "plan"), period=MARCH, discounts=["di_half"])),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", FEBRUARY.replace(day=20)))
    _, both = line("both", FEBRUARY, APRIL, 20_000)
    billed(history, (JANUARY.replace(day=30), both))
    for row in history.rows:
        if row["stream"] == "invoice":
            row["payload"] = row["payload"].replace('"paid"', f'"{status}"')
    return history


def test_what_was_billed_ahead_has_the_discounts_of_its_bill() -> None:
    assert march(billed_ahead("paid")) == (100_000_000, "exact")


def test_months_that_were_billed_ahead_on_a_voided_invoice_are_an_open_question() -> None:
    """Nobody knows whether March was billed anew."""
    assert march(billed_ahead("void"))[1] == "bounded"


def test_what_was_given_back_before_it_began_covers_nothing() -> None:
    """The anchor moves before the months billed ahead begin: they are given back whole, and billed again without half
    off. The first line begins later on the tenth of February than the second.
    """
    history = billed_ahead("paid")
    later = FEBRUARY.replace(hour=17)
    _, first = line("first", later, APRIL.replace(hour=17), 20_000, di_old=10_000)
    at = JANUARY.replace(day=25)
    history.records("discount", discount("di_old", "HALF", JANUARY))
    credit = {
        **line("credit", JANUARY.replace(day=28), APRIL.replace(hour=17), -10_000)[1],
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {"subscription_item": "si", "subscription": "sub_a", "proration": True},
        },
    }  # fmt: skip
    for number, (instant, each) in enumerate(((at, first), (JANUARY.replace(day=28), credit))):
        invoice = {
            "id": f"in_ahead{number}", "object": "invoice", "status": "paid", "customer": "cus_a",
            "created": int(instant.timestamp()), "currency": "usd",
            "discounts": [], "lines": {"data": [each], "has_more": False},
        }  # fmt: skip
        history.records("invoice", invoice)
    assert march(history) == (100_000_000, "exact")
