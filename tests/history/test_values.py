"""The value of an item, as docs/method.md has it, from hand-written Stripe objects to the micro-unit."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest

from pipeline.mrr import Policy
from tests.history.stripe_json import History, coupon, discount, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
BEFORE = datetime(2026, 1, 9, 8, tzinfo=UTC)
JANUARY = date(2026, 1, 1)
Json = dict[str, Any]


def micro(amount: str | Fraction) -> int:
    """Micro-units, halves to the even number."""
    return round(Fraction(amount) * 1_000_000)


def listed(shown: Json, quantity: int | None = 1, currency: str = "usd") -> int:
    """The net native value a month of one item of a price, in micro-units."""
    history = History([shown]).states(
        (BEGUN, state(item("si", shown["id"], quantity))), currency=currency
    )
    found = history.snapshot(JANUARY)["si"]
    assert found["evidence"] == "exact"
    return found["mrr_native"]


def each(amount: str | None, **more: Any) -> Json:
    """A price of `amount` minor units a month."""
    shown = price("p", 0) | {"unit_amount": None, "unit_amount_decimal": amount}
    recurring = shown["recurring"] | more.pop("recurring", {})
    return shown | {"recurring": recurring} | more


def tiers(mode: str, *steps: tuple[int | None, str, str]) -> Json:
    """A tiered price: (up to, a unit, flat) in minor units."""
    shown = [
        {"up_to": up_to, "unit_amount_decimal": unit, "flat_amount_decimal": flat}
        for up_to, unit, flat in steps
    ]
    return each(None, billing_scheme="tiered", tiers_mode=mode, tiers=shown)


def test_per_unit() -> None:
    assert listed(each("1999"), 3) == micro("59.97")


STEPS = ((5, "1000", "0"), (20, "800", "500"), (None, "500", "2500"))


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (1, "10"),
        (5, "50"),
        (6, "63"),  # 5 x 10 + 8 + flat 5
        (20, "175"),  # 5 x 10 + 15 x 8 + flat 5
        (21, "205"),  # and 5 + flat 25
    ],
)
def test_graduated_tiers_sum_what_each_tier_holds(quantity: int, expected: str) -> None:
    assert listed(tiers("graduated", *STEPS), quantity) == micro(expected)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(5, "50"), (6, "53"), (20, "165"), (21, "130")],  # 6 x 8 + 5, 20 x 8 + 5, 21 x 5 + 25
)
def test_volume_tiers_price_all_units_in_the_one_that_the_quantity_reaches(
    quantity: int, expected: str
) -> None:
    assert listed(tiers("volume", *STEPS), quantity) == micro(expected)


@pytest.mark.parametrize(
    ("rounding", "quantity", "packs"),
    [("up", 20, 2), ("up", 21, 3), ("down", 29, 2), ("down", 9, 0)],
)
def test_packs_round_as_the_price_says(rounding: str, quantity: int, packs: int) -> None:
    shown = each("500", transform_quantity={"divide_by": 10, "round": rounding})
    assert listed(shown, quantity) == micro("5") * packs


@pytest.mark.parametrize(
    ("cents", "quantity", "expected"),
    [("0.05", 1234, "0.617"), ("0.000000000001", 10**9, "0.00001"), ("12.5", 3, "0.375")],
)
def test_fractional_cents_stay_exact(cents: str, quantity: int, expected: str) -> None:
    assert listed(each(cents), quantity) == micro(expected)


def test_a_half_micro_unit_is_rounded_to_the_even_number() -> None:
    """12.345 cents x 7 a year = 72,012.5 micro-units a month; x 21 = 216,037.5."""
    yearly = each("12.345", recurring={"interval": "year"})
    assert listed(yearly, 7) == 72_012
    assert listed(yearly, 21) == 216_038


def test_the_option_of_the_subscription_s_currency() -> None:
    shown = each("1000", currency_options={"eur": {"unit_amount_decimal": "950"}})
    assert listed(shown, 2, "eur") == micro("19")
    assert listed(shown, 2, "usd") == micro("20")


def test_an_option_with_tiers_of_its_own() -> None:
    option = tiers("volume", (10, "900", "0"), (None, "700", "100"))["tiers"]
    shown = tiers("volume", (10, "1000", "0"), (None, "800", "100"))
    shown["currency_options"] = {"eur": {"unit_amount_decimal": None, "tiers": option}}
    assert listed(shown, 11, "eur") == micro("78")


@pytest.mark.parametrize(
    ("currency", "minor", "expected"),
    [
        ("usd", "980", "9.8"),
        ("jpy", "980", "980"),
        ("krw", "12000", "12000"),
        ("kwd", "1500", "1.5"),
        ("bhd", "10", "0.01"),
        # No minor unit in law, two decimals in Stripe's amounts: "to charge 5 ISK, provide 500".
        ("isk", "500", "5"),
        ("ugx", "500", "5"),
    ],
)
def test_minor_units_have_the_currency_s_decimals(currency: str, minor: str, expected: str) -> None:
    assert listed(each(minor, currency=currency), 1, currency) == micro(expected)


@pytest.mark.parametrize(
    ("interval", "count", "months"),
    [
        ("day", 1, Fraction(365, 12)),
        ("day", 30, Fraction(365, 12 * 30)),
        ("week", 1, Fraction(52, 12)),
        ("week", 2, Fraction(52, 24)),
        ("month", 1, Fraction(1)),
        ("month", 3, Fraction(1, 3)),
        ("month", 6, Fraction(1, 6)),
        ("year", 1, Fraction(1, 12)),
        ("year", 2, Fraction(1, 24)),
    ],
)
def test_every_interval_per_month(interval: str, count: int, months: Fraction) -> None:
    shown = each("1000", recurring={"interval": interval, "interval_count": count})
    assert listed(shown) == micro(10 * months)


# Discounts. The subscription has items at $100, $50 and $15 a month, and one at $1,200 a year.

PRICES = [
    price("p100", 10_000, "prod_a"),
    price("p50", 5_000, "prod_b"),
    price("p15", 1_500, "prod_c"),
    price("p1200", 120_000, "prod_y", interval="year"),
]
COUPONS = [
    coupon("half", percent_off=50),
    coupon("fifth", percent_off=20),
    coupon("tenth", percent_off=10),
    coupon("third", percent_off=33.33),
    coupon("10usd", amount_off=1_000, currency="usd"),
    coupon("20usd", amount_off=2_000, currency="usd"),
    coupon("500usd", amount_off=50_000, currency="usd"),
    coupon("12usd", amount_off=1_200, currency="usd"),
    coupon("half_b", percent_off=50, applies_to={"products": ["prod_b"]}),
    coupon("10usd_b", amount_off=1_000, currency="usd", applies_to={"products": ["prod_b"]}),
    coupon("once", "once", percent_off=50),
    coupon("repeating", "repeating", duration_in_months=3, percent_off=50),
]


def net(
    items: Mapping[str, tuple[str, list[str]]], *shared: str, customer: str = ""
) -> dict[str, int]:
    """Micro-units a month by item: (price, coupons of the item) under the coupons of the subscription."""
    history = History(PRICES).records("coupon", *COUPONS)
    lines = []
    for name, (price_id, own) in items.items():
        ids = [f"di_{name}_{each_coupon}" for each_coupon in own]
        lines.append(item(name, price_id, 1, *ids))
        history.records(
            "discount",
            *(
                discount(each_id, each_coupon, BEGUN, subscription_item=name)
                for each_id, each_coupon in zip(ids, own, strict=True)
            ),
        )
    history.records("discount", *(discount(f"di_{each_}", each_, BEGUN) for each_ in shared))
    if customer:
        history.records("discount", discount("di_cus", customer, BEFORE, subscription=None))
    history.states((BEGUN, state(*lines, discounts=[f"di_{each_}" for each_ in shared])))
    found = history.snapshot(JANUARY)
    assert {row["evidence"] for row in found.values()} == {"exact"}
    assert all(row["mrr"] == row["list_mrr"] - row["discount_mrr"] for row in found.values())
    return {name: row["mrr_native"] for name, row in found.items()}


HUNDRED = {"si_1": ("p100", [])}


def test_percentages_compound_the_item_s_first() -> None:
    assert net({"si_1": ("p100", ["half"])}, "fifth") == {"si_1": micro("40")}
    assert net(HUNDRED, "third") == {"si_1": micro("66.67")}


def test_discounts_apply_in_order() -> None:
    assert net(HUNDRED, "tenth", "20usd") == {"si_1": micro("70")}  # (100 - 10) - 20
    assert net(HUNDRED, "20usd", "tenth") == {"si_1": micro("72")}  # (100 - 20) x 0.9


def test_never_below_zero() -> None:
    assert net(HUNDRED, "500usd") == {"si_1": 0}
    assert net({"si_1": ("p100", []), "si_2": ("p50", [])}, "500usd") == {"si_1": 0, "si_2": 0}


def test_an_amount_is_shared_by_list_with_the_largest_remainder_first_ties_by_id() -> None:
    """10 / 3 = 3.333333 1/3 each: the one micro-unit that is left goes to the first id."""
    items = {name: ("p15", []) for name in ("si_1", "si_2", "si_3")}
    assert net(items, "10usd") == {
        "si_1": 11_666_666,
        "si_2": 11_666_667,
        "si_3": 11_666_667,
    }


def test_an_amount_is_shared_by_unequal_lists() -> None:
    """20 x 100/165, 50/165, 15/165 = 12.121212 4/33, 6.060606 2/33, 1.818181 27/33: the last is rounded up."""
    items = {"si_1": ("p100", []), "si_2": ("p50", []), "si_3": ("p15", [])}
    assert net(items, "20usd") == {
        "si_1": micro("100") - 12_121_212,
        "si_2": micro("50") - 6_060_606,
        "si_3": micro("15") - 1_818_182,
    }


def test_an_amount_is_shared_by_what_item_discounts_leave() -> None:
    """100 at half and 50 weigh the same."""
    items = {"si_1": ("p100", ["half"]), "si_2": ("p50", [])}
    assert net(items, "10usd") == {"si_1": micro("45"), "si_2": micro("45")}


def test_an_amount_is_per_cycle_of_the_shortest_interval() -> None:
    """12 a month off $15 a month and $1,200 a year: 12 x 15/115 and 12 x 100/115."""
    items = {"si_1": ("p15", []), "si_2": ("p1200", [])}
    assert net(items, "12usd") == {
        "si_1": micro(15 - Fraction(180, 115)),
        "si_2": micro(100 - Fraction(1200, 115)),
    }


def test_an_item_s_amount_is_per_cycle_of_the_item() -> None:
    """12 off a year's 1,200 is one a month."""
    assert net({"si_1": ("p1200", ["12usd"])}) == {"si_1": micro("99")}


