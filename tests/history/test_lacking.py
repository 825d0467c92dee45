"""Records that decode and lack what figures rest on are set aside, and what rests on them is not sure."""

from datetime import UTC, date, datetime
from typing import Any

import orjson
import polars as pl
import pytest

from pipeline import billing, schemas
from tests.history.discounted import line
from tests.history.stripe_json import History, Json, coupon, discount, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
FEBRUARY = BEGUN.replace(month=2)
SECONDS = int(BEGUN.timestamp())
GONE = "gone"


def changed(record: Any, path: str, value: Any) -> Any:
    """`record` with another value at a path; without the field where it is `GONE`."""
    name, _, rest = path.partition(".")
    key: Any = int(name) if isinstance(record, list) else name
    new = changed(record[key], rest, value) if rest else value
    if isinstance(record, list):
        return [new if number == key else each for number, each in enumerate(record)]
    return {each: old for each, old in record.items() if each != key} | (
        {} if new is GONE else {key: new}
    )


def told(stream: str, record: Json) -> tuple[list[str], str]:
    """(which records are set aside, the grade of the item) of a history with one more record."""
    history = History([price("p", 10_000)]).states((BEGUN, state(item("si", "p"))))
    history.rows = [row for row in history.rows if row["stream"] != stream]
    history.records(stream, record)
    rows = pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema)
    aside = billing.decode(rows).unreadable.collect().get_column("record_id").to_list()
    return aside, history.snapshot(date(2026, 3, 1))["si"]["evidence"]


def tier(up_to: int | None, unit: int | None, flat: int | None) -> Json:
    """A tier as Stripe shows it: each amount as a number and as a text."""
    return {
        "flat_amount": flat, "flat_amount_decimal": None if flat is None else str(flat),
        "unit_amount": unit, "unit_amount_decimal": None if unit is None else str(unit), "up_to": up_to,
    }  # fmt: skip


TIERED = price("p", 0) | {
    "billing_scheme": "tiered", "tiers_mode": "graduated", "unit_amount": None, "unit_amount_decimal": None,
    "tiers": [tier(5, 1_000, None), tier(None, None, 500)],
}  # fmt: skip
OPTIONS = price("p", 10_000) | {
    "currency_options": {"eur": {"unit_amount": 900, "unit_amount_decimal": "900"}}
}


@pytest.mark.parametrize("whole", [price("p", 10_000), TIERED, OPTIONS])
def test_a_price_that_says_all_is_sure(whole: Json) -> None:
    assert told("price", whole) == ([], "exact")


@pytest.mark.parametrize(
    ("whole", "path"),
    [
        (price("p", 10_000), "recurring.interval_count"),
        (price("p", 10_000), "billing_scheme"),
        (price("p", 10_000), "unit_amount_decimal"),
        (TIERED, "tiers_mode"),
        (TIERED, "tiers.0.unit_amount_decimal"),
        (TIERED, "tiers.1.flat_amount_decimal"),
        (OPTIONS, "currency_options.eur.unit_amount_decimal"),
    ],
)
@pytest.mark.parametrize("value", [None, GONE])
def test_a_price_that_does_not_say_what_it_charges(whole: Json, path: str, value: Any) -> None:
    assert told("price", changed(whole, path, value)) == (["p"], "bounded")


