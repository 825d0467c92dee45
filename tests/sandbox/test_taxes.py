"""Taxes of the simulated company: lines and invoices add up, and the truth takes inclusive tax out."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from pipeline.sandbox.company import FEATURES, RARE, Company
from pipeline.sandbox.company.records import AutomaticTax, Subscription, TaxRate
from pipeline.sandbox.truth import Truth
from pipeline.sandbox.truth.value import Amount, Percent, native_values
from tests.sandbox.test_truth import Stage

END = datetime(2026, 11, 23, tzinfo=UTC)
AUGUST, SEPTEMBER, OCTOBER = date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)
GERMAN = TaxRate("txr_de", "19", True, "DE", 0)
LOWERED = TaxRate("txr_de16", "16", True, "DE", 0)
ON_TOP = TaxRate("txr_ca", "10", False, "CA", 0)
COMPUTED = TaxRate("txr_stripe", "19", True, "DE", 0, managed=True)
LESS = TaxRate("txr_stripe16", "16", True, "DE", 0, managed=True)


def sold(
    stage: Stage, cents: str, quantity: int, *rates: TaxRate, automatic: AutomaticTax | None = None
) -> Subscription:
    """A monthly subscription under these default rates or automatic tax."""

    def taxed(sub: Subscription) -> None:
        sub.default_tax_rates, sub.automatic_tax = rates, automatic

    stage.engine.prepare.append(taxed)
    return stage.engine.create(stage.customer(), [(stage.price(cents), quantity)])


def invoice(stage: Stage, sub: Subscription) -> dict[str, Any]:
    found: dict[str, Any] = stage.books.objects["invoice"][sub.latest_invoice]
    return found


def values(stage: Stage, month: date) -> tuple[int, int, int]:
    """List, discount and net of the only item, in micro-units."""
    (item,) = stage.truth().snapshot(month).values()
    return item.list_mrr, item.discount_mrr, item.mrr


def test_tax_inside_the_price_is_taken_out() -> None:
    stage = Stage()
    sub = sold(stage, "11900", 2, GERMAN)
    (line,) = invoice(stage, sub)["lines"]["data"]
    assert (line["amount"], line["subtotal"]) == (23800, 23800)
    (tax,) = line["taxes"]
    assert (tax["amount"], tax["taxable_amount"], tax["tax_behavior"]) == (3800, 20000, "inclusive")
    assert invoice(stage, sub)["total"] == 23800
    assert invoice(stage, sub)["total_excluding_tax"] == 20000
    assert sub.obj["default_tax_rates"][0]["percentage"] == 19.0
    assert values(stage, AUGUST) == (200_000_000, 0, 200_000_000)


def test_tax_on_top_changes_nothing() -> None:
    stage = Stage()
    sub = sold(stage, "10000", 1, ON_TOP, GERMAN)
    (line,) = invoice(stage, sub)["lines"]["data"]
    # 100.00 with 19% inside is 84.03 and 15.97 of tax; 10% on top of 84.03 is 8.40.
    assert [(tax["amount"], tax["taxable_amount"]) for tax in line["taxes"]] == [
        (840, 8403),
        (1597, 8403),
    ]
    assert invoice(stage, sub)["total"] == 10840
    assert values(stage, AUGUST)[0] == round(Fraction(100_000_000 * 100, 119))


def test_discounts_come_first_and_are_net_of_tax_too() -> None:
    """119 under 20% off is 95.20 with 15.20 of tax: 100 - 20 = 80."""
    net = Fraction(100, 119)
    assert native_values(Fraction(119), (Percent(Fraction(20)),), net) == (100, 20)
    assert native_values(Fraction(119), (Amount(119 * 2),), net) == (100, 100)
    stage = Stage()
    stage.engine.prepare.append(lambda sub: setattr(sub, "default_tax_rates", (GERMAN,)))
    sub = stage.engine.create(
        stage.customer(), [(stage.price("11900"), 1)], coupons=[stage.coupon("PARTNER25")]
    )
    (line,) = invoice(stage, sub)["lines"]["data"]
    assert line["discount_amounts"][0]["amount"] == 3035  # 25.5% of 119.00 is 30.345
    assert line["taxes"][0]["amount"] == 1415  # of 88.65
    assert values(stage, AUGUST) == (100_000_000, 25_500_000, 74_500_000)


def test_an_item_s_own_rates_hold_alone() -> None:
    stage = Stage()

    def taxed(sub: Subscription) -> None:
        sub.default_tax_rates = (GERMAN,)
        sub.items[0].tax_rates = (ON_TOP,)

    stage.engine.prepare.append(taxed)
    sub = stage.engine.create(stage.customer(), [(stage.price("11900"), 1)])
    assert [each["id"] for each in sub.obj["items"]["data"][0]["tax_rates"]] == ["txr_ca"]
    assert values(stage, AUGUST)[0] == 119_000_000


def test_automatic_tax_shows_on_lines_alone() -> None:
    """33.33 with 19% inside: 5.32 of tax, so the factor is 28.01 / 33.33 to the cent."""
    stage = Stage()
    at = int(datetime(2026, 9, 15, tzinfo=UTC).timestamp())
    sub = sold(stage, "3333", 1, automatic=AutomaticTax(COMPUTED, LESS, at))
    assert sub.obj["automatic_tax"]["enabled"]
    assert sub.obj["default_tax_rates"] == []
    assert invoice(stage, sub)["automatic_tax"]["status"] == "complete"
    assert values(stage, AUGUST)[2] == 28_010_000
    stage.go(9, 30)  # the law changed on the 15th, the next line is of October 1
    assert values(stage, SEPTEMBER)[2] == 28_010_000
    stage.go(10, 2)
    assert values(stage, OCTOBER)[2] == 28_730_000
    assert {kind for _, _, kind in stage.truth().components(OCTOBER)} == {"price"}


def test_another_rate_is_another_price_from_its_event_on() -> None:
    stage = Stage()
    sub = sold(stage, "11600", 1, GERMAN)
    stage.go(9, 10)
    sub.default_tax_rates = (LOWERED,)
    stage.books.commit(sub)
    event = list(stage.books.objects["event"].values())[-1]
    assert event["data"]["previous_attributes"]["default_tax_rates"][0]["id"] == "txr_de"
    assert values(stage, SEPTEMBER)[0] == 100_000_000
    assert stage.found(SEPTEMBER) == {"price": 2}  # 97.48 -> 100.00


@pytest.fixture(scope="module", params=range(4))
def company(request: pytest.FixtureRequest) -> Company:
    found = Company(request.param, customers=16, months=12, end=END, features=FEATURES | RARE)
    found.advance(END)
    return found


def test_invoices_add_up(company: Company) -> None:
    behaviors = set()
    for inv in company.objects["invoice"].values():
        lines = inv["lines"]["data"]
        reduced = sum(
            line["amount"] - sum(part["amount"] for part in line["discount_amounts"])
            for line in lines
        )
        taxes = [(tax["tax_behavior"], tax["amount"]) for line in lines for tax in line["taxes"]]
        behaviors |= {behavior for behavior, _ in taxes}
        on_top = sum(amount for behavior, amount in taxes if behavior == "exclusive")
        assert inv["total"] == reduced + on_top
        assert inv["total_excluding_tax"] == inv["total"] - sum(amount for _, amount in taxes)
        assert sum(tax["amount"] for tax in inv["total_taxes"]) == sum(each for _, each in taxes)
    assert behaviors == {"inclusive", "exclusive"}


def test_what_is_left_is_never_more_than_the_price(company: Company) -> None:
    truth = Truth(company, lambda _month, _currency: Decimal(1), company.accounts)
    nets = {net for ledger in company.ledgers.values() for _, net in ledger.nets}
    assert len(nets) > 3
    assert all(net is None or 0 < net <= 1 for net in nets)
    for month in truth.months():
        for item in truth.snapshot(month).values():
            assert 0 <= item.discount_mrr <= item.list_mrr
