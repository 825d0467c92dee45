"""Links as a person makes and reads them: the override file, coverage, and what a link that changes moves."""

import json
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select

from pipeline import database, schemas
from pipeline.assets.place import Place
from pipeline.money import MICRO
from tests.cli.desk import CONFIG, Desk
from tests.cli.written import found


def _read(desk: Desk, table: schemas.Table) -> pl.DataFrame:
    place = Place(desk.settings)
    try:
        return place.lake.scan(table).collect()
    finally:
        place.close()


def _noted(desk: Desk, check: str) -> list[tuple[bool, dict[str, Any], list[str]]]:
    """What nights noted of a check: passed, figures, examples."""
    table = database.table_of(schemas.DATA_QUALITY)
    engine = database.engine(desk.settings.warehouse_url)
    try:
        with database.reading(engine) as connection:
            query = select(table.c.passed, table.c.figures, table.c.examples)
            rows = connection.execute(query.where(table.c.check == f"accounts {check}")).all()
    finally:
        engine.dispose()
    return [
        (passed, json.loads(figures), json.loads(examples)) for passed, figures, examples in rows
    ]


def _now(desk: Desk) -> pl.DataFrame:
    """Each customer's MRR in the current month, as published."""
    snapshot = desk.published(schemas.MRR_SNAPSHOT.name)
    current = snapshot.filter(pl.col("month") == pl.col("month").max())
    return current.group_by("customer_id").agg(pl.col("mrr").sum())


def test_a_customer_that_is_never_to_be_linked_leaves_its_account_and_takes_its_months_along(
    worked: Desk,
) -> None:
    links = _read(worked, schemas.ACCOUNT_LINK).filter(pl.col("status") == "matched")
    paying = links.join(_now(worked).filter(pl.col("mrr") > 0), on="customer_id")
    row = paying.sort("customer_id").row(0, named=True)
    assert worked.published(schemas.ACCOUNT_LINK_CHANGE.name).is_empty()
    (worked.folder / "links.csv").write_text(
        f"stripe_customer_id,crm_account_id,reason\n{row['customer_id']},ignore,a test\n"
        "cus_unheard_of,hubspot:1,a slip\n"
    )
    (worked.folder / "pipeline.toml").write_text(f'{CONFIG}\n[crm]\noverride = "links.csv"\n')
    assert worked.types("run").code == 0
    status = dict(
        worked.published(schemas.ACCOUNT_LINK.name).select("customer_id", "status").rows()
    )
    assert status[row["customer_id"]] == "ignored"
    (change,) = worked.published(schemas.ACCOUNT_LINK_CHANGE.name).rows(named=True)
    assert change["customer_id"] == row["customer_id"]
    assert (change["old_account_id"], change["new_account_id"]) == (row["account_id"], row["customer_id"])  # fmt: skip
    assert (change["old_method"], change["new_method"]) == (row["method"], "override")
    assert change["moved_mrr"] == row["mrr"]
    restated = worked.published(schemas.RESTATEMENT.name)
    linked = restated.filter(pl.col("cause") == "link")
    assert linked["month"].min() >= change["first_month"]
    assert set(linked["evidence"]) == {row["customer_id"]}
    assert [passed for passed, *_ in _noted(worked, "explicit_ids_exist")] == [True, False]
    assert "cus_unheard_of" in _noted(worked, "explicit_ids_exist")[-1][2][0]
    assert worked.types("run").code == 0
    assert worked.published(schemas.ACCOUNT_LINK_CHANGE.name).height == 1, "nothing changed again"


def test_an_override_file_that_cannot_be_used_stops_the_run_and_is_named(worked: Desk) -> None:
    (worked.folder / "links.csv").write_text("stripe_customer_id,crm_account_id\ncus_1,\n")
    (worked.folder / "pipeline.toml").write_text(f'{CONFIG}\n[crm]\noverride = "links.csv"\n')
    said = worked.types("run")
    assert said.code != 0
    assert "links.csv" in said.err + said.out
    assert "line 2" in said.err + said.out


def test_coverage_is_measured_by_mrr(worked: Desk) -> None:
    ((_, figures, _),) = _noted(worked, "revenue_linked")
    held = _now(worked).filter(pl.col("mrr") > 0)
    links = _read(worked, schemas.ACCOUNT_LINK).join(held, on="customer_id")
    matched = links.filter(pl.col("status") == "matched")["mrr"].sum()
    assert figures["coverage"] == pytest.approx(float(matched / held["mrr"].sum()), abs=1e-6)


def test_low_coverage_names_the_largest_customers_until_they_are_forgotten(desk: Desk) -> None:
    del desk.environment["HUBSPOT_SERVICE_KEY"]
    (desk.folder / "accounts.csv").write_text("account_id,name,domain\n1,Else,else.example\n")
    told = '[crm.files]\naccounts = "accounts.csv"\n'
    (desk.folder / "pipeline.toml").write_text(f"{CONFIG}\n{told}")
    assert desk.types("run").code == 0
    ((passed, figures, examples),) = _noted(desk, "revenue_linked")
    assert not passed
    assert figures["coverage"] == 0
    held = _now(desk).filter(pl.col("mrr") > 0)
    unlinked = _read(desk, schemas.ACCOUNT_LINK).filter(pl.col("status") != "matched")
    largest = unlinked.join(held, on="customer_id").sort(
        "mrr", "customer_id", descending=[True, False]
    )
    first = largest.row(0, named=True)
    names = dict(_read(desk, schemas.CUSTOMER).select("customer_id", "name").iter_rows())
    name = names[first["customer_id"]]
    amount = f"{first['mrr'] / MICRO:,.2f}"
    assert examples[0] == f"{first['customer_id']} ({amount} USD a month, unmatched): {name}"
    dagster = desk.folder / ".dagster"
    assert found(dagster, {name}) == [], "Dagster keeps for ever what it is told"
    assert desk.types("forget", first["customer_id"], "--yes").code == 0
    assert _noted(desk, "revenue_linked")[-1][2][0] == first["customer_id"]
    assert _noted(desk, "revenue_linked")[-1][2][1:] == examples[1:]


def test_who_is_left_out_is_counted_and_an_id_that_nobody_has_is_named(desk: Desk) -> None:
    assert desk.types("run").code == 0
    customers = _read(desk, schemas.CUSTOMER)
    first, second = customers["customer_id"].sort().head(2)
    domain = customers.filter(customer_id=second)["email"].item().rpartition("@")[2]
    (desk.folder / "pipeline.toml").write_text(
        f'{CONFIG}\n[exclude]\ncustomers = ["{first}", "cus_nobody"]\nemail_domains = ["{domain}"]\n'
    )
    assert desk.types("run").code == 0
    of_domain = customers.filter(pl.col("email").str.ends_with(f"@{domain}"))["customer_id"]
    left_out = {first, *of_domain}
    none, (passed, figures, examples) = _noted(desk, "excluded_customers")
    assert none == (True, {"excluded": 0, "unknown": 0}, [])
    assert (passed, figures) == (False, {"excluded": len(left_out), "unknown": 1})
    assert examples == ["cus_nobody"]


def test_without_a_crm_nothing_warns(desk: Desk) -> None:
    del desk.environment["HUBSPOT_SERVICE_KEY"]
    assert desk.types("run").code == 0
    for check in (
        "revenue_linked",
        "explicit_ids_exist",
        "domains_of_one_account",
        "excluded_customers",
    ):
        assert [passed for passed, *_ in _noted(desk, check)] == [True], check
    assert _noted(desk, "revenue_linked")[0][1]["coverage"] is None
