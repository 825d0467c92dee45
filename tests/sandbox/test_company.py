"""The simulated company keeps its own rules: time, events, invoices, shapes."""

import inspect
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import orjson
import pytest
import stripe

from pipeline.sandbox.company import FEATURES, Company
from pipeline.sandbox.company.calendar import add_months, instant, period_around
from pipeline.sandbox.company.events import previous_attributes, state_before
from pipeline.sandbox.company.people import make_account
from pipeline.sandbox.company.pricing import charge_lines, whole_cents
from pipeline.sandbox.company.records import Customer
from pipeline.sandbox.company.render import subscription_snapshot
from pipeline.sandbox.company.wishes import TURNS

END = datetime(2026, 11, 23, tzinfo=UTC)
SEEDS = range(6)


EVERYTHING = FEATURES | TURNS


def small(seed: int, features: set[str] | frozenset[str] | None = None) -> Company:
    company = Company(seed, customers=14, months=10, end=END, features=features)
    company.advance(END)
    return company


@pytest.fixture(
    scope="module", params=[(seed, chosen) for chosen in (FEATURES, EVERYTHING) for seed in SEEDS]
)
def company(request: pytest.FixtureRequest) -> Company:
    return small(*request.param)


@pytest.fixture(scope="module")
def demo() -> Company:
    company = Company()
    company.advance(END)
    return company


def fingerprint(company: Company) -> bytes:
    return orjson.dumps([company.objects, company.hubspot])


# time


def test_steps_of_the_clock_change_nothing() -> None:
    at_once = small(3, EVERYTHING)
    stepwise = Company(3, customers=14, months=10, end=END, features=EVERYTHING)
    while stepwise.now < END:
        stepwise.advance(min(END, stepwise.now + timedelta(days=7, seconds=12345)))
    assert fingerprint(at_once) == fingerprint(stepwise)


