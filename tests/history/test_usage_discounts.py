"""The discounts of usage, with a bill of its own and without; written by hand."""

import json
from datetime import date

import pytest

from tests.history.discounted import (
    APRIL,
    FEBRUARY,
    JANUARY,
    MARCH,
    billed,
    february,
    line,
)
from tests.history.stripe_json import History, Json, coupon, discount, item, price, state


def of_calls(usage: Json) -> None:
    """Make a line one of the usage of `si_calls`."""
    usage["pricing"]["price_details"] = {"price": "calls", "product": "prod_c"}
    usage["parent"]["subscription_item_details"]["subscription_item"] = "si_calls"


def test_usage_has_the_discounts_of_its_own_bill() -> None:
    """What is given in the second in which its next period begins is no question of the month before."""
    calls = item("si_calls", "calls", None)
    history = History([price("calls", 100, "prod_c", usage=True)]).states(
        (FEBRUARY, state(calls)), (MARCH, state(calls, period=MARCH, discounts=["di_half"]))
    )
    history.records("coupon", coupon("HALF", percent_off=50.0))
    history.records("discount", discount("di_half", "HALF", MARCH))
    _, usage = line("calls", FEBRUARY, MARCH, 5_000)
    of_calls(usage)
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
        of_calls(usage)
        bills.append((FEBRUARY, usage))
    billed(history, *bills)
    timeline = history.folded().item_timeline.filter(subscription_item_id="si_calls")
    grade = timeline.sort("valid_from").row(-1, named=True)["evidence"]
    assert grade == ("exact" if billed_before else "bounded")


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
    of_calls(usage)
    at, first = line("plan", FEBRUARY, FEBRUARY.replace(year=2027), 120_000, di_ten=1_200)
    billed(history, (at, first), (MARCH, usage))
    assert february(history) == (99_000_000, "exact")


@pytest.mark.parametrize(("cents", "grade"), [(8, "bounded"), (9, "exact")])
def test_what_an_unlisted_coupon_took_off_a_few_cents_leaves_no_trace(
    cents: int, grade: str
) -> None:
    """6% of 8 cents are rounded to nothing, of 9 to a cent; whether it is for usage only a trace could tell."""
    calls = item("si_calls", "calls", None)
    history = History([price("calls", 100, "prod_c", usage=True)]).states(
        (FEBRUARY, state(calls, discounts=["di_six"])),
        (MARCH, state(calls, period=MARCH, discounts=["di_six"])),
    )
    history.records("coupon", coupon("SIX", percent_off=6.0, embedded=True))
    history.records("discount", discount("di_six", "SIX", FEBRUARY))
    _, usage = line("calls", FEBRUARY, MARCH, cents)
    of_calls(usage)
    billed(history, (MARCH, usage), above=["di_six"])
    found = history.snapshot(date(2026, 3, 1))["si_calls"]
    assert (found["mrr_native"], found["evidence"]) == (cents * 10_000, grade)


@pytest.mark.parametrize(
    ("cents", "limits", "found"),
    [
        (8, {}, (75_200, "exact")),
        (9, {}, (90_000, "exact")),
        (8, {"embedded": True}, (80_000, "bounded")),
    ],
)
def test_a_line_names_its_own_discount_that_took_nothing_off_a_few_cents(
    cents: int, limits: dict[str, bool], found: tuple[int, str]
) -> None:
    """6% of 8 cents are rounded to nothing, and Stripe may not say so; of 9 cents a cent would show."""
    calls = item("si_calls", "calls", None, "di_six")
    history = History([price("calls", 100, "prod_c", usage=True)]).states(
        (FEBRUARY, state(calls)), (MARCH, state(calls, period=MARCH))
    )
    history.records("coupon", coupon("SIX", percent_off=6.0, **limits))
    history.records("discount", discount("di_six", "SIX", FEBRUARY, subscription_item="si_calls"))
    _, usage = line("calls", FEBRUARY, MARCH, cents)
    usage["discounts"] = ["di_six"]
    of_calls(usage)
    billed(history, (MARCH, usage))
    row = history.snapshot(date(2026, 3, 1))["si_calls"]
    assert (row["mrr_native"], row["evidence"]) == found


@pytest.mark.parametrize("others", [0, 100_000])
def test_an_amount_off_an_item_shows_on_its_line_whatever_others_cost(others: int) -> None:
    """A dollar off five cents would leave none; that the plan beside costs a thousand dollars is no reason."""
    calls = item("si_calls", "calls", None, "di_one")
    history = History([price("calls", 100, "prod_c", usage=True)]).states(
        (FEBRUARY, state(calls)), (MARCH, state(calls, period=MARCH))
    )
    history.records("coupon", coupon("ONE", amount_off=100, currency="usd"))
    history.records("discount", discount("di_one", "ONE", FEBRUARY, subscription_item="si_calls"))
    _, usage = line("calls", FEBRUARY, MARCH, 5)
    usage["discounts"] = ["di_one"]
    of_calls(usage)
    _, plan = line("plan", MARCH, APRIL, others)
    billed(history, (MARCH, usage))
    for row in history.rows:
        if row["stream"] == "invoice":
            invoice = json.loads(row["payload"])
            invoice["lines"]["data"].append(plan)
            row["payload"] = json.dumps(invoice)
    row = history.snapshot(date(2026, 3, 1))["si_calls"]
    assert (row["mrr_native"], row["evidence"]) == (50_000, "exact")


def test_usage_of_no_time_leaves_the_next_period_its_own_discounts() -> None:
    """A new anchor bills March's usage of no second at all; the whole of March, with the same start, a month later."""
    calls = item("si_calls", "calls", None)
    history = History([price("calls", 100, "prod_c", usage=True)]).states(
        (FEBRUARY, state(calls, discounts=["di_half"])),
        (MARCH, state(calls, period=MARCH, discounts=["di_half"])),
    )
    history.records("coupon", coupon("HALF", percent_off=50.0), coupon("FIFTH", percent_off=20.0))
    history.records(
        "discount",
        discount("di_half", "HALF", FEBRUARY),
        discount("di_fifth", "FIFTH", MARCH),
    )
    bills = [
        line("none", MARCH, MARCH, 0, di_half=0),
        line("march", MARCH, APRIL, 5_000, di_fifth=1_000),
    ]
    for _, usage in bills:
        of_calls(usage)
    billed(history, (MARCH, bills[0][1]), (APRIL, bills[1][1]))
    charges = history.folded().usage_charge.sort("period_end")
    given = [[each["discount_id"] for each in ids] for ids in charges["discounts"]]
    assert given == [["di_fifth"]], "nothing billed for no time is no service period"
