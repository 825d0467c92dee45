"""Input nobody planned for is marked or refused, never a wrong figure."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipeline import mrr, schemas
from pipeline.errors import Unvalued
from pipeline.sandbox.company import Company
from tests import in_memory
from tests.history.records import Evidence, _row
from tests.history.stripe_json import NOW, START, History, price

FEBRUARY = datetime(2026, 2, 3, 10, tzinfo=UTC)
APRIL = datetime(2026, 4, 14, 9, tzinfo=UTC)
MONTH = date(2026, 4, 1)
END = datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_a_price_that_is_not_known_is_named() -> None:
    history = History([price("p", 1000)])
    history.subscription("a", [(FEBRUARY, {"si": ("p_gone", 1)}), (APRIL, {"si": ("p", 1)})])
    with pytest.raises(Unvalued, match="p_gone"):
        history.movements(MONTH)


def test_a_tiered_price_without_its_tiers_has_no_value() -> None:
    tiered = price("p", 1000) | {
        "billing_scheme": "tiered",
        "unit_amount_decimal": None,
        "tiers": None,
    }
    history = History([tiered]).subscription("a", [(FEBRUARY, {"si": ("p", 1)})])
    with pytest.raises(Unvalued, match="price p in usd"):
        history.movements(MONTH)


@pytest.mark.parametrize("policy", [mrr.Policy(), mrr.Policy(usage="exclude")])
def test_a_missing_price_is_missed_under_every_policy(policy: mrr.Policy) -> None:
    history = History([price("p", 1000)]).subscription("a", [(FEBRUARY, {"si": ("p_gone", 1)})])
    with pytest.raises(Unvalued):
        history.movements(MONTH, policy=policy)


def test_a_discount_that_nothing_explains_is_inferred() -> None:
    history = History([price("p", 1000)]).subscription("a", [(FEBRUARY, {"si": ("p", 2)})])
    for row in history.rows:
        if row["stream"] == "event":
            row["payload"] = row["payload"].replace(
                '"discounts":[],"ended_at"', '"discounts":["di_x"],"ended_at"'
            )
    found = history.movements(date(2026, 2, 1)).found.movement
    assert found.get_column("evidence").to_list() == ["inferred"]


def test_metadata_may_hold_braces() -> None:
    record = {"id": "cus_a", "metadata": {"hubspot_company_id": "12", "note": "x {y} z"}}
    raw = pl.LazyFrame([_row("customer", record, NOW)], schema=schemas.RAW_RECORD.schema)
    customer = in_memory.fold(raw, pl.LazyFrame(schema=schemas.COVERAGE.schema)).customer
    assert '"hubspot_company_id":"12"' in customer.get_column("metadata").item()


@pytest.mark.parametrize(("days", "movement"), [(0, "new"), (30, "new"), (90, "reactivation")])
def test_who_comes_back_after_long_enough_is_new(days: int, movement: str) -> None:
    policy = mrr.Policy(reactivation="new", reactivation_days=days)
    left = datetime(2026, 2, 20, tzinfo=UTC)
    history = (
        History([price("p", 5000)])
        .subscription("a", [(FEBRUARY, {"si": ("p", 1)}), (left, None)])
        .subscription("a", [(APRIL, {"si_2": ("p", 2)})], name="2")
    )
    assert history.movements(MONTH, policy=policy).movement == {"cus_a": (movement, 100)}


def test_usage_that_ends_with_its_item_was_paid() -> None:
    """Free seats and usage that is billed when the subscription ends: at that very instant there was MRR."""
    history = (
        History([price("p", 0), price("u", 1, "prod_u", usage=True), price("q", 5000)])
        .subscription(
            "a",
            [
                (FEBRUARY, {"si": ("p", 1), "si_u": ("u", None)}),
                (datetime(2026, 3, 1, tzinfo=UTC), None),
            ],
        )
        .usage("a", "si_u", "u", {date(2026, 2, 1): 700})
        .subscription("a", [(APRIL, {"si_2": ("q", 1)})], name="2")
    )
    assert history.movements(MONTH).movement == {"cus_a": ("reactivation", 50)}


def test_a_span_that_ends_touches_from_its_end_on() -> None:
    def folded(
        states: list[tuple[datetime, dict[str, tuple[str, int | None]] | None]],
    ) -> in_memory.Billing:
        rows = History([price("p", 1000)]).subscription("a", states).rows
        span = {"source_account": "", "covered_from": START, "covered_to": NOW, "sync_id": "s"}
        return in_memory.fold(
            pl.LazyFrame(rows, schema=schemas.RAW_RECORD.schema),
            pl.LazyFrame([span], schema=schemas.COVERAGE.schema),
        )

    before = folded([(FEBRUARY, {"si": ("p", 1)})])
    after = folded([(FEBRUARY, {"si": ("p", 1)}), (APRIL, {"si": ("p", 2)})])
    (event,) = after.item_timeline.filter(valid_from=APRIL).get_column("opened_by")
    assert event.startswith("evt_")
    assert set(in_memory.changes(before, after).rows()) == {(APRIL, event)}
    assert in_memory.changes(after, after).is_empty()
    dearer = replace(after, price=after.price.with_columns(unit=pl.col("unit") * 2))
    assert set(in_memory.changes(after, dearer).rows()) == {(FEBRUARY, None), (FEBRUARY, "p")}, (
        "a price touches everything"
    )


def test_why_accounts_left_is_told() -> None:
    company = Company(seed=3, customers=60, months=14, end=END)
    evidence = Evidence()
    while company.now < END:
        company.advance(min(company.now + timedelta(days=28), END))
        evidence.sync(company)
    timeline = in_memory.fold(*evidence.frames()).item_timeline
    reasons = set(timeline.filter(pl.col("valid_to").is_not_null()).get_column("cancel_reason"))
    assert {"cancellation_requested", "payment_failed"} <= reasons
