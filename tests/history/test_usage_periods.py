"""What usage is worth: the charge of its latest service period, at the interval of the price that billed it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipeline.assets import touches
from pipeline.mrr import Policy
from tests import in_memory
from tests.history.discounted import billed, line
from tests.history.stripe_json import CALENDAR, History, coupon, discount, item, price, state

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH, APRIL, MAY = (date(2026, month, 1) for month in range(1, 6))
PER_DAY = Policy(usage="per_day")


def at(month: int, day: int = 1) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


def metered(price_id: str, months: int = 1) -> dict[str, Any]:
    made = price(price_id, 1, usage=True)
    made["recurring"]["interval_count"] = months
    return made


def usage(name: str, start: datetime, end: datetime, cents: int, **taken: int) -> dict[str, Any]:
    _, made = line(name, start, end, cents, **taken)
    made["pricing"]["price_details"]["price"] = "calls"
    made["parent"]["subscription_item_details"] = {
        "subscription_item": "si", "subscription": "sub_a", "proration": False,
    }  # fmt: skip
    return made


def test_a_charge_has_the_interval_of_the_price_that_billed_it() -> None:
    """$90 for a quarter; in April the item goes over to a price by the month, which has billed nothing yet."""
    history = History([metered("quarterly", 3), metered("monthly")]).states(
        (FIRST, state(item("si", "quarterly", None))),
        (at(4), state(item("si", "quarterly", None), period=at(4))),
        (at(4, 10), state(item("si", "monthly", None), period=at(4, 10))),
    )
    history.usage_invoice("si", "quarterly", JANUARY, [9_000], months=3)
    for policy, cents in ((Policy(), 30_000_000), (PER_DAY, 30_416_667)):
        found = [history.snapshot(month, policy)["si"] for month in (MARCH, APRIL)]
        assert [row["mrr"] for row in found] == [cents] * 2
        assert [row["billing_interval"] for row in found] == ["3 month", "month"]
    assert history.movements(APRIL).movement == {"cus_a": (None, 0)}


@pytest.mark.parametrize(("policy", "listed"), [(Policy(), 30.0), (PER_DAY, 30.416667)])
def test_an_amount_off_is_of_a_billing_cycle_whatever_the_policy(
    policy: Policy, listed: float
) -> None:
    """$30 off each quarter is $10 a month."""
    calls = item("si", "calls", None)
    history = History([metered("calls", 3)]).states(
        (FIRST, state(calls, discounts=["di"])), (at(4), state(calls, period=at(4)))
    )
    history.records("coupon", coupon("C", amount_off=3000, currency="usd"))
    history.records("discount", discount("di", "C", FIRST))
    billed(history, (at(4), usage("quarter", FIRST, at(4), 9_000, di=3_000)))
    found = history.snapshot(APRIL, policy)["si"]
    assert (found["list_mrr"] / 1e6, found["discount_mrr"] / 1e6) == (listed, 10)


@pytest.mark.parametrize("policy", [Policy(), PER_DAY])
def test_nothing_billed_for_no_time_leaves_the_period_before_it_in_force(policy: Policy) -> None:
    january = (at(2), usage("january", FIRST, at(2), 3_100))
    none = (at(2), usage("none", at(2), at(2), 0))

    def worth(*bills: tuple[datetime, dict[str, Any]]) -> tuple[int, str]:
        calls = item("si", "calls", None)
        history = History([metered("calls")]).states(
            (FIRST, state(calls)), (at(2), state(calls, period=at(2)))
        )
        row = billed(history, *bills).snapshot(JANUARY, policy)["si"]
        return row["mrr"], row["evidence"]

    assert worth(january, none) == worth(january)
    assert worth(january) == (31_000_000 if policy == Policy() else 30_416_667, "exact")


@pytest.mark.parametrize("policy", [Policy(), PER_DAY])
def test_an_amount_billed_for_no_time_is_inferred(policy: Policy) -> None:
    history = History([metered("calls")]).states((FIRST, state(item("si", "calls", None))))
    billed(history, (at(1, 10), usage("once", at(1, 10), at(1, 10), 500)))
    found = history.snapshot(JANUARY, policy)["si"]
    assert (found["mrr"], found["evidence"]) == (5_000_000, "inferred")


def test_of_two_charges_that_end_together_the_one_with_time_in_it_counts() -> None:
    history = History([metered("calls")]).states((FIRST, state(item("si", "calls", None))))
    billed(
        history,
        (at(2), usage("once", at(2), at(2), 500)),
        (at(2), usage("january", FIRST, at(2), 3_100)),
    )
    assert history.snapshot(JANUARY)["si"]["mrr"] == 31_000_000


def test_a_bill_that_is_voided_touches_the_month_with_which_its_period_ended() -> None:
    """February's usage ends with the first instant of March and counts at February's end."""

    def folded(status: str) -> in_memory.Billing:
        history = History([metered("calls")]).states((FIRST, state(item("si", "calls", None))))
        history.usage_invoice("si", "calls", JANUARY, [3_000])
        history.usage_invoice("si", "calls", FEBRUARY, [6_000])
        history.rows[-1]["payload"] = history.rows[-1]["payload"].replace('"paid"', f'"{status}"')
        return history.folded()

    changes = in_memory.changes(folded("open"), folded("void"))
    found = touches.of(changes, "at", "proof", CALENDAR)
    assert found.rows() == [(FEBRUARY, "in_si2026-02-01")]
    assert touches.months(found, CALENDAR)[0] == FEBRUARY
