"""A CRM that cannot be read stops nothing: the night is computed with what was known of it last, and says so."""

import json
from datetime import timedelta
from typing import Any

import polars as pl
from sqlalchemy import select

from pipeline import database, schemas
from pipeline.lake import Lake
from tests.cli.desk import CONFIG, NOW, Desk
from tests.sources.service import Answer, serve

MISTYPED = "pat-mistyped"
HERE = ["month", "dimension", "member", "expansion_mrr", "nrr", "version"]


def _read(desk: Desk, table: schemas.Table) -> pl.DataFrame:
    engine = database.engine(desk.settings.warehouse_url)
    try:
        return Lake(desk.settings.lake_root, engine).scan(table).collect()
    finally:
        engine.dispose()


def _answers(desk: Desk) -> list[tuple[bool, str, list[str]]]:
    """What the nights noted of the check, in their order: passed, severity, examples."""
    table = database.table_of(schemas.DATA_QUALITY)
    engine = database.engine(desk.settings.warehouse_url)
    try:
        with database.reading(engine) as connection:
            rows: list[Any] = connection.execute(
                select(table.c.passed, table.c.severity, table.c.examples).where(
                    table.c.check == "crm_records crm_answered"
                )
            ).all()
    finally:
        engine.dispose()
    return [(passed, severity, json.loads(examples)) for passed, severity, examples in rows]


def _later(desk: Desk, hours: int) -> None:
    desk.environment["PIPELINE_NOW"] = (NOW + timedelta(hours=hours)).isoformat()


def _exported(desk: Desk, accounts: str, deals: str | None = None) -> None:
    """Files of a CRM in the desk's folder, and `pipeline.toml` that names them."""
    told = f"""
[crm.files]
accounts = "accounts.csv"
{'deals = "deals.csv"' if deals else ""}
[crm.files.account_columns]
account_id = "Id"
name = "Firma"
owner = "Betreuer"
stripe_customer_ids = "Stripe"
"""
    (desk.folder / "pipeline.toml").write_text(CONFIG + told)
    (desk.folder / "accounts.csv").write_text(accounts)
    if deals:
        (desk.folder / "deals.csv").write_text(deals)


def test_a_crm_that_refuses_stops_nothing_and_is_loud(worked: Desk) -> None:
    links, deals = _read(worked, schemas.ACCOUNT_LINK), _read(worked, schemas.CRM_DEAL)
    figures = worked.published("expansion_metrics").select(HERE)
    worked.environment["HUBSPOT_SERVICE_KEY"] = MISTYPED

    said = worked.types("run")

    assert said.code == 3
    assert "HubSpot could not be read" in said.err
    assert "HUBSPOT_SERVICE_KEY" in said.err
    assert "Everything else was done" in said.err
    assert MISTYPED not in said.err + said.out
    assert said.out, "the figures are shown"
    assert _read(worked, schemas.ACCOUNT_LINK).equals(links)
    assert _read(worked, schemas.CRM_DEAL).equals(deals)
    assert worked.published("expansion_metrics").select(HERE).equals(figures)
    (before, _, _), (passed, severity, examples) = _answers(worked)
    assert before
    assert (passed, severity) == (False, "error")
    assert "HUBSPOT_SERVICE_KEY" in examples[0]


def test_as_json_the_reason_stands_beside_the_counts(worked: Desk) -> None:
    worked.environment["HUBSPOT_SERVICE_KEY"] = MISTYPED
    said = worked.types("sync", "--json")
    assert said.code == 3
    told = json.loads(said.out)["sync"]
    assert told["stripe"] == {"stored": 0, "rejected": 0}
    assert "HUBSPOT_SERVICE_KEY" in told["crm"]["failed"]["HubSpot"]


def test_a_crm_that_comes_back_is_read_again(worked: Desk) -> None:
    key = worked.environment.pop("HUBSPOT_SERVICE_KEY")
    worked.environment["HUBSPOT_SERVICE_KEY"] = MISTYPED
    assert worked.types("sync").code == 3
    worked.environment["HUBSPOT_SERVICE_KEY"] = key
    assert worked.types("sync").code == 0
    assert [passed for passed, _, _ in _answers(worked)] == [True, False, True]


