"""`report` as a person types it: files that say what the warehouse says."""

import base64
import json
import os
import re
import subprocess
import sys
from datetime import date

import dagster as dg
import polars as pl
import pytest

from tests.cli.desk import Desk
from tests.conftest import ROOT


def test_a_night_writes_the_report_and_the_command_says_where(worked: Desk) -> None:
    page = worked.folder / "data/report/2026-10.html"
    before = page.stat().st_mtime_ns
    said = worked.types("report")
    assert said.code == 0, said.err
    assert said.out.strip() == str(page)
    assert "0 files written" in said.err
    assert page.stat().st_mtime_ns == before, "a page that says the same is left alone"
    assert "Revenue expansion in October 2026" in page.read_text()
    judged = r"expansion-floor</strong>: Expansion rate \d+\.\d+%, threshold 2%"
    assert re.search(judged, page.read_text()), "what was judged, and against what"
    index = (worked.folder / "data/report/index.html").read_text()
    assert all(f'href="2026-{month}.html"' in index for month in ("08", "09", "10", "11"))


def test_one_month_in_a_folder_of_choice(worked: Desk) -> None:
    said = worked.types("report", "--month", "2026-09", "--to", "board", "--json")
    told = json.loads(said.out)
    assert told["months"] == ["2026-09"]
    board = worked.folder / "board"
    names = sorted(path.name for path in board.iterdir())
    assert names == ["2026-09.html", "index.html"], "nothing hidden is shared with the pages"
    linked = {
        name
        for page in board.glob("*.html")
        for name in re.findall(r'href="(\S+?html)"', page.read_text())
    }
    assert linked == {"2026-09.html", "index.html"}, "nothing is linked that is not there"
    page = (worked.folder / told["page"]).stat()
    assert page.st_mode & 0o077 == 0, "names of customers are for the owner's eyes"


def test_open_gives_the_page_to_the_browser(worked: Desk) -> None:
    browser, opened = worked.folder / "browser", worked.folder / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "report", "--open"],
        cwd=worked.folder,
        env={
            **os.environ,
            **worked.environment,
            "BROWSER": f"{browser} %s",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert opened.read_text().strip() == f"file://{done.stdout.strip()}"


def test_dagster_shows_pictures_of_the_total(worked: Desk) -> None:
    with dg.DagsterInstance.from_config(str(worked.settings.dagster_home)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("report"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    drawn = [str(each.value) for each in metadata.values() if "base64" in str(each.value)]
    assert len(drawn) == 2
    for text in drawn:
        assert base64.b64decode(text.partition("base64,")[2].rstrip(")")).startswith(b"\x89PNG")
        assert len(text) < 100_000


def test_a_page_of_a_month_that_is_gone_goes_too(worked: Desk) -> None:
    stale = worked.folder / "data/report/2020-01.html"
    stale.write_text("Ann Lee")
    assert worked.types("backfill", "--from", "2026-10", "--to", "2026-10").code == 0
    assert not stale.exists()


def test_the_page_shows_what_is_exported(worked: Desk) -> None:
    charts = {
        name: json.loads(text)
        for name, text in re.findall(
            r'id="chart-(\w+)">(.*?)</script>',
            (worked.folder / "data/report/2026-10.html").read_text(),
            re.DOTALL,
        )
    }
    for table in ("expansion_metrics", "expansion_by_type"):
        assert worked.types("export", table, "--to", f"{table}.parquet").code == 0
    last = pl.col("month") <= date(2026, 10, 1)
    monthly = pl.col("dimension").eq("total") & pl.col("window_months").eq(1) & last
    metrics = pl.read_parquet(worked.folder / "expansion_metrics.parquet").filter(monthly)
    rates = metrics.filter(pl.col("expansion_rate").is_not_null())["expansion_rate"].to_list()
    drawn = charts["rate"]["layer"][0]["data"]["values"]
    assert [point["value"] for point in drawn] == rates
    types = pl.read_parquet(worked.folder / "expansion_by_type.parquet").filter(monthly)
    shown = sum(row["amount"] for row in charts["types"]["data"]["values"])
    assert shown == pytest.approx(float(types["amount"].sum()))
    assert shown == pytest.approx(float(metrics["expansion_mrr"].sum()))


def test_proofs_come_from_the_lake(worked: Desk) -> None:
    page = (worked.folder / "data/report/2026-10.html").read_text()
    assert "Proved by" in page
    assert any(f"<code>{prefix}_" in page for prefix in ("evt", "il", "sync"))


@pytest.mark.parametrize(("month", "told"), [("2019-01", "outside the history"), ("x", "month")])
def test_a_month_that_is_not_there(worked: Desk, month: str, told: str) -> None:
    said = worked.types("report", "--month", month)
    assert said.code == 2
    assert told in said.err


def test_before_the_first_night(desk: Desk) -> None:
    said = desk.types("report")
    assert said.code == 2
    assert "expansion run" in said.err