def test_a_coupon_for_some_products_takes_nothing_off_the_others() -> None:
    items = {"si_1": ("p100", []), "si_2": ("p50", [])}
    assert net(items, "half_b") == {"si_1": micro("100"), "si_2": micro("25")}
    assert net(items, "10usd_b") == {"si_1": micro("100"), "si_2": micro("40")}


def test_the_customer_s_discount_counts_where_the_subscription_has_none() -> None:
    assert net(HUNDRED, customer="half") == {"si_1": micro("50")}
    assert net(HUNDRED, "fifth", customer="half") == {"si_1": micro("80")}


def test_coupons_for_one_invoice_do_not_count() -> None:
    assert net(HUNDRED, "once") == {"si_1": micro("100")}
    assert net(HUNDRED, "repeating") == {"si_1": micro("50")}


def of_three_months(price_id: str, *renewals: datetime) -> dict[int, int]:
    """An item under a coupon of three months, at the end of each month up to June."""
    end = datetime(2026, 4, 10, 8, tzinfo=UTC)
    discounted = state(item("si", price_id), discounts=["di"])
    history = History(PRICES).records("coupon", *COUPONS)
    history.records("discount", discount("di", "repeating", BEGUN, end=end))
    renewed = [
        (at, state(item("si", price_id), period=at, discounts=["di"] if at < end else []))
        for at in renewals
    ]
    history.states((BEGUN, discounted), *renewed)
    months = [date(2026, number, 1) for number in range(1, 7)]
    return {month.month: history.snapshot(month)["si"]["mrr_native"] for month in months}


