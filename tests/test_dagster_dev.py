"""A real `dagster dev` over an empty folder: its first night, started as the schedule starts it, and then a backfill
launched as the UI launches it, which is one run, makes exactly its months, and reaches the warehouse.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, delete, select

from pipeline import database, schemas
from pipeline.months import key_of, month_of
from pipeline.settings import Settings
from tests.conftest import ROOT
from tests.served import Ui, dagster_dev, small_company

MONTHLY = (
    "mrr_snapshot",
    "mrr_scheduled",
    "mrr_movement",
    "mrr_item_movement",
    "mrr_movement_component",
    "intra_month_activity",
    "expansion_metrics",
    "expansion_by_type",
    "expansion_cohort",
    "cohort_growth",
    "warehouse",
)
WANTED = ["2026-02", "2026-03", "2026-04"]
PUBLISHED = (schemas.MRR_MOVEMENT, schemas.EXPANSION_METRICS, schemas.MRR_SNAPSHOT)

LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status error { message } }
  }
}
"""
RUNS = """
query ($id: String!) {
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { runId status tags { key value } } }
  }
}
"""
NIGHTLY_RUNS = """
{ runsOrError(filter: {tags: [{key: "expansion/purpose", value: "nightly"}]}) {
    ... on Runs { results { runId jobName status tags { key value } } } } }
"""
RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "expansion") { __typename } }
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("dagster_dev")
    with small_company(folder) as environment, dagster_dev(folder, environment) as ui:
        yield ui


def _partitions(page: Ui) -> list[str] | None:
    return page.partitions("mrr_snapshot")


def _months_run(page: Ui) -> dict[str, Any] | None:
    """The run that the sensor started, once it is finished."""
    runs = page.ask(NIGHTLY_RUNS)["runsOrError"]["results"]
    assert all(run["status"] not in {"FAILURE", "CANCELED"} for run in runs), page.tail()
    found = [run for run in runs if run["jobName"] == "months" and run["status"] == "SUCCESS"]
    return found[0] if found else None


def _launch(page: Ui) -> str:
    params = {
        "assetSelection": [{"path": [name]} for name in MONTHLY],
        "partitionNames": WANTED,
        "title": "three months",
    }
    launched = page.ask(LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def _ended(page: Ui, backfill: str) -> str | None:
    found = page.ask(STATUS, id=backfill)["partitionBackfillOrError"]
    assert not found["error"], found
    status = str(found["status"])
    return status if status.startswith("COMPLETED") or status == "FAILED" else None


def _range(run: dict[str, Any]) -> tuple[str, str]:
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    prefix = "dagster/asset_partition_range"
    return tags[f"{prefix}_start"], tags[f"{prefix}_end"]


@contextmanager
def _connection(settings: Settings) -> Iterator[Connection]:
    engine = database.engine(settings.warehouse_url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _published(settings: Settings) -> list[str]:
    tables = [database.table_of(table) for table in PUBLISHED]
    with _connection(settings) as connection:
        found = [
            sorted(key_of(month) for month in connection.scalars(select(t.c.month).distinct()))
            for t in tables
        ]
    assert found[0] == found[1] == found[2]
    return found[0]


def _forget_published(settings: Settings, keys: list[str]) -> None:
    months = [month_of(key) for key in keys]
    with _connection(settings) as connection:
        for table in map(database.table_of, PUBLISHED):
            connection.execute(delete(table).where(table.c.month.in_(months)))


def _made_by(settings: Settings, run_id: str) -> list[str]:
    made = database.lake_object
    with _connection(settings) as connection:
        query = select(made.c.partition).distinct().where(made.c.live, made.c.run_id == run_id)
        return sorted(connection.scalars(query))


def _messages(settings: Settings) -> list[str]:
    outbox = database.table_of(schemas.SLACK_OUTBOX)
    with _connection(settings) as connection:
        return sorted(connection.scalars(select(outbox.c.key)))


def _doctor_on_the_schedule(page: Ui) -> dict[str, str]:
    """What `expansion doctor` says of the schedule, in a process of its own as a person starts it."""
    command = [sys.executable, "-m", "pipeline.cli.main", "doctor", "--json"]
    here = {**os.environ, **page.environment, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        command, env=here, cwd=page.log.parent, capture_output=True, text=True, check=True
    )
    return next(each for each in json.loads(told.stdout) if each["what"] == "Schedule")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_night_and_a_backfill_through_the_ui(page: Ui) -> None:
    wait = page.wait
    assert wait(lambda: _partitions(page), "The UI") == ["2026-06"], "nothing is known yet"
    assert "Dagster" in httpx.get(page.url, timeout=10).text
    wait(page.daemon, "The daemon")
    schedule = _doctor_on_the_schedule(page)
    assert (schedule["verdict"], schedule["said"]) == (
        "ok",
        "0 3 1 1 *; Dagster's daemon is running",
    )

    page.starts("sync", {"expansion/purpose": "nightly"})
    night = wait(lambda: _months_run(page), "The night's second step")
    history = [f"2025-{month:02}" for month in (11, 12)] + [f"2026-{m:02}" for m in range(1, 7)]
    assert _range(night) == (history[0], history[-1])
    assert _published(page.settings) == history

    page.ask(RELOAD)
    assert wait(lambda: _partitions(page), "The reload") == history
    sent = _messages(page.settings)
    _forget_published(page.settings, WANTED)
    assert _published(page.settings) == [key for key in history if key not in WANTED]
    backfill = _launch(page)
    assert wait(lambda: _ended(page, backfill), "The backfill") == "COMPLETED_SUCCESS"
    runs = page.ask(RUNS, id=backfill)["runsOrError"]["results"]
    assert [run["status"] for run in runs] == ["SUCCESS"], "one run for the range"
    assert _range(runs[0]) == (WANTED[0], WANTED[-1])
    assert _made_by(page.settings, runs[0]["runId"]) == WANTED
    assert _published(page.settings) == history
    assert _messages(page.settings) == sent, "a backfill alerts nobody"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_fails_is_told_in_slack(page: Ui) -> None:
    page.wait(lambda: _partitions(page), "The UI")
    page.wait(page.daemon, "The daemon")
    unknown = {f"dagster/asset_partition_range_{end}": "1999-01" for end in ("start", "end")}
    page.starts("months", unknown)

    def told() -> bool:
        slack = f"{page.environment['SLACK_API_BASE']}/"
        return "A run failed: months" in httpx.get(slack, timeout=10).text

    page.wait(told, "The message in Slack")
