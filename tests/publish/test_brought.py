"""The section "Who brought it": what the warehouse says, in words and at 100 columns."""

from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Engine, update

from pipeline.database import table_of
from pipeline.publish import publish_months, replace_table, summary
from pipeline.schemas import (
    ACCOUNT,
    ATTRIBUTION_SENSITIVITY,
    CRM_PIPELINE,
    DEAL_RECONCILIATION,
    EXPANSION_ATTRIBUTION,
    Table,
)
from tests.publish.test_summary import fill, printed

MICRO = 1_000_000
LAST = date(2027, 1, 1)


def _frame(table: Table, *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(table.names) | row for row in rows], schema=table.schema)


def _attribute(warehouse: Engine) -> None:
    """100,000 of expansion in the last closed month: 60% sold, 25% influenced, 15% by itself."""
    parts = (("sales_driven", 60_000), ("influenced", 25_000), ("natural", 15_000))
    attribution = [
        {"month": LAST, "account_id": "acc_0", "subscription_item_id": f"si_{number}", "type": "seat",
         "attribution": kind, "amount": amount * MICRO}
        for number, (kind, amount) in enumerate(parts)
    ]  # fmt: skip
    sensitivity = [
        {"month": LAST, "days": days, "attribution": kind, "amount": amount * MICRO, "accounts": 1}
        for days, sold in ((30, 40_000), (60, 60_000), (90, 75_000))
        for kind, amount in (("sales_driven", sold), ("natural", 100_000 - sold))
    ]
    open_deals = [
        {"month": LAST, "stage": stage, "owner": "Ann Lee", "deals": 2, "without_amount": 0,
         "amount": 30_000 * MICRO, "weighted": 10_000 * MICRO}
        for stage in ("Qualified", "Contract sent")
    ]  # fmt: skip
    outcomes = ("paid", "paid", "spare", "no_money")
    won = [
        {"month": LAST, "deal_id": f"hubspot:{number}", "closed": LAST, "outcome": outcome,
         "amount": 400_000 * MICRO if number else None, "attributed_mrr": 30_000 * MICRO}
        for number, outcome in enumerate(outcomes)
    ]  # fmt: skip
    frames = {
        EXPANSION_ATTRIBUTION: attribution,
        ATTRIBUTION_SENSITIVITY: sensitivity,
        CRM_PIPELINE: open_deals,
        DEAL_RECONCILIATION: won,
    }
    made = {table.name: _frame(table, *rows) for table, rows in frames.items()}
    publish_months(warehouse, made, [LAST])


def test_the_section_says_what_the_warehouse_holds(warehouse: Engine) -> None:
    fill(warehouse)
    _attribute(warehouse)
    found = summary(warehouse).brought
    assert found is not None
    assert [(each.attribution, each.amount) for each in found.shares] == [
        ("sales_driven", 60_000),
        ("influenced", 25_000),
        ("natural", 15_000),
    ]
    text = printed(warehouse)
    assert "…" not in text
    assert all(len(line) <= 100 for line in text.splitlines())
    words = " ".join(text.split())
    for said in (
        "Sales +60,000 1 60%",
        "Influenced by sales +25,000 1 25%",
        "By itself +15,000 1 15%",
        "Sales would be 40%, 60% and 75% with windows of 30, 60 and 90 days.",
        "Open at the end of January 2027: 4 expansion deals over 60,000 USD, weighted 20,000.",
        "4 expansion deals won in 12 months: 2 brought expansion, 1 beside another deal that did,",
        "1 without money. They brought 90% of their amounts as yearly revenue.",
    ):
        assert said in words


def test_shares_that_no_window_changes_are_said_once(warehouse: Engine) -> None:
    fill(warehouse)
    _attribute(warehouse)
    parts = table_of(ATTRIBUTION_SENSITIVITY)
    with warehouse.begin() as connection:
        for kind, amount in (("sales_driven", 2), ("natural", 98)):
            alike = update(parts).where(parts.c.attribution == kind)
            connection.execute(alike.values(amount=amount))
    words = " ".join(printed(warehouse).split())
    assert "Sales would be 2% with windows of 30, 60 or 90 days alike." in words


def test_without_any_likelihood_the_pipeline_is_not_weighted(warehouse: Engine) -> None:
    fill(warehouse)
    _attribute(warehouse)
    with warehouse.begin() as connection:
        connection.execute(update(table_of(CRM_PIPELINE)).values(weighted=None))
    words = " ".join(printed(warehouse).split())
    assert "over 60,000 USD; how likely they are won is not known." in words


def test_a_crm_without_deals_says_so(warehouse: Engine) -> None:
    fill(warehouse)
    words = " ".join(printed(warehouse).split())
    assert "nobody expanded in January 2027" in words
    assert "No expansion deal was open at the end of January 2027." in words
    assert "No expansion deal was won in 12 months." in words


def test_without_a_crm_it_is_one_sentence(warehouse: Engine) -> None:
    fill(warehouse)
    rows = [{"account_id": name, "source": "stripe"} for name in ("acc_0", "acc_1")]
    replace_table(warehouse, "account", _frame(ACCOUNT, *rows))
    assert summary(warehouse).brought is None
    assert "no CRM is connected" in printed(warehouse)
    assert "windows of" not in printed(warehouse)
