"""Worked examples of docs/method.md, "Evidence" to "Components"."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from pipeline import mrr
from tests.docs.page import Example, Figure, Rows
from tests.docs.value_examples import BEGUN, at, dollars, over_months
from tests.history.stripe_json import (
    CALENDAR,
    History,
    Result,
    coupon,
    discount,
    item,
    price,
    state,
)

Json = dict[str, Any]
FEBRUARY, MARCH, APRIL = (date(2026, number, 1) for number in range(2, 5))
PRICES = [
    price("p100", 10_000, "prod_a"),
    price("p120", 12_000, "prod_a"),
    price("p_year", 96_000, "prod_a", interval="year"),
    price("p_pro", 25_000, "prod_pro"),
    price("p30", 3_000, "prod_add"),
    price("p_seat", 1_000, "prod_seat"),
    price("p_seat12", 1_200, "prod_seat"),
    price("p_team", 1_500, "prod_team"),
    price("p_use", 2, "prod_use", usage=True),
    price("p_free", 0, "prod_a"),
]
ONE, TWO = item("si", "p100"), item("si", "p100", 2)
GONE = {"status": "canceled", "cancellation_details": {"reason": "cancellation_requested"}}
MOVED = at(3, 3)


def history(*states: tuple[datetime, Json], **more: Any) -> History:
    return History(PRICES).states(*states, **more)


def changed(before: Json, after: Json) -> Result:
    """March of an account whose one subscription went from one state to another on 3 March."""
    return history((BEGUN, before), (MOVED, after)).movements(MARCH)


def amounts(types: Mapping[str, float]) -> str:
    """`seat +120, price +40`."""
    return ", ".join(f"{kind} {amount:+,.15g}" for kind, amount in types.items() if amount)


def parts(found: Result) -> str:
    """The components of every item together, in the order of the path."""
    order = ("seat", "plan", "interval", "price", "discount", "usage", "add_on", "cross_sell")
    known = found.types
    return (
        amounts(
            {
                kind: known[kind]
                for kind in (*order, "new", "churn", "reactivation")
                if kind in known
            }
        )
        or "none"
    )


def row(found: Result, account: str = "cus_a") -> tuple[Figure, ...]:
    """Opening at the month's rates, closing, movement."""
    told = found.found.movement.filter(pl.col("account_id") == account)
    if told.is_empty():
        return 0, 0, "none"
    only = told.row(0, named=True)
    opening = dollars(only["opening_mrr"] + only["fx_mrr"])
    return opening, dollars(only["closing_mrr"]), only["movement"] or "none"


def free_coupon(*states: tuple[datetime, Json]) -> History:
    """100% off for ever, given on 3 March, or from the start until then."""
    made = History(PRICES).records("coupon", coupon("free", percent_off=100))
    made.records("discount", discount("di", "free", BEGUN))
    return made.states(*states)


# ---- evidence --------------------------------------------------------------------------------


def _invoices(quantities: Mapping[int, int]) -> History:
    """A subscription since 10 October 2025, invoiced by the month; events are known from January 2026 on."""
    created = datetime(2025, 10, 10, 8, tzinfo=UTC)
    made = History(PRICES)
    starts = [datetime(2025, month, 10, 8, tzinfo=UTC) for month in (10, 11, 12)] + [at(1, 10)]
    for number, (start, end) in enumerate(pairwise(starts)):
        made.records("invoice", _invoice(f"in_{number}", start, end, quantities[start.month]))
    fields = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "status": "active",
        "created": int(created.timestamp()), "discounts": [],
        "items": {"data": [item("si", "p100", quantities[12]) | {
            "created": int(created.timestamp()), "current_period_start": int(starts[-2].timestamp())}],
            "has_more": False},
    }  # fmt: skip
    return made.records("subscription", fields)


def _invoice(name: str, start: datetime, end: datetime, quantity: int) -> Json:
    line = {
        "id": f"il_{name}", "amount": 10_000 * quantity, "subtotal": 10_000 * quantity, "quantity": quantity,
        "discount_amounts": [], "period": {"start": int(start.timestamp()), "end": int(end.timestamp())},
        "pricing": {"price_details": {"price": "p100", "product": "prod_a"}},
        "parent": {"type": "subscription_item_details", "subscription_item_details": {
            "subscription_item": "si", "subscription": "sub_a", "proration": False}},
    }  # fmt: skip
    return {
        "id": name, "object": "invoice", "status": "paid", "customer": "cus_a", "currency": "usd",
        "created": int(start.timestamp()), "discounts": [], "lines": {"data": [line], "has_more": False},
    }  # fmt: skip


