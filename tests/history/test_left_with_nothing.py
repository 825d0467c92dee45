"""Lines with nothing left, and what their invoices name of the discounts that they do not show; written by hand."""

from typing import Any

from tests.history.discounted import (
    APRIL,
    FEBRUARY,
    JANUARY,
    MARCH,
    MID_MARCH,
    PRICES,
    billed,
    february,
    line,
    march,
)
from tests.history.stripe_json import History, coupon, discount, item, state


def half_off_no_units() -> History:
    """Half off since February; no units at the renewal of March, one from the middle of the month on."""
    half = {"discounts": ["di_half"]}
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", 0), **half)),
        (MARCH, state(item("si", "plan", 0), period=MARCH, **half)),
        (MID_MARCH, state(item("si", "plan"), **half)),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", FEBRUARY))
    return history


def test_a_line_with_nothing_left_does_not_show_what_was_in_force() -> None:
    """No units at the renewal and one later; $100 off and 20% off $100, then three units: (300 - 100) less 20%."""
    history = half_off_no_units()
    billed(history, line("march", MARCH, APRIL, 0), above=["di_half"])
    assert march(history) == (50_000_000, "exact")

    both = {"discounts": ["di_all", "di_fifth"]}
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), **both)),
        (MARCH, state(item("si", "plan"), period=MARCH, **both)),
        (MID_MARCH, state(item("si", "plan", 3), **both)),
    )
    history.records("coupon", coupon("ALL", amount_off=10_000, currency="usd"))
    history.records("coupon", coupon("FIFTH", percent_off=20.0))
    history.records("discount", discount("di_all", "ALL", FEBRUARY))
    history.records("discount", discount("di_fifth", "FIFTH", FEBRUARY))
    named = ["di_all", "di_fifth"]
    billed(history, line("march", MARCH, APRIL, 10_000, di_all=10_000), above=named)
    assert march(history) == (160_000_000, "exact")


def test_a_line_with_nothing_left_that_was_billed_ahead_leaves_the_discounts_open() -> None:
    """March was billed in February for no units: nobody knows whether half off was in force then."""
    history = half_off_no_units()
    _, ahead = line("march", MARCH, APRIL, 0)
    billed(history, (FEBRUARY, ahead))
    assert march(history)[1] == "bounded"


def free_for_march(history: History, *above: str) -> History:
    """In the second of the renewal half off ends; the item's own $100 off leaves nothing of $100, later there are 3."""
    history.states(
        (FEBRUARY, state(item("si", "plan", 1, "di_all"), discounts=["di_half"])),
        (MARCH, state(item("si", "plan", 1, "di_all"), period=MARCH, discounts=["di_fifth"])),
        (MID_MARCH, state(item("si", "plan", 3, "di_all"), discounts=["di_fifth"])),
    )
    history.records("coupon", coupon("ALL", amount_off=10_000, currency="usd"))
    history.records("coupon", coupon("FIFTH", percent_off=20.0), coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_all", "ALL", FEBRUARY, subscription_item="si"))
    history.records("discount", discount("di_half", "HALF", FEBRUARY))
    history.records("discount", discount("di_fifth", "FIFTH", MARCH))
    return billed(history, line("march", MARCH, APRIL, 10_000, di_all=10_000), above=above)


def test_an_invoice_names_what_was_in_force_above_a_line_with_nothing_left() -> None:
    """What was exchanged in the second of the renewal is no open question then; without its names it is."""
    assert march(free_for_march(History(PRICES), "di_fifth")) == (160_000_000, "exact")
    assert march(free_for_march(History(PRICES)))[1] == "bounded"


def test_an_invoice_does_not_name_what_was_in_force_on_an_item_with_nothing_left() -> None:
    """In the second of the renewal the item's $100 off gives way to half off; the subscription's is named."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", 0, "di_all"), discounts=["di_half"])),
        (MARCH, state(item("si", "plan", 0, "di_item"), period=MARCH, discounts=["di_half"])),
        (MID_MARCH, state(item("si", "plan", 3, "di_item"), discounts=["di_half"])),
    )
    history.records("coupon", coupon("ALL", amount_off=10_000, currency="usd"))
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_all", "ALL", FEBRUARY, subscription_item="si"))
    history.records("discount", discount("di_item", "HALF", MARCH, subscription_item="si"))
    history.records("discount", discount("di_half", "HALF", FEBRUARY))
    billed(history, line("march", MARCH, APRIL, 0), above=["di_half"])
    assert march(history)[1] == "bounded"


def seldom(limits: dict[str, Any]) -> History:
    """Half off from before every event on, taken away in March; the line of February does not name it."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=["di_half"])),
        (FEBRUARY.replace(day=20), state(item("si", "plan"))),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0, **limits))
    history.records("discount", discount("di_half", "HALF", JANUARY))
    return history


def test_an_invoice_names_what_left_no_trace_on_its_lines() -> None:
    """A share of less than half a cent, say."""
    unnamed = billed(seldom({}), line("february", FEBRUARY, MARCH, 10_000))
    assert february(unnamed) == (100_000_000, "exact")
    named = billed(seldom({}), line("february", FEBRUARY, MARCH, 10_000), above=["di_half"])
    assert february(named) == (50_000_000, "exact")


def test_what_an_invoice_names_may_be_for_other_products() -> None:
    other = seldom({"applies_to": {"products": ["prod_b"]}})
    billed(other, line("february", FEBRUARY, MARCH, 10_000), above=["di_half"])
    assert february(other) == (100_000_000, "exact")
    unlisted = seldom({"embedded": True})  # deleted before a list said what it is limited to
    billed(unlisted, line("february", FEBRUARY, MARCH, 10_000), above=["di_half"])
    assert february(unlisted)[0] == 100_000_000


def test_a_line_with_nothing_left_does_not_show_what_an_unlisted_coupon_is_for() -> None:
    """No units at the renewal and one later: whether half off is for its product, no list and no line tells."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", 0, "di_half"))),
        (MARCH, state(item("si", "plan", 0, "di_half"), period=MARCH)),
        (MID_MARCH, state(item("si", "plan", 1, "di_half"))),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0, embedded=True))
    history.records("discount", discount("di_half", "HALF", FEBRUARY, subscription_item="si"))
    billed(history, line("march", MARCH, APRIL, 0))
    assert march(history)[1] == "inferred"
