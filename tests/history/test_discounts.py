"""Whose a discount is, and what it takes off, where Stripe's objects could mislead; written by hand."""

from datetime import UTC, datetime

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
    drafted,
    line,
    march,
)
from tests.history.stripe_json import History, Json, coupon, discount, item, state


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


def test_what_the_customer_s_discount_reduced_had_none_of_the_subscription_s() -> None:
    """In the second of the renewal the subscription gets half off prod_b; the line says the customer's 20% counted."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"))),
        (MARCH, state(item("si", "plan"), period=MARCH, discounts=["di_half"])),
    )
    history.records("customer", {"id": "cus_a", "object": "customer", "discount": "di_own"})
    history.records("coupon", coupon("C20", percent_off=20.0))
    history.records("coupon", coupon("HALF", percent_off=50.0, applies_to={"products": ["prod_b"]}))
    history.records("discount", discount("di_own", "C20", JANUARY, subscription=None))
    history.records("discount", discount("di_half", "HALF", MARCH))
    billed(history, line("march", MARCH, APRIL, 10_000, di_own=2_000))
    assert march(history) == (80_000_000, "exact")


def test_given_in_the_second_of_a_renewal_and_on_no_invoice_it_may_count_or_not() -> None:
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"))),
        (MARCH, state(item("si", "plan"), period=MARCH, discounts=["di_half"])),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", MARCH))
    assert march(history) == (50_000_000, "bounded")


def test_given_with_the_subscription_it_counts() -> None:
    history = History(PRICES).states((MARCH, state(item("si", "plan"), discounts=["di_half"])))
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", MARCH))
    assert march(history) == (50_000_000, "exact")


def beside_one_for_prod_b(*more: Json, **reduced: int) -> History:
    """$20 off prod_b alone and 50% off, in this order, on an item that is of prod_a first; the line shows 50%.

    Args:
        more: discounts of coupon NOTHING.
        reduced: what else the line shows.
    """
    both = ("di_pro", "di_half")
    history = History([*PRICES, PRO]).states(
        (MARCH, state(item("si", "plan", 1, *both))),
        (datetime(2026, 3, 20, tzinfo=UTC), state(item("si", "pro", 1, *both))),
    )
    only_pro = {"products": ["prod_b"]}
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("coupon", coupon("NOTHING", percent_off=0.01, duration="once"))
    history.records(
        "coupon", coupon("OFF20", amount_off=2_000, currency="usd", applies_to=only_pro)
    )
    for each, name in (("di_half", "HALF"), ("di_pro", "OFF20")):
        history.records("discount", discount(each, name, MARCH, subscription_item="si"))
    history.records("discount", *more)
    billed(history, line("march", MARCH, APRIL, 10_000, di_half=5_000, **reduced))
    return history


def test_a_discount_on_other_products_keeps_its_place() -> None:
    """The line of prod_a shows 50% alone; of prod_b $20 off comes first: half of 180 is 90, not 200 / 2 - 20."""
    assert march(beside_one_for_prod_b()) == (90_000_000, "exact")


@pytest.mark.parametrize(
    ("of", "found"),
    [
        ({"subscription": "sub_a"}, (90_000_000, "exact")),
        ({"subscription_item": "si"}, (80_000_000, "bounded")),
    ],
)
def test_what_the_first_invoice_used_up_leaves_the_order_of_other_levels(
    of: Json, found: tuple[int, str]
) -> None:
    """A third discount was over in the second of the invoice, which alone shows it.

    Of the subscription it says nothing of the item's; of the item it may have stood anywhere among them.
    """
    once = discount("di_once", "NOTHING", MARCH, end=MARCH, **of)
    amount, grade = march(beside_one_for_prod_b(once, di_once=0))
    assert (round(amount, -5), grade) == found


def gone_at_the_renewal(each: str) -> History:
    """A discount on the subscription in February, none since the renewal of March."""
    return History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=[each])),
        (MARCH, state(item("si", "plan"), period=MARCH)),
    )


def test_a_coupon_that_no_record_tells_may_be_for_the_product_that_comes() -> None:
    """Deleted before the first sync: the line says that it is not for prod_a; of prod_b nothing does."""
    states = [
        (FEBRUARY, state(item("si", "plan"))),
        (MARCH, state(item("si", "plan"), period=MARCH)),
        (MID_MARCH, state(item("si", "pro"), period=MARCH)),
    ]
    for until, told in ((2, (100_000_000, "exact")), (3, (200_000_000, "inferred"))):
        history = History([*PRICES, PRO]).states(*states[:until])
        history.records("discount", discount("di_gone", "GONE", JANUARY, subscription=None))
        billed(history, line("march", MARCH, APRIL, 10_000), above=["di_gone"])
        assert march(history) == told


def test_two_invoices_of_one_second_that_agree_leave_nothing_open() -> None:
    """The anchor is moved in the very second of the renewal: credited and charged again."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=["di_1"])),
        (MARCH, state(item("si", "plan"), period=MARCH, discounts=["di_1"])),
    )
    history.records("coupon", coupon("C20", percent_off=20.0), coupon("C30", percent_off=30.0))
    history.records("discount", discount("di_1", "C20", FEBRUARY))
    again = [line(name, MARCH, APRIL, 10_000, di_1=2_000) for name in ("first", "again")]
    billed(history, *again)
    assert march(history) == (80_000_000, "exact")