def test_the_same_in_every_process() -> None:
    code = (
        "import sys, hashlib; from tests.sandbox.test_company import small, fingerprint;"
        "sys.stdout.write(hashlib.sha256(fingerprint(small(4))).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_the_clock_cannot_go_back() -> None:
    company = Company(1, customers=3, months=2, end=END)
    company.advance(END)
    with pytest.raises(ValueError, match="cannot go back"):
        company.advance(END - timedelta(seconds=1))


def test_nothing_has_happened_at_the_start() -> None:
    company = Company(1)
    assert company.now == datetime(2024, 11, 1, tzinfo=UTC)
    assert not any(company.objects.values())


def test_events_stay_as_they_were_written() -> None:
    company = Company(5, customers=14, months=10, end=END)
    company.advance(END - timedelta(days=120))
    before = orjson.dumps(company.objects["event"])
    count = len(company.objects["event"])
    company.advance(END)
    kept = dict(list(company.objects["event"].items())[:count])
    assert orjson.dumps(kept) == before


def test_end_of_month_is_clamped_and_comes_back() -> None:
    anchor = instant(datetime(2025, 1, 31, 10, tzinfo=UTC))
    ends = [add_months(anchor, months) for months in (1, 2, 13)]
    assert [datetime.fromtimestamp(at, UTC).day for at in ends] == [28, 31, 28]
    start, end = period_around(anchor, "month", 1, ends[0])
    assert (start, end) == (ends[0], ends[1])


# events


def test_previous_attributes_invert() -> None:
    before = {"a": 1, "h": {"x": 1, "y": [1, 2]}, "gone": {"k": 1}, "new": None}
    after = {"a": 1, "h": {"x": 2, "y": [1]}, "gone": None, "new": {"z": 1}}
    previous = previous_attributes(before, after)
    assert previous == {"h": {"x": 1, "y": [1, 2]}, "gone": {"k": 1}, "new": None}
    assert state_before(after, previous) == before


def test_each_event_begins_where_the_one_before_ended(company: Company) -> None:
    kinds = {"subscription", "customer"}
    last: dict[str, dict] = {}
    times: dict[str, int] = {}
    for event in company.objects["event"].values():
        obj = event["data"]["object"]
        if obj["object"] not in kinds:
            continue
        if event["type"].endswith(".updated"):
            previous = event["data"]["previous_attributes"]
            assert previous or obj["items"]["has_more"]
            before = state_before(obj, previous)
            assert plain(before) == plain(last[obj["id"]]), event["type"]
        assert event["created"] >= times.get(obj["id"], 0)
        last[obj["id"]], times[obj["id"]] = obj, event["created"]


def plain(obj: dict) -> dict:
    """Without what may change beside an object's own events: prices and invoice numbers."""
    kept = {key: value for key, value in obj.items() if key != "next_invoice_sequence"}
    if "metadata" in kept:  # what is new in a hash was null before
        kept["metadata"] = {key: text for key, text in kept["metadata"].items() if text}
    if "items" in kept:
        items = [{**each, "price": each["price"]["id"]} for each in kept["items"]["data"]]
        kept["items"] = {**kept["items"], "data": items}
    return kept


def test_objects_are_where_their_last_event_left_them(company: Company) -> None:
    last = {}
    for event in company.objects["event"].values():
        last[event["data"]["object"].get("id")] = event["data"]["object"]
    for sub_id, obj in company.objects["subscription"].items():
        shown = subscription_snapshot(obj, company.books.price_views)
        assert plain(shown) == plain(last[sub_id])


def test_ends_and_renewals_are_announced_when_they_happen(company: Company) -> None:
    deleted, renewed, long = {}, defaultdict(set), set()
    for event in company.objects["event"].values():
        obj = event["data"]["object"]
        if event["type"] == "customer.subscription.deleted":
            deleted[obj["id"]] = event["created"]
        if event["type"] == "customer.subscription.updated":
            if obj["items"]["has_more"]:
                long.add(obj["id"])
            for item in obj["items"]["data"]:
                renewed[item["id"]].add((item["current_period_start"], event["created"]))
    for sub in company.objects["subscription"].values():
        if sub["status"] != "incomplete_expired":
            assert sub["ended_at"] == deleted.get(sub["id"])
    for item_id, ledger in company.ledgers.items():
        for period in ledger.periods[1:]:
            shown = (period.start, period.start) in renewed[item_id]
            assert shown or ledger.subscription in long


# invoices


def test_every_service_period_is_invoiced(company: Company) -> None:
    billed: dict[tuple[str, int], list[dict]] = defaultdict(list)
    for invoice in company.objects["invoice"].values():
        for line in invoice["lines"]["data"]:
            details = line["parent"]["subscription_item_details"]
            if details and not details["proration"]:
                billed[details["subscription_item"], line["period"]["start"]].append(line)
    changed = {
        (pending["parent"]["subscription_details"]["subscription_item"], pending["date"])
        for pending in company.objects["invoiceitem"].values()
    }
    for ledger in company.ledgers.values():
        for period in ledger.periods:
            if (ledger.item, period.start) in changed:
                continue  # renewed and changed in the same second
            state = [state for at, state in ledger.states if at <= period.start][-1:]
            price = company.books.catalogue.by_id[state[0].price] if state and state[0] else None
            if price is None or price.metered or state[0].status != "active":
                continue
            sub = company.objects["subscription"][ledger.subscription]
            if ledger.states[0][0] == period.start != sub["created"]:
                continue  # added in mid-period: a proration or nothing
            lines = billed[ledger.item, period.start]
            parts = charge_lines(price, ledger.currency, state[0].quantity or 0)
            assert sorted(line["amount"] for line in lines) == sorted(
                whole_cents(part.cents) for part in parts
            )
            taken = {each["discount"] for line in lines for each in line["discount_amounts"]}
            assert taken <= {*period.item_discounts, *period.discounts}
        for usage in ledger.usages:
            assert sum(line["amount"] for line in billed[ledger.item, usage.start]) == usage.cents


def test_invoices_add_up(company: Company) -> None:
    for invoice in company.objects["invoice"].values():
        lines = invoice["lines"]["data"]
        off = sum(part["amount"] for line in lines for part in line["discount_amounts"])
        assert invoice["subtotal"] == sum(line["subtotal"] for line in lines)
        assert invoice["total"] == invoice["subtotal"] - off
        for line in lines:
            assert sum(part["amount"] for part in line["discount_amounts"]) <= max(
                line["amount"], 0
            )


def test_prorations_name_what_they_credit(company: Company) -> None:
    for pending in company.objects["invoiceitem"].values():
        assert pending["proration"]
        credited = pending["proration_details"]["credited_items"]
        if credited and credited["type"] == "invoice_item":
            assert company.objects["invoiceitem"][credited["invoice_item"]]["amount"] >= 0
        elif credited:
            where = credited["invoice_line_item_details"]
            held = company.objects["invoice"][where["invoice"]]["lines"]["data"]
            assert {*where["invoice_line_items"]} <= {line["id"] for line in held}
        else:  # a debit, or what was added without a proration
            parent = pending["parent"]["subscription_details"]
            ledger = company.ledgers[parent["subscription_item"]]
            sub = company.objects["subscription"][parent["subscription"]]
            assert pending["amount"] >= 0 or ledger.states[0][0] > sub["created"]
        if pending["invoice"]:
            lines = company.objects["invoice"][pending["invoice"]]["lines"]["data"]
            parents = [
                line["parent"]["invoice_item_details"]
                or line["parent"]["subscription_item_details"]
                for line in lines
            ]
            assert pending["id"] in {parent["invoice_item"] for parent in parents}


def test_upgrade_in_the_middle_of_a_month_is_a_pair() -> None:
    company = Company(1, customers=0, months=3, end=END, features=set())
    start = datetime(2026, 8, 1, tzinfo=UTC)
    company.advance(start)
    account_id = stage_customer(company)
    shop = company.books.catalogue
    sub = company.subscriptions.create(account_id, [(shop.price("starter/month", "usd"), 10)])
    company.advance(start + timedelta(days=15, hours=12))
    company.subscriptions.change(sub, sub.items[0], shop.price("pro/month", "usd"), 10)
    credit, debit = company.objects["invoiceitem"].values()
    assert (credit["amount"], debit["amount"]) == (-7500, 19500)
    assert (
        credit["period"]
        == debit["period"]
        == {
            "start": instant(start + timedelta(days=15, hours=12)),
            "end": instant(datetime(2026, 9, 1, tzinfo=UTC)),
        }
    )
    company.advance(datetime(2026, 9, 1, 2, tzinfo=UTC))
    latest = company.objects["invoice"][sub.latest_invoice]
    assert [line["amount"] for line in latest["lines"]["data"]] == [19500, -7500, 39000]
    assert latest["status"] == "paid"
    assert latest["status_transitions"]["finalized_at"] == latest["created"] + 3600


def stage_customer(company: Company) -> Customer:
    """A customer without a life of its own."""
    account = make_account(company.seed, 0, euro=False)
    company.crm.add_account(account, company.books.now)
    return company.behaviour.sign_up.new_customer(account, "")


# the life


def test_a_company_of_the_usual_size_shows_every_kind_of_life(demo: Company) -> None:
    kinds = Counter(event["type"] for event in demo.objects["event"].values())
    for kind in (
        "customer.subscription.created", "customer.subscription.updated",
        "customer.subscription.deleted", "customer.subscription.paused",
        "customer.subscription.resumed", "customer.subscription.trial_will_end",
        "customer.discount.created", "customer.discount.deleted", "customer.deleted",
        "invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_failed",
        "invoice.voided", "invoice.marked_uncollectible", "invoiceitem.created",
        "credit_note.created", "subscription_schedule.created", "subscription_schedule.updated",
        "subscription_schedule.released", "price.updated",
    ):  # fmt: skip
        assert kinds[kind] > 1, kind
    prices = {
        item["price"]["nickname"]
        for sub in demo.objects["subscription"].values()
        for item in sub["items"]["data"]
    }
    assert {"starter/week", "pro/quarter", "enterprise/year", "insights/30days"} <= prices
    assert any(len(s["items"]["data"]) > 10 for s in demo.objects["subscription"].values())
    links = [c["properties"]["stripe_customer_id"] for c in demo.hubspot["companies"].values()]
    assert any(";" in link for link in links)
    assert "" in links
    assert {e["api_version"] for e in demo.objects["event"].values()} == {"2026-10-28.endive"}


def test_features_switch_groups_off() -> None:
    quiet = small(2, features=set())
    kinds = {event["type"] for event in quiet.objects["event"].values()}
    assert "customer.subscription.deleted" not in kinds
    assert "invoice.payment_failed" not in kinds
    assert not quiet.objects["invoiceitem"]
    assert quiet.objects["subscription"]
    with pytest.raises(ValueError, match="unknown features"):
        Company(1, features={"flying"})
    assert len(FEATURES) > 15


def test_discounts_end_when_they_say(demo: Company) -> None:
    ended = {
        event["data"]["object"]["id"]: event["created"]
        for event in demo.objects["event"].values()
        if event["type"] == "customer.discount.deleted"
    }
    assert ended
    for discount_id, at in ended.items():
        end = demo.objects["discount"][discount_id]["end"]
        assert end is None or at <= end
    reached = [d for d in demo.objects["discount"].values() if d["end"] and d["end"] in
               ended.values()]  # fmt: skip
    assert reached


# shapes

TYPES = {
    "customer": stripe.Customer, "product": stripe.Product, "price": stripe.Price,
    "coupon": stripe.Coupon, "promotion_code": stripe.PromotionCode, "discount": stripe.Discount,
    "subscription": stripe.Subscription, "subscription_item": stripe.SubscriptionItem,
    "plan": stripe.Plan, "invoice": stripe.Invoice, "line_item": stripe.InvoiceLineItem,
    "invoiceitem": stripe.InvoiceItem, "credit_note": stripe.CreditNote,
    "credit_note_line_item": stripe.CreditNoteLineItem,
    "subscription_schedule": stripe.SubscriptionSchedule, "event": stripe.Event,
}  # fmt: skip


def nested(value: object) -> Iterator[dict]:
    """Every Stripe object inside a value."""
    if isinstance(value, dict):
        kind = value.get("object")
        if isinstance(kind, str) and kind in TYPES and not value.get("deleted"):
            yield value
        for each in value.values():
            yield from nested(each)
    elif isinstance(value, list):
        for each in value:
            yield from nested(each)


def test_every_object_has_the_fields_of_its_type(demo: Company) -> None:
    shapes = {
        (obj["object"], frozenset(obj))
        for name, found in demo.objects.items()
        for obj in nested(list(found.values())[-400:])
        if name != "event"
    }
    assert {kind for kind, _ in shapes} >= set(TYPES) - {"event"}
    for kind, fields in shapes:
        known = inspect.get_annotations(TYPES[kind])
        assert fields <= set(known), (kind, fields - set(known))
        required = {name for name, hint in known.items() if "Optional" not in str(hint)}
        required -= {"OBJECT_NAME", "_inner_class_types"}
        assert required <= fields, (kind, required - fields)


def test_money_is_whole_and_decimals_are_strings(demo: Company) -> None:
    for price in demo.objects["price"].values():
        decimal = price["unit_amount_decimal"]
        assert decimal is None or isinstance(decimal, str)
        if price["unit_amount"] is not None:
            assert Fraction(decimal) == price["unit_amount"]
    assert {type(i["amount_due"]) for i in demo.objects["invoice"].values()} == {int}
