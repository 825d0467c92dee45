"""Shares of accounts say what all together say, in this process, in two, or on a Ray cluster of two nodes."""

import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import ray
from polars.testing import assert_frame_equal
from ray.cluster_utils import Cluster

from bench.generated import NOW, calendar, history
from pipeline import billing, metrics
from pipeline.assets import crm as crm_steps
from pipeline.assets import folded, inputs, night
from pipeline.assets import metrics as metrics_steps
from pipeline.assets import mrr as mrr_steps
from pipeline.assets.billing import first_month
from pipeline.assets.fan_out import AT_ONCE, UNWANTED, fan_out, processors
from pipeline.assets.parts import Parts
from pipeline.assets.place import Place
from pipeline.assets.shares import Share
from pipeline.assets.shares import shares as split
from pipeline.errors import ConfigError, ProcessKilled
from pipeline.months import key_of
from pipeline.schemas import ITEM_TIMELINE, MRR_MOVEMENT, Table
from pipeline.settings import Settings
from tests.interrupted import hearing

ROOT = Path(__file__).resolve().parents[2]
SECRET = "rk_test_nobodyshallseethis"
MONTHS = 14
WANTED = tuple(calendar(MONTHS).months[-2:])
EVERY = tuple(calendar(MONTHS).months)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A lake with the timeline of 300 accounts."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "pipeline.toml").touch()
    made = Place(Settings.load({"PIPELINE_NOW": NOW.isoformat(), "STRIPE_API_KEY": SECRET}, folder))
    frames = history(1, 300, MONTHS)
    made.lake.commit(
        [made.lake.write(table, frame) for table, frame in frames.items()],
        run_id="test",
        also=lambda connection: night.touch(connection, "evidence", list(EVERY), 1),
    )
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes, each a process of its own with workers of its own."""
    node = {"num_cpus": 1, "env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}}
    made = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    made.add_node(**node)
    yield str(made.address)
    ray.shutdown()
    made.shutdown()


def shares(place: Place, of: int, months: Sequence[date] = WANTED) -> list[Share]:
    book, root = inputs.book(place), place.lake.root
    return [
        Share(book, place.policy, place.calendar(), tuple(months), root, number, of)
        for number in range(of)
    ]


def rows(place: Place, done: Iterator[mrr_steps.Computed]) -> dict[Table, pl.DataFrame]:
    """What was written, in the order of the keys; nothing broke a check."""
    paths: dict[str, list[str]] = {}
    for written, violations in done:
        assert all(found.is_empty() for found in violations)
        for staged in written.staged:
            paths.setdefault(staged.table, []).append(staged.path)
    return {
        table: place.lake.read(table, paths[table.name]).sort(table.key).collect()
        for table in mrr_steps.TABLES
    }


def test_one_share_eight_shares_and_a_cluster_say_the_same(place: Place, cluster: str) -> None:
    work = mrr_steps.computed
    one = rows(place, fan_out(work, shares(place, 1)))
    eight = rows(place, fan_out(work, shares(place, 8)))
    apart = rows(place, fan_out(work, shares(place, 8), cluster))
    assert all(frame.height > 0 for frame in one.values())
    for table, expected in one.items():
        assert_frame_equal(eight[table], expected)
        assert_frame_equal(apart[table], expected)


def test_shares_that_are_files_say_what_one_says(place: Place) -> None:
    one = rows(place, fan_out(mrr_steps.computed, shares(place, 1)))
    with split(place, WANTED, spans=20) as jobs:
        assert len(jobs) > 2
        apart = rows(place, fan_out(mrr_steps.computed, jobs))
    for table, expected in one.items():
        assert_frame_equal(apart[table], expected)


def test_shares_say_together_who_pays_and_since_when(place: Place) -> None:
    one = [frame.collect().sort("customer_id") for frame in crm_steps.paying(place)]
    several = [frame.collect().sort("customer_id") for frame in crm_steps.paying(place, spans=20)]
    begun, held = one
    assert begun.height > held.height > 100
    assert [frame.schema for frame in one] == [crm_steps.BEGUN, crm_steps.HELD]
    for all_together, in_shares in zip(one, several, strict=True):
        assert_frame_equal(in_shares, all_together)


def test_the_first_month_of_the_history_is_found_part_by_part(place: Place) -> None:
    lake, of = place.lake, 4
    frames = {table: lake.scan(table).collect() for table in (*billing.DIMENSIONS, *billing.FOLDED)}
    timeline = frames.pop(ITEM_TIMELINE)
    third = timeline.get_column("customer_id").hash() % (of - 1)
    shared = [lake.write(table, frame) for table, frame in frames.items()]
    parts = [
        lake.write(ITEM_TIMELINE, timeline.filter(third == number), share=number, shares=of)
        for number in range(of - 1)
    ]
    several = folded.Written(lake, [*shared, *parts], pl.DataFrame(), 0)
    whole = folded.Written(lake, [*shared, lake.write(ITEM_TIMELINE, timeline)], pl.DataFrame(), 0)
    assert len(several.shares) == of
    assert first_month(place, several, spans=20) == first_month(place, whole) == EVERY[0]


def commit(place: Place, spans: int, months: Sequence[date] = WANTED) -> None:
    """The tables of the months, in shares of so many rows of the timeline."""
    written = Parts(place.lake.root)
    with split(place, months, spans) as jobs:
        for part, _ in fan_out(mrr_steps.computed, jobs):
            written.take(part)
    staged, keys = written.staged, [key_of(month) for month in months]
    there = {(each.table, each.partition) for each in staged}
    for table in mrr_steps.TABLES:
        none = [key for key in keys if (table.name, key) not in there]
        staged += place.lake.write_partitions(table, table.empty(), none)
    place.lake.commit(staged, run_id=f"in shares of {spans}")


def lots(place: Place, rows: int) -> tuple[list[dict[Table, pl.DataFrame]], bool]:
    """The rows of every lot, and whether each reads objects that no other does."""
    found = [dict(lot) for lot in inputs.lots(place, WANTED, *metrics_steps.INPUTS, rows=rows)]
    apart = not any(".hash(" in frame.explain() for lot in found for frame in lot.values())
    return [{table: frame.collect() for table, frame in lot.items()} for lot in found], apart


@pytest.mark.parametrize("rows", [200, 300, 10_000])
def test_lots_are_made_of_the_shares_in_which_months_were_written(place: Place, rows: int) -> None:
    commit(place, spans=10**6)
    ((whole,), _) = lots(place, rows=10**6)
    commit(place, spans=50)
    several, apart = lots(place, rows)
    assert apart
    assert (len(several) > len(WANTED)) == (rows < 10_000)
    same(several, whole)
    for lot in several:
        assert rows >= 10_000 or 0 < lot[MRR_MOVEMENT].height < 1.5 * rows


def test_lots_of_months_that_do_not_say_it_are_of_accounts(place: Place) -> None:
    commit(place, spans=10**6)
    ((whole,), _) = lots(place, rows=10**6)
    in_one = lots(place, rows=300)
    commit(place, spans=400)
    in_few = lots(place, rows=50)
    commit(place, spans=50, months=WANTED[:1])
    differently = lots(place, rows=1 + whole[MRR_MOVEMENT].height // inputs.TOGETHER)
    for several, apart in (in_one, in_few, differently):
        assert not apart
        assert len(several) > len(WANTED)
        same(several, whole)


def test_lots_that_are_published_are_whole_objects_in_order_of_months(place: Place) -> None:
    tables = mrr_steps.TABLES
    commit(place, spans=10**6)
    whole = inputs.in_lots(place, WANTED, tables)
    commit(place, spans=50)
    several = inputs.in_lots(place, WANTED, tables, rows=100)
    assert {table: len(lots) for table, lots in whole.items()} == dict.fromkeys(whole, 1)
    for table in tables:
        lots = [lot.collect() for lot in several[table.name]]
        assert all(lot.height for lot in lots)
        assert_frame_equal(
            pl.concat(lots).sort(table.key), whole[table.name][0].collect().sort(table.key)
        )
        months = [month for lot in lots for month in lot["month"].unique().sort()]
        assert months == sorted(months)
    assert len(several[MRR_MOVEMENT.name]) > len(WANTED)


def same(several: list[dict[Table, pl.DataFrame]], whole: dict[Table, pl.DataFrame]) -> None:
    """All that is in the whole is in one lot, and of an account and month all or none."""
    cells = [lot[MRR_MOVEMENT].select("month", "account_id").unique() for lot in several]
    assert pl.concat(cells).is_unique().all()
    for lot, own in zip(several, cells, strict=True):
        for rows in lot.values():
            assert rows.join(own, on=own.columns, how="anti").is_empty()
    for table, expected in whole.items():
        assert expected.height > 0
        together = pl.concat(lot[table] for lot in several)
        assert_frame_equal(together.sort(table.key), expected.sort(table.key))


def test_cohorts_of_a_cluster_are_those_of_one_share(place: Place, cluster: str) -> None:
    def found(of: int, address: str | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
        jobs = [(share, WANTED) for share in shares(place, of, EVERY)]
        sums, growths = zip(*fan_out(metrics_steps.cohorts, jobs, address), strict=True)
        return metrics.cohorts_of(sums), metrics.cohort_growth_of(growths, WANTED)

    expected = found(1)
    assert expected[0].height > 0
    for each in (found(8), found(8, cluster)):
        for one, other in zip(each, expected, strict=True):
            assert_frame_equal(one, other)


def test_metrics_of_a_cluster_are_those_of_one_lot(place: Place, cluster: str) -> None:
    commit(place, spans=50)
    (whole,) = metrics_steps.lots_of(place, WANTED)
    lots = inputs.lots(place, WANTED, *metrics_steps.INPUTS, rows=200)
    parts = [replace(whole, rows=rows) for rows in lots]
    assert len(parts) > processors(cluster)

    def found(jobs: list[metrics_steps.Lot], address: str | None = None) -> list[pl.DataFrame]:
        tallies, _ = zip(*fan_out(metrics_steps.tally, jobs, address), strict=True)
        said = metrics.concluded(tallies, whole.spec)
        return [said.expansion_metrics, said.expansion_by_type]

    expected = found([whole])
    for each in (found(parts), found(parts, cluster)):
        for one, other in zip(each, expected, strict=True):
            assert other.height > 0
            assert_frame_equal(one, other)


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


def test_no_secret_is_sent_to_another_machine(place: Place) -> None:
    sent = pickle.dumps(shares(place, 1))
    assert b"item_timeline" in sent
    assert SECRET.encode() not in sent
    assert b"warehouse.db" not in sent
