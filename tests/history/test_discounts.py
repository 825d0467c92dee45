"""Whose a discount is, and what it takes off, where Stripe's objects could mislead; written by hand."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.history.stripe_json import History, Json, coupon, discount, item, price, state

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


PRO = price("pro", 20_000, "prod_b")
APRIL = datetime(2026, 4, 10, 8, tzinfo=UTC)


def line(
    name: str, at: datetime, until: datetime, cents: int, **reduced: int
) -> tuple[datetime, Json]:
    """An ordinary line of `si` for $100 of prod_a, less what each discount took off."""
    return at, {
        "id": f"il_{name}", "amount": cents, "subtotal": cents, "quantity": 1,
        "discount_amounts": [{"discount": each, "amount": amount} for each, amount in reduced.items()],
        "period": {"start": int(at.timestamp()), "end": int(until.timestamp())},
        "pricing": {"price_details": {"price": "plan", "product": "prod_a"}},
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "subscription_item": "si", "subscription": "sub_a", "proration": False,
            },
        },
    }  # fmt: skip


def billed(history: History, *lines: tuple[datetime, Json], above: Sequence[str] = ()) -> History:
    """An invoice for each line, paid at once; it names the discounts `above` its lines."""
    for number, (at, each) in enumerate(lines):
        invoice = {
            "id": f"in_{number}", "object": "invoice", "status": "paid", "customer": "cus_a",
            "created": int(at.timestamp()), "currency": "usd",
            "discounts": list(above), "lines": {"data": [each], "has_more": False},
        }  # fmt: skip
        history.records("invoice", invoice)
    return history


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


def test_a_discount_on_other_products_keeps_its_place() -> None:
    """The line of prod_a shows 50% alone; of prod_b $20 off comes first: half of 180 is 90, not 200 / 2 - 20."""
    both = ("di_pro", "di_half")
    history = History([*PRICES, PRO]).states(
        (MARCH, state(item("si", "plan", 1, *both))),
        (datetime(2026, 3, 20, tzinfo=UTC), state(item("si", "pro", 1, *both))),
    )
    only_pro = {"products": ["prod_b"]}
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records(
        "coupon", coupon("OFF20", amount_off=2_000, currency="usd", applies_to=only_pro)
    )
    for each, name in (("di_half", "HALF"), ("di_pro", "OFF20")):
        history.records("discount", discount(each, name, MARCH, subscription_item="si"))
    billed(history, line("march", MARCH, APRIL, 10_000, di_half=5_000))
    assert march(history) == (90_000_000, "exact")


def gone_at_the_renewal(each: str) -> History:
    """A discount on the subscription in February, none since the renewal of March."""
    return History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=[each])),
        (MARCH, state(item("si", "plan"), period=MARCH)),
    )


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


MID_MARCH = MARCH.replace(day=20)


def drafted(history: History) -> History:
    """The same with all its invoices as drafts."""
    for row in history.rows:
        if row["stream"] == "invoice":
            row["payload"] = row["payload"].replace('"paid"', '"draft"')
    return history


def test_a_line_with_nothing_left_does_not_show_what_was_in_force() -> None:
    """No units at the renewal and one later; $100 off and 20% off $100, then three units: (300 - 100) less 20%."""
    half = {"discounts": ["di_half"]}
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", 0), **half)),
        (MARCH, state(item("si", "plan", 0), period=MARCH, **half)),
        (MID_MARCH, state(item("si", "plan"), **half)),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", FEBRUARY))
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


def test_a_line_with_nothing_left_that_was_billed_ahead_leaves_the_discounts_open() -> None:
    """March was billed in February for no units: nobody knows whether half off was in force then."""
    half = {"discounts": ["di_half"]}
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan", 0), **half)),
        (MARCH, state(item("si", "plan", 0), period=MARCH, **half)),
        (MID_MARCH, state(item("si", "plan"), **half)),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", FEBRUARY))
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


def test_usage_has_the_discounts_of_its_own_bill() -> None:
    """What is given in the second in which its next period begins is no question of the month before."""
    calls = item("si_calls", "calls", None)
    history = History([price("calls", 100, "prod_c", usage=True)]).states(
        (FEBRUARY, state(calls)), (MARCH, state(calls, period=MARCH, discounts=["di_half"]))
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", MARCH))
    _, usage = line("calls", FEBRUARY, MARCH, 5_000)
    usage["pricing"]["price_details"] = {"price": "calls", "product": "prod_c"}
    usage["parent"]["subscription_item_details"]["subscription_item"] = "si_calls"
    billed(history, (MARCH, usage))
    found = history.snapshot(date(2026, 3, 1))["si_calls"]
    assert (found["mrr_native"], found["evidence"]) == (50_000_000, "exact")


@pytest.mark.parametrize("billed_before", [True, False])
def test_usage_without_a_bill_takes_part_in_what_is_off_its_subscription(
    billed_before: bool,
) -> None:
    """$12 off goes in the second in which a month of usage begins: the plan has it by the year or by the month."""
    plan, calls = item("si", "plan"), item("si_calls", "calls", None)
    yearly, metered = (
        price("plan", 120_000, interval="year"),
        price("calls", 0, "prod_c", usage=True),
    )
    history = History([yearly, metered]).states(
        (JANUARY, state(plan, calls, discounts=["di_ten"])),
        (FEBRUARY, state(plan, calls, period=FEBRUARY, discounts=["di_ten"])),
        (MARCH, state(plan, calls, period=MARCH)),
    )
    for row in history.rows:
        if row["stream"] == "event":  # the plan's period is the year
            event = json.loads(row["payload"])
            previous = event["data"].get("previous_attributes", {}).get("items", {"data": []})
            for each in (*event["data"]["object"]["items"]["data"], *previous["data"]):
                if each["id"] == "si":
                    each["current_period_start"] = int(JANUARY.timestamp())
            row["payload"] = json.dumps(event, separators=(",", ":"))
    history.records("coupon", coupon("TEN", amount_off=1_200, currency="usd"))
    history.records("discount", discount("di_ten", "TEN", JANUARY))
    at, first = line("plan", JANUARY, JANUARY.replace(year=2027), 120_000, di_ten=1_200)
    bills = [(at, first)]
    if billed_before:
        _, usage = line("calls", JANUARY, FEBRUARY, 0)
        usage["pricing"]["price_details"] = {"price": "calls", "product": "prod_c"}
        usage["parent"]["subscription_item_details"]["subscription_item"] = "si_calls"
        bills.append((FEBRUARY, usage))
    billed(history, *bills)
    timeline = history.folded().item_timeline.filter(subscription_item_id="si_calls")
    grade = timeline.sort("valid_from").row(-1, named=True)["evidence"]
    assert grade == ("exact" if billed_before else "bounded")


def seldom(limits: dict[str, Any]) -> History:
    """Half off from before every event on, taken away in March; the line of February does not name it."""
    history = History(PRICES).states(
        (FEBRUARY, state(item("si", "plan"), discounts=["di_half"])),
        (FEBRUARY.replace(day=20), state(item("si", "plan"))),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0, **limits))
    history.records("discount", discount("di_half", "HALF", JANUARY))
    return history


def february(history: History) -> tuple[int, str]:
    row: dict[str, Any] = history.snapshot(date(2026, 2, 1))["si"]
    return row["mrr_native"], row["evidence"]


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


def test_usage_left_with_nothing_has_the_discounts_that_its_invoice_names() -> None:
    """$12 off went before February's usage of nothing was billed: the yearly plan has all of it, a dollar a month."""
    metered, yearly = (
        price("calls", 0, "prod_c", usage=True),
        price("plan", 120_000, interval="year"),
    )
    calls, plan = item("si_calls", "calls", None), item("si", "plan")
    history = History([yearly, metered]).states(
        (FEBRUARY, state(plan, calls, discounts=["di_ten"])),
        (FEBRUARY.replace(day=20), state(plan, calls)),
    )
    history.records("coupon", coupon("TEN", amount_off=1_200, currency="usd"))
    history.records("discount", discount("di_ten", "TEN", FEBRUARY))
    _, usage = line("calls", FEBRUARY, MARCH, 0)
    usage["pricing"]["price_details"] = {"price": "calls", "product": "prod_c"}
    usage["parent"]["subscription_item_details"]["subscription_item"] = "si_calls"
    at, first = line("plan", FEBRUARY, FEBRUARY.replace(year=2027), 120_000, di_ten=1_200)
    billed(history, (at, first), (MARCH, usage))
    assert february(history) == (99_000_000, "exact")
