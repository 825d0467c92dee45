"""What commands that die or are stopped, or start together, leave to the next one: nothing that stops it."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable

import dagster as dg
import pytest
from starlette.responses import Response

from pipeline.cli import main, running
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.world import Call, Conditions
from tests.cli.desk import Desk
from tests.interrupted import hearing

SECONDS = 60


def _start(desk: Desk, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        hearing("-m", "pipeline.cli.main", *arguments),
        cwd=desk.folder,
        env={**os.environ, **desk.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Stuck(Conditions):
    """Tells that a request has come, then never answers it while `on`."""

    def __init__(self) -> None:
        self.on = True
        self.reached = threading.Event()

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        del call
        if self.on:
            self.reached.set()
            return Response(status_code=503, headers={"Retry-After": "30"})
        return answer()


def test_a_run_after_one_that_was_killed(worked: Desk) -> None:
    stuck = Stuck()
    with SandboxServer(worked.services.company, conditions=stuck) as server:
        worked.environment |= server.environment()
        killed = _start(worked, "run", "--json")
        try:
            assert stuck.reached.wait(SECONDS)
        finally:
            killed.kill()
            killed.communicate()
        with dg.DagsterInstance.from_config(str(worked.settings.dagster_home)) as instance:
            assert instance.event_log_storage.get_concurrency_run_ids()
        stuck.on = False
        again = _start(worked, "run", "--json")
        try:
            _, err = again.communicate(timeout=SECONDS)
        finally:
            again.kill()
    assert again.returncode == 0, err
    with running.opened(worked.settings.dagster_home) as instance:
        assert not instance.event_log_storage.get_concurrency_run_ids()
        statuses = [run.status.value for run in instance.get_runs()]
    assert statuses.count("FAILURE") == 1
    assert not set(statuses) - {"SUCCESS", "FAILURE"}


def test_ctrl_c_stops_a_run_that_waits_for_stripe(desk: Desk) -> None:
    stuck = Stuck()
    with SandboxServer(desk.services.company, conditions=stuck) as server:
        desk.environment |= server.environment()
        stopped = _start(desk, "run")
        try:
            assert stuck.reached.wait(SECONDS)
            stopped.send_signal(signal.SIGINT)
            _, err = stopped.communicate(timeout=SECONDS)
        finally:
            stopped.kill()
            stopped.wait()
    assert stopped.returncode == main.INTERRUPTED
    assert "Stopped. What was finished is kept" in err
    assert "Traceback" not in err


def test_ctrl_c_stops_the_simulated_services(desk: Desk) -> None:
    served = _start(desk, "sandbox", "serve", "--port", "0", "--customers", "5", "--months", "2")
    try:
        assert served.stderr is not None
        assert served.stderr.readline() == "Simulating a company of 5 customers over 2 months ...\n"
        assert "Ready.\n" in served.stderr
        served.send_signal(signal.SIGINT)
        _, err = served.communicate(timeout=SECONDS)
    finally:
        served.kill()
        served.wait()
    assert served.returncode in {0, main.INTERRUPTED}, "whether it already waited"
    assert err.strip().startswith("Stopped.")
    assert "Traceback" not in err


@pytest.mark.slow
def test_two_first_runs_at_once(desk: Desk) -> None:
    both = [_start(desk, "run", "--json") for _ in range(2)]
    try:
        told = [each.communicate(timeout=2 * SECONDS) for each in both]
    finally:
        for each in both:
            each.kill()
    # Whoever folds second may find its work overtaken: it says so and shows nothing; the next run goes on.
    codes = [each.returncode for each in both]
    assert 0 in codes, told
    for code, (_, errors) in zip(codes, told, strict=True):
        assert code == 0 or "A newer run has replaced the timeline" in errors, told
        assert "Traceback" not in errors
    after = _start(desk, "run", "--json")
    assert (after.communicate(timeout=2 * SECONDS), after.returncode)[1] == 0