def _prorated(made: History, instant: datetime, before: int, after: int) -> History:
    """Credit of the quantity before and debit of the one after, dated when the change was made."""
    end = int(datetime(2025, 11, 10, 8, tzinfo=UTC).timestamp())
    for name, quantity, amount in (("out", before, -before * 5_000), ("in", after, after * 5_000)):
        record = {
            "id": f"ii_{name}", "object": "invoiceitem", "amount": amount, "currency": "usd", "customer": "cus_a",
            "date": int(instant.timestamp()), "proration": True, "quantity": quantity,
            "parent": {"type": "subscription_details",
                       "subscription_details": {"subscription": "sub_a", "subscription_item": "si"}},
            "period": {"start": int(instant.timestamp()), "end": end},
            "pricing": {"price_details": {"price": "p100", "product": "prod_a"}},
        }  # fmt: skip
        made.records("invoiceitem", record)
    return made


def _grade(made: History, month: date) -> tuple[Figure, ...]:
    found = made.snapshot(month)["si"]
    return dollars(found["mrr"]), found["evidence"]


def grades() -> Rows:
    october, november = date(2025, 10, 1), date(2025, 11, 1)
    told = history((BEGUN, state(ONE)), (at(2, 10), state(TWO)))
    odd = History(PRICES).states((BEGUN, state(ONE, discounts=["di_lost"])))
    agree, differ = _invoices({10: 2, 11: 2, 12: 2}), _invoices({10: 2, 11: 3, 12: 3})
    dated = _prorated(
        _invoices({10: 2, 11: 3, 12: 3}), datetime(2025, 10, 25, 8, tzinfo=UTC), before=2, after=3
    )
    return {
        "every event since January is stored, February": _grade(told, FEBRUARY),
        "invoices of October and November show 2 seats, October": _grade(agree, october),
        "the invoice of October shows 2 seats, that of November 3, October": _grade(
            differ, october
        ),
        "the same, with a credit for 2 and a charge for 3 seats of 25 October, October": _grade(
            dated, october
        ),
        "the account without them, November": _grade(differ, november),
        "a discount whose coupon was never seen, January": _grade(odd, date(2026, 1, 1)),
    }


def missed_event() -> Rows:
    def lived(missed: list[int]) -> list[Figure]:
        made = history(
            (BEGUN, state(TWO)),
            (at(2, 15), state(item("si", "p100", 3))),
            (at(4, 15), state(item("si", "p100", 5))),
            missed=missed,
        )
        ends = over_months(made, (FEBRUARY, MARCH, APRIL, date(2026, 5, 1)))
        return [f"{dollars(row['mrr']):,.0f} {row['evidence']}" for row in ends]

    return {"every event arrived": lived([]), "the event of 15 February is missing": lived([1])}


# ---- account, movement -----------------------------------------------------------------------


def accounts() -> Rows:
    """One customer leaves on 3 March, another of the same firm takes two seats in place of one."""
    made = history((BEGUN, state(ONE)), (MOVED, state(ONE, **GONE)))
    made.states(
        (BEGUN, state(item("si_b", "p100"))), (MOVED, state(item("si_b", "p100", 3))), customer="b"
    )
    book = made.mrr_book()
    links = pl.LazyFrame({"customer_id": ["cus_a", "cus_b"], "account_id": ["acme", "acme"]})
    linked = Result(
        mrr.movements(replace(book, account_link=links), CALENDAR, [MARCH], mrr.Policy(), (1,))
    )
    excluded = replace(book, excluded=("cus_b",))
    without = Result(mrr.movements(excluded, CALENDAR, [MARCH], mrr.Policy(), (1,)))
    apart = made.movements(MARCH)
    return {
        "no link: customer 1": row(apart),
        "no link: customer 2": row(apart, "cus_b"),
        "both linked to Acme": row(linked, "acme"),
        "customer 2 excluded: customer 1": row(without),
    }  # fmt: skip


