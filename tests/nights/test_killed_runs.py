"""A run whose process is killed under a real daemon: Dagster starts it once more, with the steps that were left.

Then the tables are those of a night that nobody disturbed. So it is with a machine that goes down and comes up again,
and with a run that takes too long. A run whose second process is killed too, and one whose step failed, are left to the
next night.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipeline.cli import running
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.conftest import ROOT
from tests.nights.alike import differences
from tests.nights.lives import Life
from tests.served import Ui, dagster_dev

NOW = datetime(2026, 6, 20, 6, tzinfo=UTC)
NIGHTLY = {"expansion/purpose": "nightly"}
SOON = {
    "free_slots_after_run_end_seconds: 60": "free_slots_after_run_end_seconds: 1\n  poll_interval_seconds: 2"
}
"""Dagster looks after dead runs every two minutes; here nobody wants to wait for so long."""
STARTED = re.compile(r"Started process for run \(pid: (\d+)\)")
pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
UNKNOWN = {f"dagster/asset_partition_range_{end}": "1999-01" for end in ("start", "end")}


@dataclass
class Daemon:
    """What Dagster's daemon and its runs are seen doing."""

    ui: Ui
    instance: dg.DagsterInstance

    def kills(self, run_id: str, step: str, *, everything: bool = False) -> None:
        """Kill the run's process once the step has begun, or everything, as when the machine goes down."""

        self._wait(lambda: step in self.steps(run_id), f"{step} of {run_id}")
        told = "\n".join(entry.message for entry in self._events(run_id))
        (process,) = STARTED.findall(told)
        if everything:
            os.killpg(self.ui.process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)

    def steps(self, run_id: str) -> set[str]:
        """The steps that the run began."""
        return {
            entry.step_key
            for entry in self._events(run_id)
            if entry.step_key and entry.dagster_event and entry.dagster_event.is_step_start
        }

    def runs(self, job: str) -> list[dg.DagsterRun]:
        """Every run of a job, the oldest first."""
        return list(self.instance.get_runs(dg.RunsFilter(job_name=job)))[::-1]

    def next(self, job: str, known: int) -> str:
        """The id of the run of a job that comes after so many."""
        self._wait(lambda: len(self.runs(job)) > known, f"a run of {job}")
        return self.runs(job)[known].run_id

    def ends(self, run_id: str) -> str:
        """How the run ended."""
        self._wait(lambda: self._run(run_id).is_finished, f"the end of {run_id}")
        return self._run(run_id).status.value

    def tries_again(self, run_id: str) -> bool:
        """What the daemon makes of a run that failed, once it has seen it."""
        tag = "dagster/will_retry"
        self._wait(lambda: tag in self._run(run_id).tags, f"the daemon's word on {run_id}")
        return self._run(run_id).tags[tag] == "true"

    def _run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found
        return found

    def _events(self, run_id: str) -> list[dg.EventLogEntry]:
        return list(self.instance.all_logs(run_id))

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 120
        while not ready():
            assert time.monotonic() < deadline, f"{what} did not come: {self.ui.tail()}"
            time.sleep(0.05)


def prepare(life: Life) -> None:
    """Have Dagster look after dead runs every two seconds, and start nothing by itself."""
    home = life.folder / ".dagster"
    home.mkdir()
    shipped = (ROOT / "dagster.yaml").read_text()
    for usual, soon in SOON.items():
        assert usual in shipped
        shipped = shipped.replace(usual, soon)
    (home / "dagster.yaml").write_text(shipped)
    with (life.folder / "pipeline.toml").open("a") as config:
        config.write('[schedule]\nnightly = "0 3 1 1 *"\n')


@contextmanager
def daemon(life: Life) -> Iterator[Daemon]:
    """`dagster dev` over an installation."""
    with dagster_dev(life.folder, life.variables()) as ui:
        ui.wait(lambda: ui.partitions("mrr_snapshot"), "The UI")
        ui.wait(ui.daemon, "The daemon")
        with running.opened(life.folder / ".dagster") as instance:
            yield Daemon(ui, instance)


@dataclass(frozen=True)
class Pair:
    """An installation that nobody disturbs, and one under Dagster's daemon."""

    calm: Life
    rough: Life

    def agree(self) -> bool:
        """Whether both hold the same, once the first has lived its night."""
        night = self.calm.night()
        assert night.code == 0, night.err
        return differences(self.calm.tables(), self.rough.tables()) == {}


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Pair]:
    company = Company(seed=11, customers=20, months=7, end=NOW + timedelta(days=1))
    company.advance(NOW)
    with ExitStack() as stack:
        calm, rough = (
            Life(
                tmp_path / name,
                stack.enter_context(SandboxServer(company)),
                f"sqlite:///{tmp_path}/{name}/warehouse.db",
            )
            for name in ("calm", "rough")
        )
        prepare(rough)
        yield Pair(calm, rough)


def test_a_killed_run_is_started_once_more(lives: Pair) -> None:
    with daemon(lives.rough) as dagster:
        for job, step in (("sync", "stripe_records"), ("months", "expansion_metrics")):
            if job == "sync":
                dagster.ui.starts(job, NIGHTLY)
            first = dagster.next(job, 0)
            dagster.kills(first, step)
            again = dagster.next(job, 1)
            assert dagster.ends(first) == "FAILURE"
            assert dagster.ends(again) == "SUCCESS"
            assert dagster.steps(first) & dagster.steps(again) == {step}
        assert lives.agree()


def test_nothing_is_started_a_third_time(lives: Pair) -> None:
    with daemon(lives.rough) as dagster:
        dagster.ui.starts("sync", NIGHTLY)
        for number in (0, 1):
            run = dagster.next("sync", number)
            dagster.kills(run, "stripe_records")
            assert dagster.ends(run) == "FAILURE"
        assert not dagster.tries_again(run)
        dagster.ui.starts("months", UNKNOWN)
        run = dagster.next("months", 0)
        assert dagster.ends(run) == "FAILURE"
        assert not dagster.tries_again(run), "its step failed"
        assert {job: len(dagster.runs(job)) for job in ("sync", "months")} == {
            "sync": 2,
            "months": 1,
        }


def test_a_run_longer_than_it_may_take_is_made_up_by_the_next(lives: Pair) -> None:
    config = lives.rough.folder / "pipeline.toml"
    usual = config.read_text()
    with daemon(lives.rough) as dagster:
        # So slow that it is not over before somebody looks how long it takes.
        config.write_text(usual.replace("per_second = 2000", "per_second = 0.2"))
        dagster.ui.starts("sync", NIGHTLY | {"dagster/max_runtime": "1"})
        for number in (0, 1):
            run = dagster.next("sync", number)
            assert dagster.ends(run) == "FAILURE"
        assert not dagster.tries_again(run)
        config.write_text(usual)
        dagster.ui.starts("sync", NIGHTLY)
        assert dagster.ends(dagster.next("sync", 2)) == "SUCCESS"
        assert dagster.ends(dagster.next("months", 0)) == "SUCCESS"
        assert lives.agree()


def test_a_machine_that_goes_down_starts_its_run_once_more(lives: Pair) -> None:
    with daemon(lives.rough) as dagster:
        dagster.ui.starts("sync", NIGHTLY)
        first = dagster.next("sync", 0)
        dagster.kills(first, "stripe_records", everything=True)
    with daemon(lives.rough) as dagster:
        again = dagster.next("sync", 1)
        assert dagster.ends(first) == "FAILURE"
        assert dagster.ends(again) == "SUCCESS"
        assert dagster.ends(dagster.next("months", 0)) == "SUCCESS"
        assert lives.agree()
