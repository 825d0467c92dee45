"""Salesforce through the command: connected, beside HubSpot, looked at by doctor, asked for by init."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from pipeline import database, schemas
from pipeline.cli.main import cli
from pipeline.lake import Lake
from pipeline.sandbox.server import SALESFORCE_ID, SALESFORCE_SECRET, SandboxServer
from pipeline.sandbox.web.salesforce_ids import salesforce_id
from tests.cli.desk import CONFIG, Desk
from tests.sources.spoiling import Spoiling, changed


def _read(desk: Desk, table: schemas.Table) -> pl.DataFrame:
    engine = database.engine(desk.settings.warehouse_url)
    try:
        return Lake(desk.settings.lake_root, engine).scan(table).collect()
    finally:
        engine.dispose()


@contextmanager
def _crm(desk: Desk, which: Any, conditions: Spoiling | None = None) -> Iterator[SandboxServer]:
    with SandboxServer(desk.services.company, crm=which, conditions=conditions) as server:
        for name in [name for name in desk.environment if name.startswith("HUBSPOT")]:
            del desk.environment[name]
        desk.environment |= server.environment()
        yield server


def _renamed(account: str) -> str:
    """The account's id as Salesforce has it."""
    crm, _, number = account.partition(":")
    return f"salesforce:{salesforce_id('001', number)}" if crm == "hubspot" else account


def _doctor(desk: Desk) -> dict[str, tuple[str, str]]:
    said = desk.types("doctor", "--json")
    assert SALESFORCE_SECRET not in said.out + said.err
    assert SALESFORCE_ID not in said.out + said.err
    return {each["what"]: (each["verdict"], each["said"]) for each in json.loads(said.out)}


@pytest.mark.slow
def test_a_night_with_salesforce_links_as_one_with_hubspot(desk: Desk) -> None:
    with _crm(desk, "salesforce"):
        said = desk.types("run", "--json")
    assert said.code == 0, said.err
    links = _read(desk, schemas.ACCOUNT_LINK)
    truth = desk.services.company.accounts
    found = dict(links.select("customer_id", "account_id").iter_rows())
    assert {customer: _renamed(account) for customer, account in truth.items()} == found
    deals = _read(desk, schemas.CRM_DEAL)
    assert deals.height == len(desk.services.company.hubspot["deals"])
    assert deals["account_id"].null_count() == 0
    accounts = _read(desk, schemas.ACCOUNT).filter(pl.col("source") == "salesforce")
    assert accounts["owner"].null_count() == 0


@pytest.mark.slow
def test_salesforce_that_refuses_is_named_and_stops_nothing(desk: Desk) -> None:
    with _crm(desk, "both"):
        desk.environment["SALESFORCE_CLIENT_SECRET"] = "wrong-one"
        said = desk.types("sync")
    assert said.code == 3
    assert "Salesforce could not be read" in said.err
    assert "SALESFORCE_CLIENT_ID" in said.err
    assert "wrong-one" not in said.err
    sources = _read(desk, schemas.RAW_RECORD)["source"].unique().to_list()
    assert "hubspot" in sources
    assert "salesforce" not in sources


@pytest.mark.slow
def test_an_organisation_that_seems_empty_is_not_believed(desk: Desk) -> None:
    conditions = Spoiling()
    with _crm(desk, "salesforce", conditions):
        assert desk.types("sync").code == 0
        before = _read(desk, schemas.RAW_RECORD).filter(pl.col("source") == "salesforce")
        conditions.where = "queryAll Account"
        conditions.how = changed(totalSize=0, records=[], done=True, nextRecordsUrl=None)
        said = desk.types("sync")
    assert said.code == 3
    assert "Such a list is not believed" in said.err
    after = _read(desk, schemas.RAW_RECORD).filter(pl.col("source") == "salesforce")
    assert after.height == before.height


def test_doctor_tells_what_may_be_read_and_what_is_left(desk: Desk) -> None:
    with _crm(desk, "salesforce") as server:
        found = _doctor(desk)
        assert found["Salesforce"] == ("ok", f"logged in at {server.salesforce_url}")
        verdict, said = found["Salesforce data"]
        assert verdict == "ok"
        assert "Account, Opportunity" in said
        assert found["Salesforce use"][0] == "ok"
        assert "of 100,000 requests are left today" in found["Salesforce use"][1]
        assert found["HubSpot"] == ("ok", "not connected; instead: Salesforce")
        assert "SALESFORCE" not in found.get("Not used yet", ("", ""))[1]


@pytest.mark.parametrize(
    ("change", "what", "verdict", "words"),
    [
        (
            lambda day: day.hidden.add("Account.Industry"),
            "Salesforce data",
            "note",
            "Account.Industry",
        ),
        (lambda day: day.closed.add("Contact"), "Salesforce data", "note", "Contact"),
        (
            lambda day: day.closed.add("Account"),
            "Salesforce data",
            "fail",
            "Grant it Read on Account",
        ),
        (lambda day: setattr(day, "used", 95_000), "Salesforce use", "note", "only 4,9"),
        (
            lambda day: setattr(day, "allowance", 0),
            "Salesforce data",
            "fail",
            "for today is used up",
        ),
    ],
    ids=["field", "contacts", "accounts", "little left", "used up"],
)
def test_doctor_tells_what_is_wrong(
    desk: Desk, change: Callable[[Any], None], what: str, verdict: str, words: str
) -> None:
    with _crm(desk, "salesforce") as server:
        change(server.salesforce.day)
        found = _doctor(desk)[what]
    assert found[0] == verdict
    assert words in found[1]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SALESFORCE_CLIENT_SECRET", "wrong-one", "does not accept"),
        ("SALESFORCE_CLIENT_SECRET", "", "SALESFORCE_CLIENT_SECRET is not set"),
        ("SALESFORCE_DOMAIN", "login", "write your My Domain"),
    ],
)
def test_doctor_tells_why_one_cannot_log_in(
    desk: Desk, variable: str, value: str, words: str
) -> None:
    with _crm(desk, "salesforce"):
        desk.environment[variable] = value
        verdict, said = _doctor(desk)["Salesforce"]
    assert verdict == "fail"
    assert words in said


def test_doctor_names_a_configured_field_that_does_not_exist(desk: Desk) -> None:
    (desk.folder / "pipeline.toml").write_text(
        f'{CONFIG}\n[crm]\nstripe_id_fields = ["Billing_Id__c"]\n'
    )
    with _crm(desk, "salesforce"):
        verdict, said = _doctor(desk)["Salesforce data"]
    assert verdict == "fail"
    assert '"Billing_Id__c" on Account' in said


def test_init_asks_for_salesforce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answers = [
        "Acme",
        "EUR",
        "UTC",
        "rk_test_x",
        "",
        "acme.my",
        "3MVG.key",
        "s3cret",
        "",
        "",
        "",
        "#growth",
    ]
    said = CliRunner().invoke(cli, ["init"], input="\n".join(answers) + "\n")
    assert said.exit_code == 0, said.output
    assert "s3cret" not in said.output
    env = (tmp_path / ".env").read_text()
    assert "SALESFORCE_DOMAIN=acme.my\nSALESFORCE_CLIENT_ID=3MVG.key\n" in env
    assert "SALESFORCE_CLIENT_SECRET=s3cret\n" in env
