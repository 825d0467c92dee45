"""Tables leave the pipeline as files, and closed months that changed are listed."""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from sqlalchemy import insert

from pipeline import publish
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.money import MICRO
from pipeline.schemas import EXPANSION_METRICS, ITEM_TIMELINE, MRR_SNAPSHOT, PUBLISHED, RESTATEMENT
from tests.cli.desk import Desk


def published(desk: Desk, table: str) -> pl.DataFrame:
    place = Place(desk.settings)
    try:
        return publish.published(place.engine, table)
    finally:
        place.close()


def test_csv_on_stdout_says_what_the_warehouse_says(worked: Desk) -> None:
    said = worked.types("export", "expansion_metrics")
    assert said.code == 0
    rows = list(csv.DictReader(io.StringIO(said.out)))
    stored = published(worked, "expansion_metrics")
    assert len(rows) == stored.height
    assert list(rows[0]) == list(EXPANSION_METRICS.published)
    assert sum(Decimal(row["ending_mrr"]) for row in rows) * MICRO == stored["ending_mrr"].sum()


def test_a_reader_that_leaves_is_not_told_of_folders(worked: Desk) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        said = subprocess.run(
            [sys.executable, "-m", "pipeline.cli.main", "export", "expansion_metrics"],
            cwd=worked.folder,
            env={**os.environ, **worked.environment},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (said.returncode, said.stderr) == (1, "")


def test_parquet_of_some_months(worked: Desk) -> None:
    target = worked.folder / "items.parquet"
    said = worked.types(
        "export", "mrr_snapshot", "--to", str(target), "--first", "2026-09", "--last", "2026-10"
    )
    assert said.code == 0, said.err
    found = pl.read_parquet(target)
    assert found.columns == list(MRR_SNAPSHOT.published)
    assert set(found["month"]) == {date(2026, 9, 1), date(2026, 10, 1)}
    stored = published(worked, "mrr_snapshot").filter(
        pl.col("month").is_in(found["month"].unique().implode())
    )
    assert found.height == stored.height
    assert int(found["mrr"].sum() * MICRO) == stored["mrr"].sum()
    assert f"{found.height:,} rows of mrr_snapshot" in said.err


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_every_table_can_be_exported(worked: Desk, suffix: str) -> None:
    for table in (*PUBLISHED, ITEM_TIMELINE):
        target = worked.folder / f"{table.name}.{suffix}"
        said = worked.types("export", table.name, "--to", str(target))
        assert said.code == 0, (table.name, said.err)
        header = (
            pl.read_csv(target, infer_schema=False) if suffix == "csv" else pl.read_parquet(target)
        ).columns
        assert header == list(table.published or table.names)


def test_what_cannot_be_exported_says_what_to_do(worked: Desk) -> None:
    assert "no table 'mrr'" in worked.types("export", "mrr").err
    assert ".parquet" in worked.types("export", "account", "--to", "account.xlsx").err
    assert (
        "Swap" in worked.types("export", "account", "--first", "2026-10", "--last", "2026-09").err
    )
    listed = worked.types("export")
    assert listed.code == 0
    assert all(table.name in listed.out for table in PUBLISHED)


def test_restatements_are_listed(worked: Desk) -> None:
    nothing = worked.types("restatements")
    assert (nothing.code, nothing.out) == (
        0,
        "No figure of a closed month changed after it was published.\n",
    )
    at = datetime(2026, 11, 20, tzinfo=UTC)
    told = {
        "month": date(2026, 9, 1),
        "version": 2,
        "cause": "evidence",
        "evidence": "evt_1, evt_2",
        "at": at,
    }
    figures = [
        {
            "dimension": "total",
            "member": "all",
            "metric": "expansion_mrr",
            "old": 1200.5,
            "new": 1250.0,
        },
        {"dimension": "total", "member": "all", "metric": "nrr_12m", "old": 1.031, "new": 1.034},
        {
            "dimension": "plan",
            "member": "Pro",
            "metric": "expanding_accounts",
            "old": 3.0,
            "new": None,
        },
    ]
    place = Place(worked.settings)
    try:
        with place.engine.begin() as connection:
            connection.execute(insert(table_of(RESTATEMENT)), [told | each for each in figures])
    finally:
        place.close()
    short = worked.types("restatements", "--month", "2026-09").out
    assert "1,200.50" in short
    assert "1,250.00" in short
    assert "nrr" not in short
    assert "2026-09 version 2 was brought by evt_1, evt_2\n" in short
    assert "3 figures of 2026-09 changed, in 1 versions" in short
    whole = worked.types("restatements", "--all").out
    assert "103.10%" in whole
    assert "plan Pro" in whole
    document = json.loads(worked.types("restatements", "--json").out)
    assert [each["metric"] for each in document] == [
        "expanding_accounts",
        "expansion_mrr",
        "nrr_12m",
    ]
    assert document[0]["new"] is None
    assert "No figure of 2026-08" in worked.types("restatements", "--month", "2026-08").out
