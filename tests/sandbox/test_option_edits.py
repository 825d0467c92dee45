"""Edited currency options: what the simulated Stripe shows of them, and what held when."""

from datetime import UTC, datetime

import pytest

from pipeline.sandbox.company import FEATURES, Company
from pipeline.sandbox.company.pricing import Amounts, Price

END = datetime(2026, 11, 23, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def company() -> Company:
    found = Company(3, customers=25, months=12, end=END, features=FEATURES | {"option_edits"})
    found.advance(END)
    return found


def test_what_an_option_was_just_before_an_instant() -> None:
    """900 until 10, 950 until 20, then 1000: what begins at an instant does not hold just before it."""
    earlier = [(10, "eur", Amounts("900")), (20, "eur", Amounts("950"))]
    price = Price(
        "p", "k", "prod", "usd", Amounts("1000"), options={"eur": Amounts("1000")}, earlier=earlier
    )
    told = {
        bound: price.just_before(bound).in_currency("eur").unit for bound in (5, 10, 11, 20, 21)
    }
    assert told == {5: "900", 10: "900", 11: "950", 20: "950", 21: "1000"}
    assert price.just_before(5).in_currency("usd").unit == "1000"


def test_events_say_that_a_price_was_updated_and_no_more(company: Company) -> None:
    edited = {price.id for price in company.books.catalogue.by_id.values() if price.earlier}
    events = [
        each["data"]
        for each in company.objects["event"].values()
        if each["type"] == "price.updated"
    ]
    silent = [each for each in events if each["previous_attributes"] == {}]
    assert edited
    assert edited <= {each["object"]["id"] for each in silent}
    assert not any("currency_options" in each["object"] for each in events)


def test_lists_show_the_options_that_there_are(company: Company) -> None:
    for price in company.books.catalogue.by_id.values():
        shown = company.objects["price"][price.id]["currency_options"]
        assert shown.keys() == {price.currency, *price.options} - price.hidden
        for currency in shown:
            assert shown[currency]["unit_amount_decimal"] == price.in_currency(currency).unit
