"""What follows a sync: one run over the months that are due, also where several nights come together."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import DagsterEvent

from pipeline import database
from pipeline.assets import night
from pipeline.assets.alerts import NIGHTLY, PURPOSE
from pipeline.assets.jobs import BY_COMMAND, RANGE_END, RANGE_START, months_due
from pipeline.settings import Settings

HERE = {"PIPELINE_NOW": "2026-11-23T06:00:00Z"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A warehouse whose earliest month that was touched is August."""
    found = Settings.load(HERE, tmp_path)
    database.upgrade(found.warehouse_url)
    engine = database.engine(found.warehouse_url)
    with engine.begin() as connection:
        night.touch(connection, "evidence", [date(2026, 8, 1), date(2026, 10, 1)], 1)
    engine.dispose()
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def synced(
    instance: dg.DagsterInstance,
    status: DagsterRunStatus = DagsterRunStatus.SUCCESS,
    purpose: str = NIGHTLY,
    job: str = "sync",
    more: dict[str, str] | None = None,
) -> dg.DagsterRun:
    """A run of the job `sync` that ended so."""
    tags = {PURPOSE: purpose} | (more or {})
    run = dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status, tags=tags)
    instance.add_run(run)
    return run


def follows(
    settings: Settings, instance: dg.DagsterInstance, run: dg.DagsterRun
) -> dg.RunRequest | dg.SkipReason:
    """What the sensor makes of the end of `run`."""
    ended = DagsterEvent(
        event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name
    )
    told = months_due(settings)(
        dg.build_run_status_sensor_context(
            "months_due", dagster_event=ended, dagster_instance=instance, dagster_run=run
        )
    )
    assert isinstance(told, dg.RunRequest | dg.SkipReason)
    return told


def test_nights_that_come_together_are_followed_by_one_run_over_all_their_months(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """The daemon was away while three syncs ended: it sees each of them, one after the other."""
    syncs = [synced(instance) for _ in range(3)]
    *earlier, last = [follows(settings, instance, run) for run in syncs]
    for skipped in earlier:
        assert isinstance(skipped, dg.SkipReason)
        assert "A later sync has finished" in str(skipped.skip_message)
    assert isinstance(last, dg.RunRequest)
    assert last.run_key == f"after-{syncs[-1].run_id}"
    assert last.tags[RANGE_START] == "2026-08", "the earliest month that any of them touched"
    assert last.tags[RANGE_END] == "2026-11"
    assert last.tags[PURPOSE] == NIGHTLY


@pytest.mark.parametrize(
    "later",
    [
        {"status": DagsterRunStatus.FAILURE},
        {"status": DagsterRunStatus.STARTED},
        {"purpose": "backfill"},
        {"job": "months"},
        {"more": BY_COMMAND},
    ],
)
def test_only_a_later_night_that_is_followed_up_itself_takes_the_months_over(
    settings: Settings, instance: dg.DagsterInstance, later: dict[str, object]
) -> None:
    run = synced(instance)
    synced(instance, **later)  # type: ignore[arg-type]
    assert isinstance(follows(settings, instance, run), dg.RunRequest)


def test_a_sync_that_is_no_night_is_not_followed(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    told = follows(settings, instance, synced(instance, purpose="backfill"))
    assert isinstance(told, dg.SkipReason)
    assert "not a nightly one" in str(told.skip_message)
