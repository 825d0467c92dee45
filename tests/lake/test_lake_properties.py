"""Whatever is killed, and whoever commits at the same time: readers see whole commits."""

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.database import engine, upgrade
from pipeline.errors import StaleGeneration
from pipeline.lake import Lake
from pipeline.schemas import FX_RATE
from tests.lake.frames import fx

MONTHS = ["2026-01", "2026-02", "2026-03"]
STEPS = st.lists(
    st.tuples(
        st.sets(st.integers(1, 3), min_size=1),
        st.integers(1, 9),
        st.sampled_from(["commit", "kill before commit", "kill in commit", "stale"]),
    ),
    max_size=8,
)


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


def killed(_connection: object) -> None:
    raise KilledError


@settings(max_examples=20)
@given(STEPS)
def test_readers_see_exactly_the_commits(steps: list[tuple[set[int], int, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/warehouse.db"
        upgrade(url)
        made = engine(url)
        lake = Lake(Path(folder) / "lake", made)
        expected: dict[int, int] = {}
        for months, rate, fate in steps:
            rows = fx(*((number, "eur", rate) for number in months))
            staged = lake.write_partitions(FX_RATE, rows, [MONTHS[number - 1] for number in months])
            current = lake.generation("timeline")
            try:
                match fate:
                    case "commit":
                        lake.commit(
                            staged, run_id="r", expect=("timeline", current), bump="timeline"
                        )
                        expected |= dict.fromkeys(months, rate)
                    case "kill in commit":
                        lake.commit(staged, run_id="r", bump="timeline", also=killed)
                    case "stale":
                        lake.commit(staged, run_id="r", expect=("timeline", current + 1))
                    case _:
                        pass
            except (KilledError, StaleGeneration):
                assert lake.generation("timeline") == current
            seen = lake.scan(FX_RATE).collect()
            assert {month.month: rate for month, _, rate, *_ in seen.iter_rows()} == expected
        made.dispose()


def commit_rounds(url: str, root: str, rate: int, rounds: int) -> None:
    made = engine(url)
    lake = Lake(root, made)
    for _ in range(rounds):
        staged = lake.write_partitions(FX_RATE, fx(*((n, "eur", rate) for n in (1, 2, 3))), MONTHS)
        lake.commit(staged, run_id=f"run{rate}", bump="commits")
    made.dispose()


def test_commits_at_the_same_time_never_mix(tmp_path: Path) -> None:
    url, root = f"sqlite:///{tmp_path}/warehouse.db", str(tmp_path / "lake")
    upgrade(url)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=commit_rounds, args=(url, root, rate, 8)) for rate in (1, 2, 3)]
    for worker in workers:
        worker.start()
    made = engine(url)
    lake = Lake(root, made)
    while any(worker.is_alive() for worker in workers):
        assert lake.scan(FX_RATE).collect()["rate"].n_unique() <= 1
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert lake.generation("commits") == 24
    assert lake.scan(FX_RATE).collect().height == 3
    made.dispose()


def test_a_process_killed_at_any_moment_leaves_whole_commits(tmp_path: Path) -> None:
    url, root = f"sqlite:///{tmp_path}/warehouse.db", str(tmp_path / "lake")
    upgrade(url)
    made = engine(url)
    lake = Lake(root, made)
    spawn = multiprocessing.get_context("spawn")
    for rate in (1, 2, 3):
        worker = spawn.Process(target=commit_rounds, args=(url, root, rate, 10_000))
        worker.start()
        before = lake.generation("commits")
        while lake.generation("commits") < before + 3:
            assert worker.is_alive()
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        assert lake.scan(FX_RATE, MONTHS).collect()["rate"].to_list() == [rate] * 3
    made.dispose()
