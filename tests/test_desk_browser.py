"""The operator's desk in a real Chromium over a real `dagster dev`: what somebody does there, by clicking."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Browser
from tests.publish.tab import Tab, tab
from tests.served import PATIENCE, Ui, dagster_dev, small_company

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
SCREENSHOTS = ROOT / ".cache" / "screenshots"
GROUPS = (
    *("sources", "billing", "fx", "crm", "mrr", "metrics", "attribution", "readiness"),
    *("publish", "alerts"),
)
MONTHLY = 'group:"mrr" or group:"metrics" or group:"attribution" or key:"warehouse"'
ASSETS = 15
"""How many assets that selects."""
FIRST, LAST = "2026-02", "2026-04"
RUNS = """
query ($id: String!) {
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { status } }
  }
}
"""
UNREAD = 3
"""The night's exit code where a CRM could not be read."""


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    """The desk after a night in which the CRM refused the key."""
    with small_company(tmp_path) as known:
        environment = {**known, "HUBSPOT_SERVICE_KEY": "pat-mistyped"}
        night = subprocess.run(
            [sys.executable, "-m", "pipeline.cli.main", "run", "--json"],
            cwd=tmp_path,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert night.returncode == UNREAD, night.stderr
        with dagster_dev(tmp_path, environment) as served:
            served.wait(lambda: served.partitions("mrr_snapshot"), "The UI")
            yield served


@pytest.fixture
def desk(browser: Browser, ui: Ui) -> Iterator[Tab]:
    """The tab; it asks nobody but the UI itself."""
    with tab(browser.path) as opened:
        opened.looks(size=(1440, 900))
        yield opened
        asked = {each for each in opened.requests if each.startswith("http")}
        assert {each for each in asked if not each.startswith(ui.url)} == set()


def test_what_an_operator_does(ui: Ui, desk: Tab) -> None:
    _the_graph_shows_every_group(ui, desk)
    _a_backfill_of_a_range_is_launched(desk)
    _a_failed_check_says_why(ui, desk)
    _the_backfill_succeeds_as_one_run(ui, desk)
    _a_partition_shows_what_was_computed(ui, desk)


def _the_graph_shows_every_group(ui: Ui, desk: Tab) -> None:
    desk.goes(f"{ui.url}/asset-groups", "Materialize all")
    for group in GROUPS:
        desk.reads(group)
    desk.keeps(SCREENSHOTS / "desk-graph.png")


def _a_backfill_of_a_range_is_launched(desk: Tab) -> None:
    desk.fills(".CodeMirror", MONTHLY)
    desk.enters()
    desk.wait("location.pathname.includes('warehouse')")
    desk.presses("Materialize all…")
    desk.reads(f"Launch runs to materialize {ASSETS} assets")
    desk.fills("input[placeholder^='ex: ']", f"[{FIRST}...{LAST}]")
    desk.enters()
    desk.reads("3 partitions")
    desk.presses("Preview")
    desk.reads(f"{FIRST}...{LAST}")
    assert desk.sees("document.body.innerText").count("in a single run") > 1
    desk.keeps(SCREENSHOTS / "desk-preview.png")
    desk.presses("OK")
    desk.presses("Launch backfill")
    desk.wait("!document.body.innerText.includes('Partition selection')")


def _a_failed_check_says_why(ui: Ui, desk: Tab) -> None:
    desk.goes(f"{ui.url}/assets/crm_records", "Latest check results")
    desk.presses("Checks")
    desk.reads("crm_answered")
    desk.reads("Failed")
    desk.reads("HubSpot does not accept the key in HUBSPOT_SERVICE_KEY")
    desk.keeps(SCREENSHOTS / "desk-check.png")


def _the_backfill_succeeds_as_one_run(ui: Ui, desk: Tab) -> None:
    desk.goes(f"{ui.url}/runs", "Backfills")
    desk.presses("Backfills", "a")
    desk.reads("3 partitions")
    desk.presses("View")
    desk.reads("Partitions targeted")
    done = f"document.body.innerText.split('100% completed').length - 1 === {ASSETS}"
    desk.wait(done, PATIENCE)
    desk.keeps(SCREENSHOTS / "desk-backfill.png")
    backfill = desk.sees("location.pathname").rpartition("/")[2]
    (run,) = ui.ask(RUNS, id=backfill)["runsOrError"]["results"]
    assert run["status"] == "SUCCESS"


def _a_partition_shows_what_was_computed(ui: Ui, desk: Tab) -> None:
    desk.goes(f"{ui.url}/assets/expansion_metrics", "One row per month")
    desk.reads("data-ops")
    desk.presses("Partitions")
    desk.presses(LAST, "div, span")
    desk.reads("dagster/partition_row_count")
    desk.reads("expansion_rate")
    desk.keeps(SCREENSHOTS / "desk-partition.png")
