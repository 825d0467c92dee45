"""Dimensions as of the month, night by night: what is new tonight is not past, what is dated back is."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from pipeline import database, schemas
from pipeline.publish import published
from pipeline.sandbox.company.calendar import instant
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import CONFIG, Desk

BEGIN = datetime(2026, 9, 20, 6, tzinfo=UTC)
DAY = timedelta(days=1)
FIGURES = [name for name in schemas.EXPANSION_METRICS.names if name != "version"]


@pytest.fixture
def lived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """A desk after its first night, at a company whose clock the test moves."""
    company = Company(seed=5, customers=15, months=5, end=BEGIN + 60 * DAY)
    company.advance(BEGIN)
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    with SandboxServer(company) as services:
        desk = Desk(tmp_path, services, monkeypatch, capfd)
        _night(desk)
        yield desk


def _night(desk: Desk, days: int = 0) -> str:
    """A night after so many days; what the terminal showed."""
    company = desk.services.company
    company.advance(company.now + timedelta(days=days))
    desk.environment["PIPELINE_NOW"] = company.now.isoformat()
    said = desk.types("run", "--json")
    assert said.code == 0, said
    return said.out


def _read(desk: Desk, name: str) -> pl.DataFrame:
    engine = database.engine(desk.settings.warehouse_url)
    try:
        return published(engine, name)
    finally:
        engine.dispose()


def _restated(desk: Desk) -> pl.DataFrame:
    return _read(desk, "restatement").filter(pl.col("dimension") != "total")


def _hand_over(desk: Desk, at: datetime) -> tuple[str, str, str]:
    """The largest account gets another owner, who has it since `at`: its id, and their names."""
    crm = desk.services.company.crm
    paying = _read(desk, "mrr_movement").filter(pl.col("account_id").str.starts_with("hubspot:"))
    largest = paying.sort("month", "closing_mrr").get_column("account_id")[-1]
    account = _read(desk, "account").filter(account_id=largest).row(0, named=True)
    owners = {
        f"{who['firstName']} {who['lastName']}": number
        for number, who in crm.records["owners"].items()
    }
    other = next(name for name in owners if name != account["owner"])
    number = largest.removeprefix("hubspot:")
    crm.change("companies", number, instant(at), {"hubspot_owner_id": owners[other]})
    return largest, account["owner"], other


def _ending(desk: Desk, month: datetime, owner: str) -> float:
    rows = _read(desk, "expansion_metrics").filter(
        pl.col("month") == month.date().replace(day=1),
        window_months=1,
        dimension="owner",
        member=owner,
    )
    return float(rows.get_column("ending_mrr").sum())


def test_an_account_that_changes_hands_tonight_keeps_its_past(lived: Desk) -> None:
    _night(lived, 20)
    september = _read(lived, "expansion_metrics").filter(
        pl.col("month") == BEGIN.date().replace(day=1)
    )
    _, old, new = _hand_over(lived, lived.services.company.now)
    before = _ending(lived, BEGIN + 20 * DAY, new)
    _night(lived, 1)
    _night(lived, 1)
    assert _ending(lived, BEGIN + 20 * DAY, new) > before
    assert json.loads(_night(lived))["months"] == ["2026-10", "2026-10"]
    assert _restated(lived).is_empty()
    assert (
        _read(lived, "expansion_metrics")
        .filter(pl.col("month") == BEGIN.date().replace(day=1))
        .equals(september)
    )
    moved = _read(lived, "expansion_metrics").filter(
        month=BEGIN.date().replace(month=10, day=1), window_months=1, dimension="owner", member=old
    )
    assert moved.get_column("transfer_out_mrr")[0] > 0


def test_an_owner_who_is_dated_back_restates_the_months_since(lived: Desk) -> None:
    _night(lived, 20)
    since = BEGIN - 5 * DAY
    account, _, new = _hand_over(lived, since)
    before = _ending(lived, BEGIN, new)
    _night(lived, 1)
    assert _ending(lived, BEGIN, new) > before
    restated = _restated(lived)
    assert set(restated.select("cause", "evidence").rows()) == {("evidence", account)}
    assert set(restated.get_column("month")) == {BEGIN.date().replace(day=1)}
    assert {"owner", "segment+owner"} <= set(restated.get_column("dimension"))


def test_nights_show_what_a_backfill_of_everything_shows(lived: Desk) -> None:
    for days in (9, 2, 13, 20):
        _hand_over(lived, lived.services.company.now - DAY)
        _night(lived, days)
    nights = _read(lived, "expansion_metrics").select(FIGURES)
    months = nights.get_column("month")
    said = lived.types(
        "backfill", "--from", f"{months.min():%Y-%m}", "--to", f"{months.max():%Y-%m}"
    )
    assert said.code == 0, said
    assert _read(lived, "expansion_metrics").select(FIGURES).equals(nights)
    with database.reading(database.engine(lived.settings.warehouse_url)) as connection:
        table = database.table_of(schemas.DATA_QUALITY)
        noted = connection.execute(
            select(table.c.month, table.c.passed, table.c.severity).where(
                table.c.check == "expansion_metrics dimensions_known"
            )
        ).all()
    assert {month for month, _, _ in noted} == set(months)
    assert {(passed, severity) for _, passed, severity in noted} == {(True, "info")}
