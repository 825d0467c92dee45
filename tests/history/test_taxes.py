"""Inclusive tax is taken out of what is charged: by tax rates, else by the latest invoice line, else it is inferred."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest

from pipeline.sandbox.company import FEATURES
from tests.history.stripe_json import History, coupon, discount, item, price, state
from tests.history.test_properties import KINDS, WIDE, compared
from tests.history.turns import histories

Json = dict[str, Any]
BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
LATER = datetime(2026, 3, 20, 9, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in range(1, 5))
COMPUTED = {"automatic_tax": {"enabled": True}, "default_tax_rates": []}


def rate(percentage: float, *, inclusive: bool = True, name: str = "") -> Json:
    return {
        "id": f"txr_{name}{percentage}", "object": "tax_rate", "inclusive": inclusive, "percentage": percentage,
    }  # fmt: skip


def under(*rates: Json) -> Json:
    """Fields of a subscription with these default rates."""
    return {"default_tax_rates": list(rates), "automatic_tax": {"enabled": False}}


def taxed(item_id: str, price_id: str, quantity: int | None, *rates: Json) -> Json:
    return item(item_id, price_id, quantity) | {"tax_rates": list(rates)}


def micro(amount: str | Fraction) -> int:
    return round(Fraction(amount) * 1_000_000)


def line(
    name: str, cents: int, tax: int, at: datetime, rate_id: str = "txr_of_stripe", **more: Any
) -> Json:
    """A line of item `si` under price `p` for the month from `at` on, with so much tax inside."""
    month = at.month % 12 + 1
    ends = at.replace(month=month, year=at.year + at.month // 12)
    details = {"subscription_item": "si", "subscription": "sub_a", "proration": False}
    return {
        "id": f"il_{name}", "amount": cents, "subtotal": cents, "quantity": 1, "discount_amounts": [],
        "period": {"start": int(at.timestamp()), "end": int(ends.timestamp())},
        "pricing": {"price_details": {"price": "p", "product": "prod_a"}},
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "taxes": [
            {"amount": tax, "tax_behavior": "inclusive", "taxable_amount": cents - tax,
             "tax_rate_details": {"tax_rate": rate_id}},
        ] if tax else [],
    } | more  # fmt: skip


def invoice(name: str, at: datetime, *lines: Json, rates: Sequence[Json] = ()) -> Json:
    return {
        "id": f"in_{name}", "object": "invoice", "status": "paid", "customer": "cus_a", "currency": "usd",
        "created": int(at.timestamp()), "default_tax_rates": list(rates),
        "discounts": [], "lines": {"data": list(lines), "has_more": False},
    }  # fmt: skip


def told(history: History, month: date, name: str = "si") -> tuple[int, int, int, str]:
    """List, discount, net and grade of an item."""
    found = history.snapshot(month)[name]
    return found["list_mrr"], found["discount_mrr"], found["mrr"], found["evidence"]


# tax rates


@pytest.mark.parametrize(
    ("rates", "net"),
    [
        ([rate(19)], Fraction(100)),
        ([rate(8.875)], 119 / Fraction("1.08875")),
        ([rate(5), rate(9.975, name="qc")], 119 / Fraction("1.14975")),
        ([rate(19), rate(10, inclusive=False)], Fraction(100)),
        ([rate(19, inclusive=False)], Fraction(119)),
        ([], Fraction(119)),
    ],
)
def test_default_rates(rates: list[Json], net: Fraction) -> None:
    history = History([price("p", 11900)]).states((BEGUN, state(item("si", "p"), **under(*rates))))
    assert told(history, JANUARY) == (micro(net), 0, micro(net), "exact")


def test_an_item_s_own_rates_hold_alone() -> None:
    items = [
        taxed("si", "p", 1, rate(7)),
        taxed("si_2", "p", 1),
        taxed("si_3", "p", 1, rate(7, inclusive=False)),
    ]
    history = History([price("p", 11900)]).states((BEGUN, state(*items, **under(rate(19)))))
    found = history.snapshot(JANUARY)
    assert [found[name]["mrr"] for name in ("si", "si_2", "si_3")] == [
        micro(119 / Fraction("1.07")), micro("100"), micro("119"),
    ]  # fmt: skip


def test_discounts_are_net_of_tax_too() -> None:
    """20% off 119.00 and then 11.90 off are 83.30: 100 - 20 - 10 net."""
    given = {"discounts": ["di_1", "di_2"], **under(rate(19))}
    history = (
        History([price("p", 11900)])
        .records("coupon", coupon("twenty", percent_off=20.0))
        .records("coupon", coupon("amount", amount_off=1190, currency="usd"))
        .records("discount", discount("di_1", "twenty", BEGUN))
        .records("discount", discount("di_2", "amount", BEGUN))
        .states((BEGUN, state(item("si", "p"), **given)))
    )
    assert told(history, JANUARY) == (micro("100"), micro("30"), micro("70"), "exact")


def test_another_rate_is_a_price_component_from_its_event_on() -> None:
    """11.60 with 19% inside is 9.748, with 16% it is 10; two more units come as seats at the old rate."""
    old, new = under(rate(19)), under(rate(16))
    history = History([price("p", 1160)]).states(
        (BEGUN, state(item("si", "p", 2), **old)), (LATER, state(item("si", "p", 4), **new))
    )
    assert told(history, FEBRUARY)[2] == micro(Fraction("23.2") / Fraction("1.19"))
    assert told(history, MARCH) == (micro("40"), 0, micro("40"), "exact")
    found = history.movements(MARCH)
    seats = micro(Fraction("46.4") / Fraction("1.19")) - micro(Fraction("23.2") / Fraction("1.19"))
    rest = micro("40") - micro(Fraction("46.4") / Fraction("1.19"))
    assert found.types == {"seat": seats / 1e6, "price": rest / 1e6}
    assert found.evidence == {"cus_a": "exact"}


def test_a_missed_change_of_tax_is_bounded() -> None:
    rates = [under(rate(19)), under(rate(16)), under(rate(16))]
    states = [
        (at, state(item("si", "p", quantity), **given))
        for at, quantity, given in zip(
            (BEGUN, LATER, datetime(2026, 4, 20, tzinfo=UTC)), (1, 1, 2), rates, strict=True
        )
    ]
    whole = History([price("p", 11900)]).states(*states)
    assert told(whole, MARCH)[3] == "exact"
    missed = History([price("p", 11900)]).states(*states, missed=[1])
    assert told(missed, MARCH)[3] == "bounded"


def test_usage_by_the_rates_in_force() -> None:
    history = (
        History([price("u", 0, usage=True)])
        .states((BEGUN, state(item("si", "u", None), **under(rate(19)))))
        .usage("a", "si", "u", {JANUARY: 11900})
    )
    assert told(history, FEBRUARY) == (micro("100"), 0, micro("100"), "exact")


# computed tax


def test_computed_tax_is_by_the_latest_line() -> None:
    """33.33 with 5.32 inside until March 10, then with 4.60: the law changed, the subscription did not."""
    march = datetime(2026, 3, 10, 8, tzinfo=UTC)
    history = (
        History([price("p", 3333)])
        .records("invoice", invoice("1", BEGUN, line("1", 3333, 532, BEGUN)))
        .records("invoice", invoice("2", march, line("2", 3333, 460, march)))
        .states((BEGUN, state(item("si", "p"), **COMPUTED)))
    )
    assert told(history, FEBRUARY) == (micro("28.01"), 0, micro("28.01"), "exact")
    assert told(history, MARCH) == (micro("28.73"), 0, micro("28.73"), "exact")
    found = history.movements(MARCH)
    assert found.types == {"price": 0.72}
    split = history.folded().item_timeline.sort("valid_from")
    assert split.select("opened_by", "closed_by").rows() == [
        ("evt_0001", "il_2"),
        ("il_2", None),
    ]


@pytest.mark.parametrize(("tax", "grade"), [(460, "inferred"), (532, "exact")])
def test_an_invoice_voided_that_says_otherwise_in_the_same_second_leaves_it_open(
    tax: int, grade: str
) -> None:
    """Which of the two was made last? The next final invoice decides."""
    march = datetime(2026, 3, 10, 8, tzinfo=UTC)
    april = datetime(2026, 4, 10, 8, tzinfo=UTC)
    void = invoice("v", march, line("v", 3333, tax, march)) | {"status": "void"}
    history = (
        History([price("p", 3333)])
        .records("invoice", invoice("1", BEGUN, line("1", 3333, 532, BEGUN)))
        .records("invoice", invoice("2", march, line("2", 3333, 532, march)))
        .records("invoice", void)
        .records("invoice", invoice("3", april, line("3", 3333, 460, april)))
        .states((BEGUN, state(item("si", "p"), **COMPUTED)))
    )
    assert told(history, FEBRUARY)[3] == "exact"
    assert told(history, MARCH) == (micro("28.01"), 0, micro("28.01"), grade)
    assert told(history, APRIL) == (micro("28.73"), 0, micro("28.73"), "exact")


def test_lines_are_taken_together_and_after_discounts() -> None:
    """Two tiers: 60.00 and 40.00, 10% off each, with 14.37 and 9.57 of tax inside: 66.06 of 90.00 are left."""
    taken = [{"amount": 600, "discount": "di"}], [{"amount": 400, "discount": "di"}]
    lines = (
        line("1", 6000, 1437, BEGUN, discount_amounts=taken[0]),
        line("2", 4000, 957, BEGUN, discount_amounts=taken[1]),
    )
    history = (
        History([price("p", 10000)])
        .records("invoice", invoice("1", BEGUN, *lines))
        .states((BEGUN, state(item("si", "p"), **COMPUTED)))
    )
    assert told(history, JANUARY)[0] == micro(100 * Fraction(6606, 9000))


@pytest.mark.parametrize("cents", [0, None])
def test_without_a_line_above_zero_it_is_inferred(cents: int | None) -> None:
    history = History([price("p", 3333)]).states((BEGUN, state(item("si", "p"), **COMPUTED)))
    if cents is not None:
        history.records("invoice", invoice("1", BEGUN, line("1", cents, 0, BEGUN)))
    assert told(history, JANUARY)[3] == "inferred"


def test_before_its_first_line_an_item_is_inferred_by_that_line() -> None:
    april = datetime(2026, 4, 10, 8, tzinfo=UTC)
    history = (
        History([price("p", 11900)])
        .records("invoice", invoice("1", april, line("1", 11900, 1900, april)))
        .states((BEGUN, state(item("si", "p"), **COMPUTED)))
    )
    assert told(history, MARCH) == (micro("100"), 0, micro("100"), "inferred")
    assert told(history, APRIL) == (micro("100"), 0, micro("100"), "exact")


def test_computed_tax_on_top_leaves_the_price() -> None:
    on_top = line("1", 11900, 0, BEGUN) | {
        "taxes": [{"amount": 1000, "tax_behavior": "exclusive", "taxable_amount": 11900}]
    }
    history = (
        History([price("p", 11900)])
        .records("invoice", invoice("1", BEGUN, on_top))
        .states((BEGUN, state(item("si", "p"), **COMPUTED)))
    )
    assert told(history, JANUARY) == (micro("119"), 0, micro("119"), "exact")


def test_usage_under_computed_tax_is_net_by_its_own_line() -> None:
    """The bill of January was under another percentage than that of February."""
    first, second = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    history = History([price("p", 0, usage=True)]).states(
        (BEGUN, state(item("si", "p", None), **COMPUTED))
    )
    for name, start, ends, tax in (
        ("1", datetime(2026, 1, 1, tzinfo=UTC), first, 1900),
        ("2", first, second, 1641),
    ):
        history.records("invoice", invoice(name, ends, line(name, 11900, tax, start)))
    assert told(history, JANUARY) == (micro("100"), 0, micro("100"), "exact")  # billed at its end
    assert told(history, FEBRUARY)[2] == micro("102.59")


# what invoices say of the time before


@pytest.mark.parametrize(
    ("known", "net"), [(True, Fraction(3333, 119)), (False, Fraction(2801, 100))]
)
def test_before_the_first_event_lines_tell(known: bool, net: Fraction) -> None:
    """By the percentage of their rate where it is known, else to the cent."""
    created = datetime(2025, 11, 10, 8, tzinfo=UTC)
    old = rate(19) if known else rate(19, name="other")
    lines = [
        invoice(
            str(at.month),
            at,
            line(str(at.month), 3333, 532, at, rate(19)["id"]),
            rates=[rate(19)] if known else [],
        )
        for at in (created, created.replace(month=12))
    ]
    begun = dict.fromkeys(("created", "current_period_start"), int(created.timestamp()))
    listed = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "status": "active",
        "created": int(created.timestamp()), "discounts": [], **under(old),
        "items": {"data": [item("si", "p") | begun], "has_more": False},
    }  # fmt: skip
    history = History([price("p", 3333)]).records("invoice", *lines).records("subscription", listed)
    rows = history.folded().item_timeline.sort("valid_from").rows(named=True)
    early = rows[0]
    assert Fraction(early["net_num"], early["net_den"]) * Fraction("33.33") == net
    assert early["evidence"] == "invoiced"


# random companies


@pytest.mark.parametrize("kind", KINDS)
def test_random_companies(kind: str) -> None:
    """Inside and on top, by rates and computed, changing: what is graded exact is true."""
    features = FEATURES - {WIDE} | {"taxes", "tax_changes"}
    graded, wrong, silent = compared(histories("tax", features, kind, 14))
    assert silent == []
    assert graded["exact"] > 0
    if kind == "often":
        assert set(wrong) <= {"inferred"}
        assert graded["exact"] > 0.9 * graded.total()