@pytest.mark.parametrize("path", ["recurring.interval_count", "transform_quantity.divide_by"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_price_by_a_number_that_cannot_be(path: str, value: int) -> None:
    whole = price("p", 10_000) | {"transform_quantity": {"divide_by": 5, "round": "up"}}
    assert told("price", whole) == ([], "exact")
    assert told("price", changed(whole, path, value)) == (["p"], "bounded")


@pytest.mark.parametrize("path", ["tiers.0.flat_amount_decimal", "tiers.1.unit_amount_decimal"])
def test_an_amount_that_is_no_number(path: str) -> None:
    assert told("price", changed(TIERED, path, "x")) == (["p"], "bounded")


def test_a_tier_without_a_text_for_an_amount_with_a_fraction() -> None:
    half = changed(
        changed(TIERED, "tiers.0.unit_amount", None), "tiers.0.unit_amount_decimal", "0.5"
    )
    assert told("price", half) == ([], "exact")
    gone = changed(half, "tiers.0.unit_amount_decimal", GONE)
    assert told("price", gone) == (["p"], "bounded")


@pytest.mark.parametrize(
    ("more", "aside"),
    [
        ({"percent_off": 25}, []),
        ({"amount_off": 500, "currency": "usd"}, []),
        ({"amount_off": 500, "currency": None}, ["C"]),
        ({"amount_off": 0, "percent_off": 25}, ["C"]),
        ({}, ["C"]),
    ],
)
def test_a_coupon_that_does_not_say_what_it_takes_off(more: Json, aside: list[str]) -> None:
    history = History([price("p", 10_000)]).records("coupon", coupon("C", **more))
    history.records("discount", discount("di", "C", BEGUN))
    history.states((BEGUN, state(item("si", "p", 1, "di"))))
    rows = pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema)
    assert billing.decode(rows).unreadable.collect().get_column("record_id").to_list() == aside


@pytest.mark.parametrize(
    ("more", "aside"),
    [
        ({}, []),
        ({"subscription_item": "si"}, []),
        ({"subscription": None}, []),
        ({"subscription_item": "x"}, ["di"]),
        ({"subscription_item": {}}, ["di"]),
        ({"subscription": "x"}, ["di"]),
        ({"subscription": []}, ["di"]),
        ({"subscription": None, "customer": None}, ["di"]),
        ({"subscription": None, "customer": None, "invoice": "in"}, []),
        ({"start": None}, ["di"]),
        ({"source": None}, ["di"]),
        ({"subscription_item": GONE}, ["di"]),
        ({"subscription": GONE}, ["di"]),
        ({"invoice": GONE}, ["di"]),
    ],
)
def test_a_discount_that_does_not_say_on_what_it_is(more: Json, aside: list[str]) -> None:
    history = History([price("p", 10_000)]).records("coupon", coupon("C", percent_off=25))
    told = discount("di", "C", BEGUN) | more
    history.records("discount", {key: value for key, value in told.items() if value is not GONE})
    history.states((BEGUN, state(item("si", "p", 1, "di"))))
    rows = pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema)
    assert billing.decode(rows).unreadable.collect().get_column("record_id").to_list() == aside


BILLED = line("one", BEGUN, FEBRUARY, 10_000, di=500)[1]
INVOICE = {
    "id": "in", "object": "invoice", "status": "paid", "customer": "cus_a", "created": SECONDS,
    "currency": "usd", "discounts": [], "lines": {"data": [BILLED], "has_more": False},
}  # fmt: skip
CHANGE = {
    "id": "ii", "object": "invoiceitem", "customer": "cus_a", "currency": "usd", "date": SECONDS + 60,
    "amount": 2_400, "quantity": 2, "proration": True,
    "period": {"start": SECONDS + 60, "end": int(FEBRUARY.timestamp())},
    "pricing": {"price_details": {"price": "p", "product": "prod_a"}},
    "parent": {"type": "subscription_details", "subscription_details": {
        "subscription": "sub_a", "subscription_item": "si",
    }},
}  # fmt: skip


def test_bills_that_say_all_are_not_set_aside() -> None:
    assert told("invoice", INVOICE)[0] == []
    assert told("invoiceitem", CHANGE) == ([], "exact")


@pytest.mark.parametrize(
    "path", ["created", "currency", "customer", "discounts", "lines", "status"]
)
@pytest.mark.parametrize("value", [None, GONE])
def test_an_invoice_that_does_not_say_what_it_is(path: str, value: Any) -> None:
    assert told("invoice", changed(INVOICE, path, value)) == (["in"], "bounded")


