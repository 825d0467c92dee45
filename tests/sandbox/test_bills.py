"""Fees, credit notes, balances, coupons on items and further currencies, and what they are worth by hand."""

from collections import Counter
from datetime import UTC, date, datetime
from random import Random

import pytest

from pipeline.sandbox.company import FEATURES, Company
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.currencies import FOR_A_CENT, Currencies
from pipeline.sandbox.company.discounts import service_period
from pipeline.sandbox.company.one_offs import OneOffs
from pipeline.sandbox.company.records import Subscription
from pipeline.sandbox.truth import Truth
from pipeline.sandbox.truth.value import micros
from tests.sandbox.test_truth import Stage, at_par

END = datetime(2026, 11, 23, tzinfo=UTC)
AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)
BILLS = frozenset({"one_offs", "balances"})


def truth_of(company: Company) -> dict[date, Counter[str]]:
    truth = Truth(company, at_par, company.accounts)
    return {
        month: Counter({each.account_id: each.mrr for each in truth.snapshot(month).values()})
        for month in truth.months()
    }


@pytest.mark.parametrize("seed", range(3))
def test_what_is_paid_once_changes_no_value(seed: int) -> None:
    """The same lives with and without fees, credit notes and credit balances: the same MRR."""
    usual = FEATURES - {"failures", "credit_notes"}  # what is due decides which payments are tried
    plain, billed = (
        Company(seed, customers=14, months=10, end=END, features=features)
        for features in (usual, usual | BILLS)
    )
    for company in (plain, billed):
        company.advance(END)
    assert truth_of(plain) == truth_of(billed)
    reasons = Counter(inv["billing_reason"] for inv in billed.objects["invoice"].values())
    assert reasons["manual"] > 3
    fees = [each for each in billed.objects["invoiceitem"].values() if not each["proration"]]
    assert {each["parent"] is None for each in fees} == {True, False}
    notes = billed.objects["credit_note"].values()
    assert {note["type"] for note in notes} <= {"pre_payment", "post_payment"}
    assert any(note["customer_balance_transaction"] for note in notes)
    assert any(event["type"] == "credit_note.voided" for event in billed.objects["event"].values())


def test_a_fee_waits_for_the_next_invoice() -> None:
    stage = Stage()
    sub = stage.engine.create(stage.customer(), [(stage.price("1000"), 3)])
    stage.go(8, 12)
    OneOffs(stage.books, 1, BILLS).add_fee(sub, Random(1))
    (fee,) = sub.pending
    stage.go(9, 2)
    fee_line, period_line = stage.books.objects["invoice"][sub.latest_invoice]["lines"]["data"]
    assert fee_line["parent"]["invoice_item_details"]["invoice_item"] == fee["id"]
    assert not fee_line["parent"]["invoice_item_details"]["proration"]
    assert period_line["amount"] == 3000
    (item,) = stage.truth().snapshot(SEPTEMBER).values()
    assert item.mrr == 30_000_000


def test_an_amount_off_an_item_is_its_own() -> None:
    """7.00 off the first of two items of 10.00: not shared, and per cycle of that item."""
    stage = Stage()
    coupon = Coupon("ITEM7", "7 off", "forever", amount_off={"usd": 700, "eur": 650})
    stage.books.list_coupon(coupon)

    def reduced(sub: Subscription) -> None:
        item = sub.items[0]
        stage.discounts.attach(coupon, sub.customer, sub, item)
        item.ledger.open_period(service_period(sub, item, stage.books.now))

    stage.engine.prepare.append(reduced)
    prices = [stage.price("1000"), stage.price("12000", "insights", "year")]
    sub = stage.engine.create(stage.customer(), [(prices[0], 1), (prices[1], 1)])
    lines = stage.books.objects["invoice"][sub.latest_invoice]["lines"]["data"]
    assert [sum(part["amount"] for part in each["discount_amounts"]) for each in lines] == [0, 700]
    values = {each.product_id: each for each in stage.truth().snapshot(AUGUST).values()}
    assert {(each.list_mrr, each.mrr) for each in values.values()} == {
        (10_000_000, 3_000_000),
        (10_000_000, 10_000_000),
    }


def test_minor_units() -> None:
    assert [micros(currency) for currency in ("usd", "jpy", "krw", "kwd", "bhd", "isk", "ugx")] == [
        10_000, 1_000_000, 1_000_000, 1_000, 1_000, 10_000, 10_000,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "shown", "monthly"),
    [
        ("jpy", "2250", 2250),
        ("kwd", "4650", 4.65),
        ("isk", "210000", 2100),
        ("ugx", "5550000", 55500),
    ],
)
def test_a_price_in_a_further_currency(currency: str, shown: str, monthly: float) -> None:
    """Starter costs 15.00 dollars: an option of the same price, of which 3 seats are billed."""
    stage = Stage()
    Currencies(stage.books.catalogue, 1)
    customer = stage.customer()
    customer.currency = currency
    price = stage.books.catalogue.price("starter/month", currency)
    assert price.in_currency(currency).unit == shown
    sub = stage.engine.create(customer, [(price, 3)])
    (line,) = stage.books.objects["invoice"][sub.latest_invoice]["lines"]["data"]
    assert (line["currency"], line["amount"]) == (currency, 3 * int(shown))
    (item,) = stage.truth().snapshot(AUGUST).values()
    assert item.mrr_native == round(3 * monthly * 1_000_000)


def test_accounts_pay_in_further_currencies() -> None:
    company = Company(2, customers=30, months=10, end=END, features=FEATURES | {"currencies"})
    company.advance(END)
    paid = {sub["currency"] for sub in company.objects["subscription"].values()}
    assert len(paid & FOR_A_CENT.keys()) > 3