def test_a_coupon_of_three_months_on_a_monthly_plan_reduces_three_periods() -> None:
    renewals = [datetime(2026, month, 10, 8, tzinfo=UTC) for month in range(2, 7)]
    expected = dict.fromkeys((1, 2, 3), micro("50")) | dict.fromkeys((4, 5, 6), micro("100"))
    assert of_three_months("p100", *renewals) == expected


def test_a_coupon_of_three_months_on_a_yearly_plan_counts_all_year() -> None:
    assert of_three_months("p1200") == dict.fromkeys(range(1, 7), micro("50"))


# Usage.

USAGE = each("2", recurring={"usage_type": "metered"})


def used(month: int, policy: Policy | None = None) -> int:
    """What a metered item is worth at the end of a month: 31, 28 and 62 dollars for the first three."""
    history = History([USAGE]).states((BEGUN, state(item("si", "p", None))))
    charges = {date(2026, 1, 1): 3100, date(2026, 2, 1): 2800, date(2026, 3, 1): 6200}
    history.usage("a", "si", "p", charges)
    return history.snapshot(date(2026, month, 1), policy)["si"]["mrr_native"]


def test_usage_is_the_charge_of_the_latest_period_that_has_ended() -> None:
    assert [used(month) for month in (1, 2, 3, 4)] == [
        micro("31"),
        micro("28"),
        micro("62"),
        micro("62"),
    ]


def test_usage_per_day_makes_months_of_28_and_31_days_alike() -> None:
    per_day = Policy(usage="per_day")
    assert used(1, per_day) == used(2, per_day) == micro(Fraction(365, 12))
    assert used(3, per_day) == micro(2 * Fraction(365, 12))


def test_before_the_first_bill_usage_is_zero() -> None:
    history = History([USAGE]).states((BEGUN, state(item("si", "p", None))))
    assert history.snapshot(JANUARY)["si"]["mrr_native"] == 0


def test_the_lines_of_one_period_are_summed() -> None:
    """Tiers make several lines of one item and period."""
    history = History([USAGE]).states((BEGUN, state(item("si", "p", None))))
    history.usage("a", "si", "p", {date(2026, 1, 1): 3100})
    invoice = history.usage_invoice("si", "p", date(2026, 2, 1), [1000, 250, 50])
    assert invoice.snapshot(date(2026, 2, 1))["si"]["mrr_native"] == micro("13")


def test_usage_of_a_quarter_counts_a_third_a_month() -> None:
    quarterly = each("2", recurring={"usage_type": "metered", "interval_count": 3})
    history = History([quarterly]).states((BEGUN, state(item("si", "p", None))))
    history.usage_invoice("si", "p", date(2026, 1, 1), [9000], months=3)
    assert history.snapshot(date(2026, 2, 1))["si"]["mrr_native"] == 0
    assert history.snapshot(date(2026, 3, 1))["si"]["mrr_native"] == micro("30")