@pytest.mark.parametrize(
    "path",
    [
        "parent.subscription_item_details",
        "parent.subscription_item_details.proration",
        "parent.subscription_item_details.subscription",
        "parent.subscription_item_details.subscription_item",
        "pricing.price_details",
        "pricing.price_details.price",
        "discount_amounts.0.amount",
        "discount_amounts.0.discount",
        "period.start",
    ],
)
@pytest.mark.parametrize("value", [None, GONE])
def test_a_line_that_does_not_say_what_it_bills(path: str, value: Any) -> None:
    assert told("invoice", changed(INVOICE, f"lines.data.0.{path}", value)) == (["in"], "bounded")


def test_a_line_of_nothing_at_all_is_no_line_of_an_item() -> None:
    """Somebody wrote it on the invoice: it is of no subscription, and has no parent."""
    by_hand = BILLED | {"parent": None, "pricing": None}
    assert told("invoice", changed(INVOICE, "lines.data.0", by_hand)) == ([], "exact")


@pytest.mark.parametrize(
    "path",
    [
        "amount",
        "date",
        "parent.subscription_details",
        "parent.subscription_details.subscription",
        "parent.subscription_details.subscription_item",
        "period",
        "period.end",
        "pricing.price_details",
        "pricing.price_details.price",
        "proration",
        "quantity",
    ],
)
@pytest.mark.parametrize("value", [None, GONE])
def test_a_change_that_does_not_say_what_changed(path: str, value: Any) -> None:
    assert told("invoiceitem", changed(CHANGE, path, value)) == (["ii"], "bounded")


@pytest.mark.parametrize(
    "path",
    [
        "created",
        "discounts",
        "items.data.0.created",
        "items.data.0.current_period_start",
        "items.data.0.discounts",
        "items.data.0.price.id",
    ],
)
def test_a_subscription_that_does_not_say_what_it_is(path: str) -> None:
    listed = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "created": SECONDS,
        "discounts": [], "status": "active",
        "items": {"data": [item("si", "p") | {"created": SECONDS, "current_period_start": SECONDS}],
                  "has_more": False},
    }  # fmt: skip
    assert told("subscription", listed)[0] == []
    assert told("subscription", changed(listed, path, GONE)) == (["sub_a"], "bounded")


def test_before_basil_the_subscription_says_when_its_period_began() -> None:
    old = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "created": SECONDS,
        "discounts": [], "status": "active", "current_period_start": SECONDS,
        "items": {"data": [item("si", "p") | {"created": SECONDS}], "has_more": False},
    }  # fmt: skip
    assert told("subscription", old)[0] == []
    assert told("subscription", changed(old, "current_period_start", GONE))[0] == ["sub_a"]


def events(path: str, value: Any, version: str | None) -> tuple[list[str], str]:
    """(which records are set aside, the grade) where the event of a change in March is spoiled."""
    history = History([price("p", 10_000)])
    history.states(
        (BEGUN, state(item("si", "p"))), (FEBRUARY.replace(month=3), state(item("si", "p", 2)))
    )
    last = history.rows.pop()
    event = changed(orjson.loads(last["payload"]), path, value)
    (row,) = History([]).records("event", event, at=last["observed_at"]).rows
    history.rows.append(row | {"api_version": version})
    rows = pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema)
    aside = billing.decode(rows).unreadable.collect().get_column("record_id").to_list()
    return aside, history.snapshot(date(2026, 3, 1))["si"]["evidence"]


@pytest.mark.parametrize(
    "path",
    [
        "created",
        "type",
        "data.object.id",
        "data.object.discounts",
        "data.object.items.data.0.discounts",
        "data.object.items.data.0.id",
        "data.previous_attributes.items.data.0.id",
        "data.previous_attributes.items.data.0.price",
    ],
)
def test_an_event_that_does_not_say_what_was_before_or_after(path: str) -> None:
    whole = events("livemode", value=False, version="2026-10-28.endive")
    assert whole == ([], "exact")
    assert events(path, None, "2026-10-28.endive") == (["evt_0002"], "bounded")


def test_an_event_of_a_version_without_discounts_of_items() -> None:
    assert events("data.object.items.data.0.discounts", GONE, "2023-10-16") == ([], "exact")
