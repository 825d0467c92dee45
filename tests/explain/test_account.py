"""Which account is asked for, and the words of prices and coupons."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline import schemas
from pipeline.errors import UnknownAccount
from pipeline.explain import Account, find_account
from pipeline.explain.words import coupon, plain, price


def _frame(table: Any, *rows: dict[str, Any]) -> pl.LazyFrame:
    return pl.LazyFrame(list(rows), schema=table.schema)


ACCOUNTS = _frame(
    schemas.ACCOUNT,
    {"account_id": "hubspot:1", "name": "Acme"},
    {"account_id": "hubspot:2", "name": "Twin"},
    {"account_id": "hubspot:3", "name": "twin "},
    {"account_id": "cus_own", "name": "Own"},
)
CUSTOMERS = _frame(
    schemas.CUSTOMER,
    {"customer_id": "cus_1", "name": "Acme Germany"},
    {"customer_id": "cus_own", "name": "Own"},
    {"customer_id": "cus_test", "name": "Tester"},
)
LINKS = _frame(
    schemas.ACCOUNT_LINK,
    {"customer_id": "cus_1", "account_id": "hubspot:1"},
    {"customer_id": "cus_own", "account_id": "cus_own"},
)


def find(asked: str) -> Account:
    return find_account(asked, ACCOUNTS, LINKS, CUSTOMERS, ("cus_test",))


@pytest.mark.parametrize("asked", ["hubspot:1", "cus_1", "Acme", "ACME ", "acme germany"])
def test_by_id_customer_or_name(asked: str) -> None:
    assert find(asked) == Account("hubspot:1", "Acme")


def test_a_customer_without_a_link_is_its_own_account() -> None:
    assert find("cus_own") == Account("cus_own", "Own")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("twin", "2 accounts have this name: hubspot:2, hubspot:3"),
        ("Acm", r"The nearest: hubspot:1\. Write"),
        ("germany", r"The nearest: hubspot:1\. Write"),
        ("Akme", r"The nearest: hubspot:1\. Write"),
        ("w", r"The nearest: cus_own, hubspot:2, hubspot:3\. Write"),
        ("", "There is no such account. Write"),
        ("zzz", "There is no such account. Write"),
        ("cus_test", "excluded"),
        ("Tester", "There is no such account"),
    ],
)
def test_what_is_not_one_account(asked: str, words: str) -> None:
    with pytest.raises(UnknownAccount, match=words) as raised:
        find(asked)
    assert "Acme" not in str(raised.value)


def test_of_many_names_the_first_ten_are_told() -> None:
    many = _frame(
        schemas.ACCOUNT,
        {"account_id": "hubspot:first", "name": "Zeta Group"},
        *({"account_id": f"hubspot:{n}", "name": f"Alpha Zeta {n:02}"} for n in range(12)),
    )
    with pytest.raises(UnknownAccount) as raised:
        find_account("zeta", many, LINKS, CUSTOMERS)
    said = str(raised.value)
    assert "The nearest: hubspot:first, hubspot:0, " in said
    assert said.count("hubspot:") == 10
    assert "and 3 more. Write" in said
    assert list(raised.value.nearest.items())[:2] == [
        ("hubspot:first", "Zeta Group"),
        ("hubspot:0", "Alpha Zeta 00"),
    ]


def _price(**more: Any) -> dict[str, Any]:
    row = dict.fromkeys(schemas.PRICE.names) | {
        "billing_scheme": "per_unit", "usage_type": "licensed", "scale": 0, "unit": 1000, "billing_interval": "month",
    }  # fmt: skip
    return row | more


TIERS = [{"up_to": 5, "unit": 1000, "flat": 0}, {"up_to": None, "unit": 800, "flat": 500}]


@pytest.mark.parametrize(
    ("row", "currency", "said"),
    [
        (_price(), "usd", "10.00 USD a unit a month"),
        (_price(unit=12345, scale=3), "usd", "0.12345 USD a unit a month"),
        (_price(billing_interval="3 month"), "jpy", "1,000 JPY a unit every 3 months"),
        (
            _price(divide_by=100, round="up"),
            "eur",
            "10.00 EUR for every 100 units (rounded up) a month",
        ),
        (
            _price(usage_type="metered", billing_interval="year"),
            "usd",
            "by usage, billed every year",
        ),
        (
            _price(billing_scheme="tiered", tiers_mode="volume", tiers=TIERS),
            "usd",
            "volume tiers a month: to 5 10.00 USD a unit; beyond 8.00 USD a unit and 5.00 USD flat",
        ),
        (None, "usd", "price_x"),
    ],
)
def test_prices_in_words(row: dict[str, Any] | None, currency: str, said: str) -> None:
    assert price(row, "price_x", currency) == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"percent_ppm": 125_000, "duration": "forever"}, "12.5% off (C, for ever)"),
        ({"percent_ppm": 1_000_000, "duration": "once"}, "100% off (C, once)"),
        (
            {
                "percent_ppm": None,
                "amount_off": 500,
                "currency": "usd",
                "duration": "repeating",
                "duration_in_months": 3,
            },
            "5.00 USD off (C, for 3 months)",
        ),
        (None, "unknown coupon C"),
    ],
)
def test_coupons_in_words(row: dict[str, Any] | None, said: str) -> None:
    shown = None if row is None else {"duration_in_months": None} | row
    assert coupon(shown, "C") == said


def test_amounts_have_the_decimals_that_they_need() -> None:
    found = [plain(Decimal(text)) for text in ("1234567.5", "0.123400", "-3", "1E+3")]
    assert found == ["1,234,567.50", "0.1234", "-3.00", "1,000.00"]