def test_two_invoices_of_one_second_that_differ_leave_it_open() -> None:
    history = gone_at_the_renewal("di_1")
    history.records("coupon", coupon("C20", percent_off=20.0))
    history.records("discount", discount("di_1", "C20", FEBRUARY))
    billed(
        history,
        line("first", MARCH, APRIL, 10_000, di_1=2_000),
        line("again", MARCH, APRIL, 10_000),
    )
    assert march(history)[1] == "bounded"


def test_taken_away_in_the_second_of_a_renewal_it_may_have_counted() -> None:
    """Without an invoice, and with a draft, which may be edited."""
    taken = gone_at_the_renewal("di_half")
    taken.records("coupon", coupon("HALF", percent_off=50.0))
    taken.records("discount", discount("di_half", "HALF", FEBRUARY))
    assert march(taken) == (100_000_000, "bounded")
    assert march(drafted(billed(taken, line("march", MARCH, APRIL, 10_000))))[1] == "bounded"


def test_over_as_announced_it_did_not_count() -> None:
    history = gone_at_the_renewal("di_half")
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", FEBRUARY, end=MARCH))
    assert march(history) == (100_000_000, "exact")


def test_the_customer_s_taken_away_in_the_second_of_a_renewal_may_have_counted() -> None:
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"))), (MARCH, state(item("si", "plan"), period=MARCH))
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    own = discount("di_own", "HALF", FEBRUARY, subscription=None)
    for number, (kind, at) in enumerate((("created", FEBRUARY), ("deleted", MARCH))):
        event = {
            "id": f"evt_own{number}", "object": "event", "type": f"customer.discount.{kind}",
            "created": int(at.timestamp()), "data": {"object": own},
        }  # fmt: skip
        history.records("event", event)
    assert march(history) == (100_000_000, "bounded")


@pytest.mark.parametrize("kind", ["created", "updated", "deleted"])
def test_an_event_of_a_customer_shows_the_discount_that_it_has(kind: str) -> None:
    """No list shows it: it was given while events were missing, and its customer deleted before the next sync."""
    since, gone = MARCH.replace(day=2), MARCH.replace(day=20)
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"))),
        (MARCH, state(item("si", "plan"), period=MARCH)),
        (gone.replace(month=4), state(item("si", "plan"), status="canceled")),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    own = discount("di_own", "HALF", since.replace(month=2), subscription=None)
    customer = {"id": "cus_a", "object": "customer", "discount": own}
    history.event(f"customer.{kind}", int(gone.timestamp()), {"object": customer})
    history.event("customer.updated", int(gone.timestamp()), {"object": {"id": "cus_b"}})
    assert march(history) == (50_000_000, "exact")


def test_another_order_in_the_second_of_a_renewal_leaves_it_open() -> None:
    """$10 off $100 and then half is 45, the other way round 40."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=["di_half", "di_ten"])),
        (MARCH, state(item("si", "plan"), period=MARCH, discounts=["di_ten", "di_half"])),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("coupon", coupon("TEN", amount_off=1_000, currency="usd"))
    history.records("discount", discount("di_half", "HALF", FEBRUARY))
    history.records("discount", discount("di_ten", "TEN", FEBRUARY))
    assert march(history) == (45_000_000, "bounded")


def test_a_draft_proves_no_discount_of_its_own_second() -> None:
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"))),
        (MARCH, state(item("si", "plan"), period=MARCH, discounts=["di_half"])),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", MARCH))
    billed(history, line("march", MARCH, APRIL, 10_000, di_half=5_000))
    assert march(drafted(history)) == (50_000_000, "bounded")


@pytest.mark.parametrize(("trial", "grade"), [("active", "bounded"), ("trialing", "exact")])
def test_the_discounts_of_a_trial_reduce_nothing(trial: str, grade: str) -> None:
    """Given in the very second in which the trial begins: before or after it?"""
    begins = state(item("si", "plan"), period=MARCH, discounts=["di_half"], status=trial)
    history = History(PRICES).states((FEBRUARY, state(item("si", "plan"))), (MARCH, begins))
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", MARCH))
    assert (
        history.folded().item_timeline.sort("valid_from").row(-1, named=True)["evidence"] == grade
    )
