"""Jobs are done in this process, in two, or on a Ray cluster of two nodes; what fails there fails here."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import ray

from pipeline.assets.fan_out import AT_ONCE, UNWANTED, fan_out, processors
from pipeline.errors import ConfigError, ProcessKilled
from tests.interrupted import hearing

ROOT = Path(__file__).resolve().parents[2]


def where(job: int) -> tuple[int, str]:
    """The job, and the node that did it; long enough for the other node to get the next one."""
    time.sleep(0.5)
    return job, ray.get_runtime_context().get_node_id()


def test_jobs_are_done_on_both_nodes_and_come_back_in_order(cluster: str) -> None:
    assert processors(cluster) == 2
    assert processors(None) == 1
    found = list(fan_out(where, range(24), cluster))
    assert [job for job, _ in found] == list(range(24))
    assert len({node for _, node in found}) == 2


def breaks(job: int) -> Any:
    """Fails as a share with an unknown price does."""
    raise ConfigError(f"job {job} cannot be done")


def test_what_fails_elsewhere_fails_here_with_the_same_words(cluster: str) -> None:
    with pytest.raises(ConfigError, match="job 0 cannot be done"):
        list(fan_out(breaks, range(3), cluster))


def breaks_first(job: tuple[int, Path]) -> None:
    """The first job fails; another leaves a sign, and takes its time."""
    number, signs = job
    if number == 0:
        raise ConfigError("job 0 cannot be done")
    (signs / str(number)).touch()
    time.sleep(3)


def test_what_waits_elsewhere_is_not_begun_once_a_job_failed(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="job 0 cannot be done"):
        list(fan_out(breaks_first, [(number, tmp_path) for number in range(20)], cluster))
    time.sleep(4)
    assert len(list(tmp_path.iterdir())) <= processors(cluster)


def doubled(job: int) -> tuple[int, int, int]:
    """Twice the job, the process that did it, and how many threads Polars has there."""
    time.sleep(0.05)
    return job * 2, os.getpid(), pl.thread_pool_size()


def test_this_machine_begins_few_jobs_ahead_and_gives_them_in_order() -> None:
    taken: list[int] = []
    jobs = (taken.append(job) or job for job in range(20))
    threads = os.environ.get("POLARS_MAX_THREADS")
    found = fan_out(doubled, jobs)
    assert next(found)[0] == 0
    assert len(taken) <= AT_ONCE + 2
    left = list(found)
    assert [job for job, _, _ in left] == [2 * job for job in range(1, 20)]
    assert {size for _, _, size in left} == {math.ceil(pl.thread_pool_size() / AT_ONCE)}
    assert os.getpid() not in {process for _, process, _ in left}
    assert os.environ.get("POLARS_MAX_THREADS") == threads


def meets(job: tuple[int, Path]) -> int:
    """Leaves its process's name, and waits until another process left one, too."""
    number, folder = job
    (folder / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(folder.iterdir())) < AT_ONCE and time.monotonic() < until:
        time.sleep(0.01)
    return number


def test_two_processes_are_at_work_at_once(tmp_path: Path) -> None:
    assert list(fan_out(meets, [(number, tmp_path) for number in range(6)])) == list(range(6))
    assert len(list(tmp_path.iterdir())) == AT_ONCE


def test_a_single_job_needs_no_process() -> None:
    assert [(job, process) for job, process, _ in fan_out(doubled, [7])] == [(14, os.getpid())]
    assert list(fan_out(doubled, [])) == []


class Speechless(Exception):
    """An error that another process cannot make again."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


def speechless(job: int) -> int:
    raise Speechless("a panic", f"job {job}")


def test_what_fails_in_a_process_fails_here_with_the_same_words() -> None:
    with pytest.raises(ConfigError, match="job 0 cannot be done"):
        list(fan_out(breaks, range(3)))
    with pytest.raises(RuntimeError, match="Speechless: a panic in job 0"):
        list(fan_out(speechless, range(3)))


def lasts(job: tuple[int, Path]) -> int:
    """Leaves a sign that it began, and is at work until nobody wants more."""
    number, folder = job
    (folder / str(number)).touch()
    until = time.monotonic() + 60
    while not UNWANTED[0].is_set() and time.monotonic() < until:
        time.sleep(0.01)
    return number


INTERRUPTED = """
import signal, sys
from pathlib import Path
from tests.assets.test_fan_out import lasts
from pipeline.assets.fan_out import fan_out

if __name__ == "__main__":
    # As Dagster's handler does: that of Polars would be heard when a job is done.
    signal.siginterrupt(signal.SIGINT, True)
    list(fan_out(lasts, [(number, Path(sys.argv[1])) for number in range(9)]))
"""


def test_who_is_interrupted_waits_for_what_is_being_done_alone(tmp_path: Path) -> None:
    """The third job is handed over already, and is not begun."""
    script, signs = tmp_path / "interrupted.py", tmp_path / "signs"
    script.write_text(INTERRUPTED)
    signs.mkdir()
    with subprocess.Popen(
        hearing(str(script), str(signs)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    ) as parent:
        until = time.monotonic() + 60
        while len(list(signs.iterdir())) < AT_ONCE and time.monotonic() < until:
            time.sleep(0.01)
        parent.send_signal(signal.SIGINT)
        try:
            _, said = parent.communicate(timeout=180)
        finally:
            parent.kill()
    assert b"KeyboardInterrupt" in said
    assert {each.name for each in signs.iterdir()} == {str(each) for each in range(AT_ONCE)}


def killed(job: tuple[int, Path | None]) -> int:
    """As by a kernel that has no memory left: job 2, once if there is a place to remember it by."""
    number, once = job
    if number == 2 and not (once and once.exists()):
        if once:
            once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_after_a_kill_one_process_goes_on_with_what_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [(number, tmp_path / "killed") for number in range(6)]
    assert list(fan_out(killed, jobs)) == list(range(6))
    assert "most likely because memory ran out" in caplog.text


def test_a_process_that_is_killed_again_is_told_with_what_to_do() -> None:
    with pytest.raises(ProcessKilled, match="Give the machine more memory"):
        list(fan_out(killed, [(number, None) for number in range(6)]))


LEFT_ALONE = """
import time
from tests.assets.test_fan_out import doubled
from pipeline.assets.fan_out import fan_out

if __name__ == "__main__":
    found = fan_out(doubled, range(1000))
    print(next(found)[1], next(found)[1], next(found)[1], flush=True)
    time.sleep(60)
"""


def test_no_process_stays_behind_when_the_one_that_began_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "left_alone.py"
    script.write_text(LEFT_ALONE)
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        processes = {int(process) for process in parent.stdout.readline().split()}
        parent.kill()
    assert processes
    until = time.monotonic() + 30
    while (there := [each for each in processes if alive(each)]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not there


def alive(process: int) -> bool:
    """Whether there is such a process; one that ended and is not yet waited for is not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
