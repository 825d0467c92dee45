"""Which runs are left behind by a process that is gone, and what becomes of them."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import DagsterEvent, EngineEventData

from pipeline.assets.gone import bury, left_behind, started_at
from pipeline.cli import running

HERE = {".dagster/grpc_info": "{}", "dagster/code_location": "expansion"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    running.prepare_home(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def started(
    instance: dg.DagsterInstance,
    process: int | None,
    tags: dict[str, str] | None = None,
    status: DagsterRunStatus = DagsterRunStatus.STARTED,
    ago: float = 0.0,
) -> dg.DagsterRun:
    """A run, and what Dagster noted of its process so many seconds ago."""
    run = dg.DagsterRun(job_name="months", run_id=str(uuid4()), status=status, tags=tags or HERE)
    instance.add_run(run)
    if process is not None:
        event = DagsterEvent(
            event_type_value=dg.DagsterEventType.ENGINE_EVENT.value,
            job_name=run.job_name,
            event_specific_data=EngineEventData.in_process(process),
        )
        instance.event_log_storage.store_event(
            dg.EventLogEntry(
                None, logging.DEBUG, "", run.run_id, time.time() - ago, dagster_event=event
            )
        )
    return run


def test_only_a_run_whose_process_is_gone_is_left_behind(
    instance: dg.DagsterInstance, dead: int
) -> None:
    left = started(instance, dead)
    started(instance, os.getpid())
    started(instance, None)
    started(instance, dead, {"dagster/code_location": "expansion"})
    started(instance, dead, {**HERE, "dagster/code_location": "another"})
    started(instance, dead, status=DagsterRunStatus.SUCCESS)
    assert [run.run_id for run in left_behind(instance, "expansion")] == [left.run_id]


def test_it_fails_gives_its_slots_back_and_is_tried_again(
    instance: dg.DagsterInstance, dead: int
) -> None:
    run, pools = started(instance, dead), instance.event_log_storage
    pools.initialize_concurrency_limit_to_default("publish")
    assert pools.claim_concurrency_slot("publish", run.run_id, "warehouse").is_claimed
    for found in left_behind(instance, "expansion"):
        bury(instance, found)
    ended = instance.get_run_by_id(run.run_id)
    assert ended
    assert ended.status is DagsterRunStatus.FAILURE
    assert ended.tags["dagster/will_retry"] == "true"
    assert not pools.get_concurrency_run_ids()
    assert left_behind(instance, "expansion") == []


def test_a_number_may_be_that_of_another_process_by_now(instance: dg.DagsterInstance) -> None:
    run = started(instance, os.getpid(), ago=24 * 3600)
    assert [each.run_id for each in left_behind(instance, "expansion")] == [run.run_id]


def test_what_is_left_of_a_dead_process_until_somebody_asks_is_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        since = started_at(process.pid)
        assert since is not None
        assert abs(time.time() - since) < 30
        process.kill()
        until = time.monotonic() + 30
        while started_at(process.pid) is not None:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert process.returncode is None
