"""A CRM that cannot be read stops nothing: the night is computed with what was known of it last, and says so."""

import json
from typing import Any

import polars as pl
from sqlalchemy import select

from pipeline import database, schemas
from pipeline.lake import Lake
from pipeline.publish import published
from tests.cli.desk import Desk

HERE = ["month", "dimension", "member", "expansion_mrr", "nrr", "version"]


def _read(desk: Desk, table: schemas.Table) -> pl.DataFrame:
    engine = database.engine(desk.settings.warehouse_url)
    try:
        return Lake(desk.settings.lake_root, engine).scan(table).collect()
    finally:
        engine.dispose()


def _published(desk: Desk, name: str) -> pl.DataFrame:
    engine = database.engine(desk.settings.warehouse_url)
    try:
        return published(engine, name)
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


def test_a_crm_that_refuses_stops_nothing_and_is_loud(worked: Desk) -> None:
    links, deals = _read(worked, schemas.ACCOUNT_LINK), _read(worked, schemas.CRM_DEAL)
    figures = _published(worked, "expansion_metrics").select(HERE)
    worked.environment["HUBSPOT_SERVICE_KEY"] = "wrong"

    said = worked.types("run")

    assert said.code == 3
    assert "HubSpot could not be read" in said.err
    assert "HUBSPOT_SERVICE_KEY" in said.err
    assert "Everything else was done" in said.err
    assert "wrong" not in said.err
    assert said.out, "the figures are shown"
    assert _read(worked, schemas.ACCOUNT_LINK).equals(links)
    assert _read(worked, schemas.CRM_DEAL).equals(deals)
    assert _published(worked, "expansion_metrics").select(HERE).equals(figures)
    (before, _, _), (passed, severity, examples) = _answers(worked)
    assert before
    assert (passed, severity) == (False, "error")
    assert "HUBSPOT_SERVICE_KEY" in examples[0]


def test_as_json_the_reason_stands_beside_the_counts(worked: Desk) -> None:
    worked.environment["HUBSPOT_SERVICE_KEY"] = "wrong"
    said = worked.types("sync", "--json")
    assert said.code == 3
    told = json.loads(said.out)["sync"]
    assert told["stripe"] == {"stored": 0, "rejected": 0}
    assert "HUBSPOT_SERVICE_KEY" in told["crm"]["failed"]["HubSpot"]


def test_a_crm_that_comes_back_is_read_again(worked: Desk) -> None:
    key = worked.environment.pop("HUBSPOT_SERVICE_KEY")
    worked.environment["HUBSPOT_SERVICE_KEY"] = "wrong"
    assert worked.types("sync").code == 3
    worked.environment["HUBSPOT_SERVICE_KEY"] = key
    assert worked.types("sync").code == 0
    assert [passed for passed, _, _ in _answers(worked)] == [True, False, True]


def test_an_order_that_leaves_out_a_connected_crm_is_refused(worked: Desk) -> None:
    with (worked.folder / "pipeline.toml").open("a") as file:
        file.write('\n[crm]\norder = ["salesforce"]\n')
    said = worked.types("run")
    assert said.code == 2
    assert "crm.order" in said.err
    assert "HUBSPOT_SERVICE_KEY" in said.err