def test_an_empty_crm_is_not_believed_until_somebody_says_so(worked: Desk) -> None:
    """A portal that lists nothing: the wrong one, or a scope that hides everything."""
    accounts, links = _read(worked, schemas.ACCOUNT), _read(worked, schemas.ACCOUNT_LINK)
    base = worked.environment["HUBSPOT_API_BASE"]
    with serve(lambda _: Answer({"results": []})) as empty:
        worked.environment["HUBSPOT_API_BASE"] = empty.base
        _later(worked, hours=1)
        said = worked.types("run")
        assert said.code == 3
        assert "HubSpot lists 0 of the" in said.err
        assert "expansion sync --full" in said.err
        assert _read(worked, schemas.ACCOUNT).equals(accounts)
        assert _read(worked, schemas.ACCOUNT_LINK).equals(links)

        _later(worked, hours=2)
        assert worked.types("sync", "--full").code == 0
        assert set(_read(worked, schemas.ACCOUNT)["source"]) == {"stripe"}
        assert _read(worked, schemas.CRM_DEAL).is_empty()

    worked.environment["HUBSPOT_API_BASE"] = base
    _later(worked, hours=3)
    assert worked.types("run").code == 0
    assert _read(worked, schemas.ACCOUNT_LINK).equals(links), "it came back as it was"


def test_files_alone_are_a_crm(desk: Desk) -> None:
    del desk.environment["HUBSPOT_SERVICE_KEY"]
    first, second = sorted(desk.services.company.objects["customer"])[:2]  # type: ignore[union-attr]
    _exported(
        desk,
        accounts=f"Id;Firma;Betreuer;Stripe\nA1;Ada GmbH;Ann Lee;{first}\nA2;Bolt;Bo;{second}\n",
        deals="deal_id,account_id,type,stage,amount,currency,created,closed,is_closed,is_won\n"
        'D1,A1,upsell,Signed,"1,234.50",usd,2026-08-01,2026-09-01,yes,yes\n'
        "D2,A2,upsell,Open,99,usd,08/01/2026,,no,\n",
    )
    said = desk.types("run")
    assert said.code == 0, said
    assert "deals.csv, line 3" in said.err
    assert "no date" in said.err
    accounts = _read(desk, schemas.ACCOUNT).filter(pl.col("source") == "file")
    assert accounts.sort("account_id").select("account_id", "name", "owner").rows() == [
        ("file:A1", "Ada GmbH", "Ann Lee"),
        ("file:A2", "Bolt", "Bo"),
    ]
    links = _read(desk, schemas.ACCOUNT_LINK).filter(pl.col("status") == "matched")
    assert dict(links.select("customer_id", "account_id").iter_rows()) == {
        first: "file:A1",
        second: "file:A2",
    }
    deals = _read(desk, schemas.CRM_DEAL)
    assert deals.select("deal_id", "account_id", "amount", "won").rows() == [
        ("file:D1", "file:A1", 1_234_500_000, True)
    ]
    doctor = json.loads(desk.types("doctor", "--json").out)
    (hubspot,) = [each for each in doctor if each["what"] == "HubSpot"]
    assert hubspot["said"] == "not connected; instead: CRM files"
    (files,) = [each for each in doctor if each["what"] == "CRM files"]
    assert files["verdict"] == "note"
    assert files["said"].startswith("2 accounts, 1 deals; 1 rows cannot be used")


def test_files_beside_hubspot(worked: Desk) -> None:
    """A file that cannot be read stops neither HubSpot nor what it told before."""
    accounts = _read(worked, schemas.ACCOUNT)
    _exported(worked, accounts="Id;Firma;Betreuer;Stripe\nF1;Ada;Ann;\nF2;Bolt;Bo;cus_nobody\n")
    _later(worked, hours=1)
    assert worked.types("sync").code == 0
    both = _read(worked, schemas.ACCOUNT)
    assert both.filter(pl.col("source") != "file").equals(accounts)
    assert both.filter(pl.col("source") == "file")["account_id"].to_list() == ["file:F1", "file:F2"]

    (worked.folder / "accounts.csv").unlink()
    _later(worked, hours=2)
    said = worked.types("sync")
    assert said.code == 3
    assert "accounts.csv cannot be read" in said.err
    assert "HubSpot could not be read" not in said.err
    assert _read(worked, schemas.ACCOUNT).equals(both)


def test_where_two_crms_know_a_customer_the_first_in_the_order_decides(worked: Desk) -> None:
    links = _read(worked, schemas.ACCOUNT_LINK)
    known = links.filter(pl.col("status") == "matched")["customer_id"][0]
    _exported(worked, accounts=f"Id;Firma;Betreuer;Stripe\nF1;x;y;{known}\n")
    _later(worked, hours=1)
    assert worked.types("sync").code == 0
    assert _read(worked, schemas.ACCOUNT_LINK).equals(links)


def test_an_order_that_leaves_out_a_connected_crm_is_refused(worked: Desk) -> None:
    with (worked.folder / "pipeline.toml").open("a") as file:
        file.write('\n[crm]\norder = ["salesforce"]\n')
    said = worked.types("run")
    assert said.code == 2
    assert "crm.order" in said.err
    assert "HUBSPOT_SERVICE_KEY" in said.err