def movements() -> Rows:
    came_back = history((BEGUN, state(ONE)), (at(2, 3), state(ONE, **GONE)))
    came_back.states((MOVED, state(item("si_2", "p100"))), name="_2")
    within = history((BEGUN, state(ONE)), (at(3, 3), state(TWO)), (at(3, 20), state(ONE)))
    brief = history((at(3, 3), state(ONE)), (at(3, 20), state(ONE, **GONE)))
    idle = history((BEGUN, state(item("si", "p_use", None))))
    idle.usage("a", "si", "p_use", {date(2026, 1, 1): 3000, FEBRUARY: 0, MARCH: 4000})
    off = free_coupon((BEGUN, state(ONE)), (MOVED, state(ONE, period=MOVED, discounts=["di"])))
    on = free_coupon(
        (BEGUN, state(ONE)),
        (at(2, 10), state(ONE, period=at(2, 10), discounts=["di"])),
        (at(3, 10), state(ONE, period=at(3, 10))),
    )
    gone_free = changed(state(ONE), state(item("si", "p_free")))
    paid_once = history((BEGUN, state(ONE))).one_off("a", MOVED, 99_900)
    return {
        "first subscription on 3 March": row(history((MOVED, state(ONE))).movements(MARCH)),
        "2 seats become 3": row(changed(state(TWO), state(item("si", "p100", 3)))),
        "2 seats become 1": row(changed(state(TWO), state(ONE))),
        "cancelled on 3 March": row(changed(state(ONE), state(ONE, **GONE))),
        "left in February, back on 3 March": row(came_back.movements(MARCH)),
        "a one-off charge of $999": row(paid_once.movements(MARCH)),
        "renewed at the same value": row(changed(state(ONE), state(ONE, period=MOVED))),
        "up on 3 March, down again on 20 March": row(within.movements(MARCH)),
        "came on 3 March, left on 20 March": row(brief.movements(MARCH)),
        "usage bills: $30, then $0, then $40": row(idle.movements(MARCH)),
        "100% off until 10 March, paid before": row(on.movements(MARCH)),
        "100% off from 3 March": row(off.movements(MARCH)),
        "moved to a free plan": row(gone_free),
    }  # fmt: skip


def _within(made: History) -> tuple[Figure, ...]:
    found = mrr.within(mrr.Valued.of(made.mrr_book(), mrr.Policy()), CALENDAR, [MARCH])
    if found.is_empty():
        return ("none",)
    only = found.row(0, named=True)
    money = [dollars(only[f"{name}_mrr"]) for name in ("up", "down", "netted", "delta")]
    return *money, only["passing_items"]


def within() -> Rows:
    paused = state(ONE, pause_collection={"behavior": "void", "resumes_at": None})
    five, three = (item("si", "p100", quantity) for quantity in (5, 3))

    def replaced(begins: datetime) -> History:
        made = history((BEGUN, state(ONE)), (MOVED, state(ONE, **GONE)))
        return made.states((begins, state(item("si_2", "p100"))), name="_2")

    return {
        "up on 3 March, down again on 20 March": _within(
            history((BEGUN, state(ONE)), (MOVED, state(TWO)), (at(3, 20), state(ONE)))
        ),
        "1 seat becomes 5, then 3": _within(
            history((BEGUN, state(ONE)), (MOVED, state(five)), (at(3, 20), state(three)))
        ),
        "came on 3 March, left on 20 March": _within(
            history((MOVED, state(ONE)), (at(3, 20), state(ONE, **GONE)))
        ),
        "collection paused on 3 March, resumed on 20 March": _within(
            history((BEGUN, state(ONE)), (MOVED, paused), (at(3, 20), state(ONE)))
        ),
        "one subscription ends, another begins in the same second": _within(replaced(MOVED)),
        "the other one begins a second later": _within(replaced(MOVED + timedelta(seconds=1))),
    }


def first_paid() -> Rows:
    made = history((MOVED, state(ONE)))
    migrated = replace(made.mrr_book(), first_paid_on={"cus_a": "2024-05-31"})
    found = Result(mrr.movements(migrated, CALENDAR, [MARCH], mrr.Policy(), (1,)))
    return {
        "first seen on 3 March": row(made.movements(MARCH)),
        "the same, `first_paid_on` says 2024-05-31": row(found),
    }


def churn_kinds() -> Rows:
    pause = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    ends = {
        "the customer asked": GONE,
        "payment failed for good": {"status": "canceled", "cancellation_details": {"reason": "payment_failed"}},
        "the subscription is `unpaid`": {"status": "unpaid"},
        "collection is paused": pause,
        "cancelled, no reason given": {"status": "canceled"},
    }  # fmt: skip
    found = {name: changed(state(ONE), state(ONE, **end)) for name, end in ends.items()}
    return {name: (each.found.movement["churn_kind"].item(),) for name, each in found.items()}


# ---- components ------------------------------------------------------------------------------


