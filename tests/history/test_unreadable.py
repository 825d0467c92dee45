"""Records with a field of another JSON type than Stripe describes are set aside; what rests on them is not sure."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from pipeline import billing, schemas
from tests import in_memory
from tests.history.discounted import MARCH, billed, line
from tests.history.stripe_json import NOW, START, History, Json, coupon, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
WRONG: list[Json] = [
    {"quantity": "three secrets"},
    {"quantity": {"secret": 3}},
    {"price": ["a secret", "another"]},
    {"discounts": [["secret"]]},
    {"price": {"id": ["secret"]}},
    {"quantity": 1.5},
    {"quantity": True},
    {"quantity": 2**63},
    {"price": {"id": 3}},
    {"price": None},
    {"quantity": 10**14},
    {"discounts": [None]},
]


def history(*items: dict[str, Any]) -> History:
    """Three customers since January; the second one's subscription changes in March."""
    found = History([price("p", 10_000)])
    found.states((BEGUN, state(item("si_first", "p"))), customer="first")
    found.states((BEGUN, state(item("si", "p"))), (MARCH, state(*items)), customer="second")
    return found.states((BEGUN, state(item("si_third", "p"))), customer="third")


def grades(found: History) -> dict[str, str]:
    return {name: row["evidence"] for name, row in found.snapshot(date(2026, 4, 1)).items()}


@pytest.mark.parametrize("field", WRONG)
def test_what_rests_on_it_is_not_sure_and_all_else_is(field: Json) -> None:
    found = history(item("si", "p", 2) | field)
    assert grades(found) == {"si_first": "exact", "si": "bounded", "si_third": "exact"}
    assert grades(history(item("si", "p", 2)))["si"] == "exact"


@pytest.mark.parametrize("field", WRONG)
def test_it_is_named_and_nothing_of_what_it_says_is_kept(field: Json) -> None:
    rows = pl.LazyFrame(history(item("si", "p", 2) | field).rows, schema=schemas.RAW_RECORD.schema)
    (row,) = billing.decode(rows).unreadable.collect().to_dicts()
    assert (row["stream"], row["record_id"]) == ("event", "evt_0003")
    assert (row["customer_id"], row["subscription_id"]) == ("cus_second", "sub_second")
    assert "secret" not in str(row)


def test_a_price_that_cannot_be_read_makes_its_items_doubtful() -> None:
    found = history(item("si", "p")).records("price", price("p", 100) | {"recurring": ["x"]})
    assert set(grades(found).values()) == {"bounded"}


def test_what_only_other_prices_show_to_be_wrong_is_wrong() -> None:
    """That `kwd` is a currency with an option, and no field of the object, the second price says."""
    odd = price("p", 100) | {"currency_options": {"kwd": "x"}}
    fine = price("other", 100) | {"currency_options": {"kwd": {"unit_amount_decimal": "30"}}}
    found = history(item("si", "p")).records("price", odd, fine)
    assert set(grades(found).values()) == {"bounded"}


def test_an_item_without_a_quantity_counts_as_one_and_is_not_sure() -> None:
    found = history(item("si", "p", None))
    assert grades(found) == {"si_first": "exact", "si": "bounded", "si_third": "exact"}


VAT = {"id": "txr_1", "object": "tax_rate", "inclusive": True, "percentage": 19.0}


@pytest.mark.parametrize(
    "more",
    [
        {"status": None},
        {"status": "hibernating"},
        {"currency": None},
        {"default_tax_rates": [VAT | {"percentage": None}]},
        {"default_tax_rates": [VAT | {"inclusive": None}]},
        {"default_tax_rates": [VAT | {"id": None}]},
        {"default_tax_rates": [None]},
    ],
)
def test_a_state_that_says_too_little_is_set_aside(more: Json) -> None:
    found = History([price("p", 10_000)])
    found.states((BEGUN, state(item("si", "p"))), (MARCH, state(item("si", "p"), **more)))
    assert grades(found) == {"si": "bounded"}


@pytest.mark.parametrize(
    ("taxes", "grade"),
    [
        ([{"amount": 1_597, "tax_behavior": "inclusive"}], "exact"),
        ([{"amount": None, "tax_behavior": "inclusive"}], "bounded"),
        ([{"amount": 1_597, "tax_behavior": None}], "bounded"),
        ([{"amount": 1_597, "tax_behavior": "perhaps"}], "bounded"),
        ([None], "bounded"),
    ],
)
def test_a_line_whose_tax_does_not_say_what_it_is_sets_its_invoice_aside(
    taxes: list[Json | None], grade: str
) -> None:
    at, told = line("february", BEGUN, BEGUN.replace(month=2), 10_000)
    details = {"tax_rate_details": {"tax_rate": "txr_1"}}
    told["taxes"] = [each and each | details for each in taxes]
    told["pricing"]["price_details"]["price"] = "p"
    state_with_tax = state(item("si", "p"), default_tax_rates=[VAT])
    found = billed(History([price("p", 10_000)]).states((BEGUN, state_with_tax)), (at, told))
    assert grades(found) == {"si": grade}


def test_a_coupon_that_nothing_uses_makes_nothing_doubtful() -> None:
    found = history(item("si", "p")).records("coupon", coupon("C") | {"percent_off": ["x"]})
    assert set(grades(found).values()) == {"exact"}


def test_an_invoice_that_does_not_say_whose_it_is_makes_everything_doubtful() -> None:
    wrong = {"id": "in_x", "object": "invoice", "customer": {"x": 1}, "lines": {"data": "none"}}
    found = history(item("si", "p")).records("invoice", wrong)
    assert set(grades(found).values()) == {"bounded"}


def test_a_night_folds_what_became_doubtful() -> None:
    whole = history(item("si", "p", 2) | WRONG[0]).rows
    coverage = pl.LazyFrame(
        [{"source_account": "", "covered_from": START, "covered_to": NOW, "sync_id": "s"}],
        schema=schemas.COVERAGE.schema,
    )
    last = [row for row in whole if row["id"] == "evt_0003"]
    rest = [row for row in whole if row["id"] != "evt_0003"]
    known, fresh = (
        billing.decode(pl.LazyFrame(rows, schema=schemas.RAW_RECORD.schema))
        for rows in (rest, last)
    )
    before = in_memory.fold_evidence(known, coverage)
    night = in_memory.fold_night(before, known, fresh, coverage, coverage)
    everything = in_memory.fold(pl.LazyFrame(whole, schema=schemas.RAW_RECORD.schema), coverage)
    assert night.billing.item_timeline.equals(everything.item_timeline)
    assert night.customers == 1
