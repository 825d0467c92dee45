"""Attribution through the command: published for every month, and anew where the CRM tells something else."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline import database, schemas
from pipeline.assets import night
from pipeline.assets.place import Place
from tests.cli.desk import NOW, Desk

TABLES = ("expansion_attribution", "attribution_sensitivity", "crm_pipeline", "deal_reconciliation")


def _run(desk: Desk) -> dict[str, Any]:
    said = desk.types("run", "--json")
    assert said.code == 0, said
    return dict(json.loads(said.out))


def test_every_month_s_attribution_sums_to_its_expansion(worked: Desk) -> None:
    metrics = worked.published("expansion_metrics").filter(dimension="total", window_months=1)
    expected = dict(metrics.select("month", "expansion_mrr").iter_rows())
    found = worked.published("expansion_attribution")
    sums = dict(found.group_by("month").agg(pl.col("amount").sum()).iter_rows())
    assert {month: sums.get(month, 0) for month in expected} == expected
    sensitivity = worked.published("attribution_sensitivity")
    for part in sensitivity.partition_by("days"):
        sums = dict(part.group_by("month").agg(pl.col("amount").sum()).iter_rows())
        assert {month: sums.get(month, 0) for month in expected} == expected
    assert set(found["attribution"]) >= {"sales_driven", "natural"}, "the company has both"
    assert worked.published("deal_reconciliation").height
    assert worked.published("crm_pipeline").height


def test_another_window_changes_attribution_and_no_figure(worked: Desk) -> None:
    """Only the current month is computed, yet every month says what the new window says; nothing restates."""
    before = {table: worked.published(table) for table in (*TABLES, "expansion_metrics")}
    path = worked.folder / "pipeline.toml"
    text = path.read_text()
    path.write_text(f"{text}[crm.attribution_days]\nbefore = 0\nafter = 0\ninfluence = 0\n")
    told = _run(worked)
    assert told["months"] == ["2026-11", "2026-11"]
    after = worked.published("expansion_attribution")
    months = before["expansion_attribution"]["month"]
    assert after.height == before["expansion_attribution"].height
    sold = pl.col("attribution").is_in(["sales_driven", "influenced"])
    closed = after.filter(pl.col("month") < months.max())
    assert closed.filter(sold).height < before["expansion_attribution"].filter(sold).height
    assert worked.published("expansion_metrics").equals(before["expansion_metrics"])
    assert worked.published("restatement").is_empty()
    assert _waiting(worked) == {}
    path.write_text(text)
    _run(worked)
    for table in TABLES:
        assert worked.published(table).equals(before[table]), table


def test_a_warehouse_of_an_older_version_gets_every_month(worked: Desk) -> None:
    before = {table: worked.published(table) for table in TABLES}
    _forget(worked)
    assert _run(worked)["months"] == ["2026-11", "2026-11"]
    for table in TABLES:
        assert worked.published(table).equals(before[table]), table


def test_what_waits_is_published_by_the_next_night(worked: Desk) -> None:
    """A run that was stopped between computing and publishing."""
    before = worked.published("expansion_attribution")
    month = before["month"].min()
    place = Place(worked.settings)
    try:
        stored = database.table_of(schemas.EXPANSION_ATTRIBUTION)
        with place.engine.begin() as connection:
            connection.execute(stored.delete().where(stored.c.month == month))
            night.note_attributed(connection, [month], 1)
    finally:
        place.close()
    assert not worked.published("expansion_attribution").equals(before)
    _run(worked)
    assert worked.published("expansion_attribution").equals(before)
    assert _waiting(worked) == {}


@pytest.mark.parametrize("crm", ["hubspot", "none"])
def test_deal_types_that_nobody_mapped_warn(worked: Desk, crm: str) -> None:
    types = "[]" if crm == "hubspot" else '["existingbusiness"]'
    with (worked.folder / "pipeline.toml").open("a") as config:
        config.write(f"[crm.deal_types]\nexpansion = {types}\n")
    said = worked.types("run", "--json")
    assert said.code == 0, said
    assert ("does not name, or none: existingbusiness" in said.err) == (crm == "hubspot")
    rows = worked.published("data_quality").filter(
        pl.col("check") == "expansion_attribution deal_types_known"
    )
    last = rows.row(-1, named=True)
    ours = [json.loads(each) for each in rows["figures"]]
    if crm == "none":
        assert all(each["types"] == 0 for each in ours)
        return
    assert {"types": 0, "deals": 0} in ours, "the night before"
    (found,) = [each for each in ours if each["types"]]
    assert found["types"] == 1
    assert any("existingbusiness" in each for each in rows["examples"])
    assert set(rows["severity"]) == {"info", "warning"}
    assert last["check"].startswith("expansion_attribution")


HEAD = "deal_id,account_id,type,amount,currency,created,closed,is_closed,is_won\n"
OLD = "D0,A0,Existing Business,1,usd,2020-01-01,2020-01-02,true,false\n"


def _deals(desk: Desk, *deals: str) -> None:
    (desk.folder / "deals.csv").write_text(HEAD + OLD + "".join(deals))


def test_a_deal_that_comes_late_and_goes_again_is_told_in_its_month(desk: Desk) -> None:
    """The CRM tells of a deal won months ago, and later of none: only the current month is computed each time."""
    del desk.environment["HUBSPOT_SERVICE_KEY"]
    customers = sorted(desk.services.company.objects["customer"])  # type: ignore[union-attr]
    rows = "".join(f"A{number},{customer}\n" for number, customer in enumerate(customers))
    (desk.folder / "accounts.csv").write_text(f"account_id,stripe_customer_ids\n{rows}")
    with (desk.folder / "pipeline.toml").open("a") as config:
        config.write('[crm.files]\naccounts = "accounts.csv"\ndeals = "deals.csv"\n')
    _deals(desk)
    _night(desk, 0)
    before = {table: desk.published(table) for table in (*TABLES, "expansion_metrics")}
    open_to_sales = before["expansion_attribution"].filter(
        pl.col("month") < pl.col("month").max(),
        pl.col("attribution") == "natural",
        pl.col("amount") > 0,
    )
    part = open_to_sales.sort("month", "account_id").row(0, named=True)
    account = part["account_id"].removeprefix("file:")
    middle = f"{part['month']:%Y-%m}-15"
    _deals(desk, f"D1,{account},Existing Business,1200,usd,2025-01-01,{middle},true,true\n")
    assert _night(desk, 1)["months"] == ["2026-11", "2026-11"]
    told = desk.published("expansion_attribution").filter(
        month=part["month"], account_id=part["account_id"], attribution="sales_driven"
    )
    assert set(told["deal_id"]) == {"file:D1"}
    won = desk.published("deal_reconciliation").row(0, named=True)
    assert (won["deal_id"], won["outcome"]) == ("file:D1", "paid")
    assert won["attributed_mrr"] == told["amount"].sum()
    assert desk.published("crm_pipeline").height > before["crm_pipeline"].height, "it was open"
    _deals(desk)
    assert _night(desk, 2)["months"] == ["2026-11", "2026-11"]
    for table, frame in before.items():
        assert desk.published(table).equals(frame), table
    assert desk.published("restatement").is_empty()


def _night(desk: Desk, hours: int) -> dict[str, Any]:
    desk.environment["PIPELINE_NOW"] = (NOW + timedelta(hours=hours)).isoformat()
    return _run(desk)


def test_an_explanation_says_who_brought_each_component(worked: Desk) -> None:
    rows = worked.published("expansion_attribution").filter(attribution="sales_driven")
    sold = rows.row(0, named=True)
    month = f"{sold['month']:%Y-%m}"
    asked = ("explain", "--account", sold["account_id"], "--month", month)
    told = json.loads(worked.types(*asked, "--json").out)
    parts = {(each["subscription_item_id"], each["type"]): each for each in told["components"]}
    found = {(each["subscription_item_id"], each["type"]): each for each in told["attribution"]}
    assert {key: each["amount"] for key, each in parts.items()} == {
        key: each["amount"] for key, each in found.items()
    }
    each = found[sold["subscription_item_id"], sold["type"]]
    assert (each["attribution"], each["deal_id"]) == ("sales_driven", sold["deal_id"])
    assert each["evidence"] == [sold["deal_id"]]
    assert each["changed_at"].startswith(month)
    text = worked.types(*asked).out
    assert f"sales driven by {sold['deal_id']} · owner {sold['owner']}" in text
    amount = f"{Decimal(each['amount']):+,.6f}".rstrip("0")
    assert f"{sold['type'].replace('_', '-')} {amount}" in text
    wide = json.loads(worked.types(*asked, "--window", "3", "--json").out)
    assert wide["attribution"] == []


def _waiting(desk: Desk) -> dict[Any, int]:
    place = Place(desk.settings)
    try:
        return night.attributed(place.engine)
    finally:
        place.close()


def _forget(desk: Desk) -> None:
    """As if the tables had never been."""
    place = Place(desk.settings)
    try:
        with place.engine.begin() as connection:
            objects = database.lake_object
            connection.execute(objects.delete().where(objects.c.table_name.in_(TABLES)))
            for name in TABLES:
                connection.execute(database.table_of(schemas.TABLES[name]).delete())
    finally:
        place.close()