def components() -> Rows:
    seats, more = item("si", "p_seat", 10), item("si", "p_seat", 25)
    both = state(ONE, item("si_add", "p30"))
    second = history((BEGUN, state(ONE))).states((MOVED, state(item("si_b", "p_pro"))), name="_2")
    usage = history((BEGUN, state(ONE, item("si_use", "p_use", None))))
    usage.usage("a", "si_use", "p_use", {FEBRUARY: 2000, MARCH: 3250})
    ended = History(PRICES).records("coupon", coupon("c", "repeating", percent_off=25))
    ended.records("discount", discount("di", "c", BEGUN, end=at(3, 10)))
    ended.states(
        (BEGUN, state(ONE, discounts=["di"])),
        (at(2, 10), state(ONE, period=at(2, 10), discounts=["di"])),
        (at(3, 10), state(ONE, period=at(3, 10))),
    )
    found = {
        "10 seats at $10 become 25": changed(state(seats), state(more)),
        "plan $100 becomes plan $250 (another product)": changed(state(ONE), state(item("si", "p_pro"))),
        "$100 a month becomes $960 a year": changed(state(ONE), state(item("si", "p_year"), period=MOVED)),
        "$100 becomes $120, the same plan": changed(state(ONE), state(item("si", "p120"))),
        "25% off ends on 10 March, $100": ended.movements(MARCH),
        "usage bills: $20, then $32.50": usage.movements(MARCH),
        "an item at $30 joins the subscription": changed(state(ONE), both),
        "an item at $30 leaves the subscription": changed(both, state(ONE)),
        "an item at $120 of the plan's product joins at $100": changed(state(ONE), state(ONE, item("si_2", "p120"))),
        "a second subscription, a product the account did not have": second.movements(MARCH),
        "10 seats at $10 become 12 at $15 of another plan": changed(state(seats), state(item("si", "p_team", 12))),
    }  # fmt: skip
    return {name: (parts(each),) for name, each in found.items()}


def path() -> Rows:
    coupons = (
        coupon("fifth", percent_off=20),
        coupon("tenth", percent_off=10),
        coupon("50usd", amount_off=5_000, currency="usd"),
    )

    def moved(before: tuple[str, int, str], after: tuple[str, int, str]) -> tuple[Figure, ...]:
        made = History(PRICES).records("coupon", *coupons)
        states = []
        for period, (price_id, quantity, name) in ((BEGUN, before), (MOVED, after)):
            made.records("discount", discount(f"di_{name}", name, BEGUN))
            seats = item("si", price_id, quantity)
            states.append((period, state(seats, period=period, discounts=[f"di_{name}"])))
        found = made.states(*states).movements(MARCH)
        opening, closing, _ = row(found)
        return opening, closing, parts(found)

    seat, dearer = "p_seat", "p_seat12"
    return {
        "10 → 25 seats at $10, 20% off": moved((seat, 10, "fifth"), (seat, 25, "fifth")),
        "10 → 25 seats, $10 → $12 a seat, 20% → 10% off": moved((seat, 10, "fifth"), (dearer, 25, "tenth")),
        "10 → 25 seats, $10 → $12 a seat, $50 off": moved((seat, 10, "50usd"), (dearer, 25, "50usd")),
    }  # fmt: skip


def pairing() -> Rows:
    swapped = changed(state(ONE), state(item("si_2", "p120")))
    product = changed(state(ONE), state(item("si_2", "p_pro")))

    def elsewhere(price_id: str) -> Result:
        made = history((BEGUN, state(ONE)), (MOVED, state(ONE, **GONE)))
        return made.states((MOVED, state(item("si_2", price_id))), name="_2").movements(MARCH)

    two = changed(
        state(item("si_1", "p100", 2), item("si_2", "p30")),
        state(item("si_3", "p_pro"), item("si_4", "p30")),
    )
    found = {
        "the item changes its price": changed(state(ONE), state(item("si", "p120"))),
        "another item, the same subscription and product": swapped,
        "another item and product, the same subscription": product,
        "another subscription, the same product": elsewhere("p100"),
        "another subscription and product": elsewhere("p_pro"),
        "$200 and $30 become $250 and $30, all new items": two,
    }  # fmt: skip
    return {name: (row(each)[2], parts(each)) for name, each in found.items()}


EXAMPLES: list[Example] = [
    grades, missed_event, accounts, movements, within, first_paid, churn_kinds, components, path, pairing,
]  # fmt: skip
