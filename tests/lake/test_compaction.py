"""Compaction: fewer objects, the same rows in the same order, whatever is merged when, and whoever is killed."""

import multiprocessing
import os
import signal
import tempfile
import time
from datetime import timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.database import engine, upgrade
from pipeline.lake import Lake, LiveObject, compaction
from pipeline.lake.folder import set_aside
from pipeline.lake.objects import merge_objects
from pipeline.schemas import COVERAGE, FX_RATE, RAW_RECORD
from tests.lake.frames import fx, span

STREAMS = ("stripe.customer", "stripe.event")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.sampled_from(STREAMS), st.integers(0, 3)),
        st.tuples(st.sampled_from(["decode", "compact", "kill", "collect"])),
        st.tuples(st.just("late"), st.integers(2, 4)),
    ),
    min_size=4,
    max_size=25,
)


def raw(first: int, count: int) -> pl.DataFrame:
    """Records with the ids from `first` on."""
    names = [str(number) for number in range(first, first + count)]
    none = dict.fromkeys(RAW_RECORD.schema, None)
    frame = pl.DataFrame([{**none, "id": name} for name in names], schema=RAW_RECORD.schema)
    return frame.with_columns(payload="id", hash="id")


def ids(frame: pl.LazyFrame) -> list[str]:
    return frame.select("id").collect().to_series().to_list()


@cache
def empty_warehouse() -> bytes:
    """The file of a warehouse with the tables of this version."""
    with tempfile.TemporaryDirectory() as folder:
        upgrade(f"sqlite:///{folder}/warehouse.db")
        return Path(folder, "warehouse.db").read_bytes()


class Reader:
    """Reads what is new by its position, as the raw store is decoded."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.until = 0
        self.seen: dict[str, list[str]] = {name: [] for name in STREAMS}

    def read(self) -> None:
        new = [each for each in self.lake.live() if each.position > self.until]
        for each in new:
            self.seen[each.partition] += ids(self.lake.read(RAW_RECORD, [each.path]))
        self.until = max((each.position for each in new), default=self.until)


@settings(max_examples=40)
@given(STEPS)
def test_readers_see_the_same_rows_in_the_same_order(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "warehouse.db").write_bytes(empty_warehouse())
        made = engine(f"sqlite:///{folder}/warehouse.db")
        lake = Lake(Path(folder) / "lake", made)
        reader, number = Reader(lake), 0
        expected: dict[str, list[str]] = {name: [] for name in STREAMS}
        planned: list[list[LiveObject]] = []
        for what, *more in steps:
            match what, more:
                case "commit", [str(stream), int(count)]:
                    frame = raw(number, count)
                    number += count
                    lake.commit([lake.write(RAW_RECORD, frame, stream)], run_id="sync")
                    expected[stream] += frame["id"].to_list()
                case "decode", _:
                    reader.read()
                case "compact", _:
                    lake.merge(compaction.plan(lake.live(), reader.until, few=2), run_id="tidy")
                case "kill", _:  # between writing and showing
                    for parts in compaction.plan(lake.live(), reader.until, few=2):
                        merge_objects(lake.storage, parts, RAW_RECORD.schema)
                case "late", [int(few)]:  # planned a while ago, when other objects were live
                    lake.merge(planned, run_id="tidy")
                    planned = compaction.plan(lake.live(), reader.until, few=few)
                case _:
                    lake.collect_orphans(timedelta(0))
            for stream in STREAMS:
                assert (
                    ids(lake.read(RAW_RECORD, lake.paths(RAW_RECORD, stream))) == expected[stream]
                )
        reader.read()
        assert reader.seen == expected
        made.dispose()


def test_many_small_objects_become_one_and_the_old_ones_go_after_the_grace(lake: Lake) -> None:
    for day in range(compaction.FEW):
        lake.commit([lake.write(COVERAGE, span(day))], run_id="sync")
    lake.commit([lake.write(FX_RATE, fx((1, "eur", 1)), "2026-01")], run_id="months")
    before, live = lake.scan(COVERAGE).collect(), lake.live()
    reading = lake.scan(COVERAGE)
    last = max(each.position for each in live if each.table == COVERAGE.name)
    assert compaction.compact(lake, until=last - 1, run_id="tidy") == 0, "too few may move"
    assert compaction.compact(lake, until=last, run_id="tidy") == compaction.FEW
    (whole,) = (each for each in lake.live() if each.table == COVERAGE.name)
    assert (whole.position, whole.rows) == (last, before.height)
    assert_frame_equal(lake.scan(COVERAGE).collect(), before)
    assert lake.collect_orphans() == 0
    assert_frame_equal(reading.collect(), before)
    assert lake.collect_orphans(timedelta(seconds=-1)) == compaction.FEW
    assert_frame_equal(lake.scan(COVERAGE).collect(), before)
    assert compaction.compact(lake, until=last, run_id="tidy") == 0


def of(position: int, rows: int = 1, size: int = 1, partition: str = "_") -> LiveObject:
    return LiveObject(COVERAGE.name, partition, f"{position}", rows, size, position)


def test_only_neighbours_are_merged_and_nothing_grows_beyond_what_is_large() -> None:
    big = compaction.SMALL_BYTES
    objects = [
        of(1),
        of(2),
        of(3, size=big),
        of(4),
        of(5, partition="x"),
        of(6),
        of(7, rows=50_000),
    ]

    def planned(objects: list[LiveObject]) -> list[list[int]]:
        return [[o.position for o in run] for run in compaction.plan(objects, until=9, few=2)]

    assert planned(objects) == [[1, 2], [4, 6]]
    many = [of(n, size=big - 1) for n in range(1, 10)]
    assert planned(many) == [[1, 2, 3, 4, 5, 6, 7, 8]]
    many = [of(n, rows=40_000) for n in range(1, 10)]
    assert planned(many) == [[1, 2, 3, 4, 5], [6, 7, 8, 9]]
    replaced = [LiveObject(FX_RATE.name, "2026-01", f"{n}", 1, 1, n) for n in range(1, 5)]
    assert planned(replaced) == []


def test_reading_does_not_get_slower_for_ever(lake: Lake) -> None:
    for night in range(120):
        lake.commit([lake.write(COVERAGE, span(night))], run_id="sync")
        compaction.compact(lake, until=10**6, run_id="tidy")
        assert len(lake.live()) < compaction.FEW
    assert lake.scan(COVERAGE).collect().height == 120


def test_what_was_written_again_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"again")
    now = time.time()
    assert set_aside(path, now - 60) is None
    assert path.read_bytes() == b"again"
    os.utime(path, (now - 120, now - 120))
    aside = set_aside(path, now - 60)
    path.write_bytes(b"again")
    assert aside is not None
    aside.unlink()
    assert path.read_bytes() == b"again"


def commit_and_merge(url: str, root: str) -> None:
    made = engine(url)
    lake = Lake(root, made)
    number = lake.generation("commits")
    while True:
        lake.commit(
            [lake.write(RAW_RECORD, raw(number, 1), STREAMS[0])], run_id="r", bump="commits"
        )
        number += 1
        lake.merge(compaction.plan(lake.live(), until=10**9, few=3), run_id="tidy")


def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    url, root = f"sqlite:///{tmp_path}/warehouse.db", str(tmp_path / "lake")
    upgrade(url)
    made = engine(url)
    lake = Lake(root, made)
    spawn = multiprocessing.get_context("spawn")
    for wait in (7, 8, 10):
        worker = spawn.Process(target=commit_and_merge, args=(url, root))
        worker.start()
        before = lake.generation("commits")
        while lake.generation("commits") < before + wait:
            assert worker.is_alive()
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        commits = lake.generation("commits")
        assert ids(lake.scan(RAW_RECORD)) == [str(number) for number in range(commits)]
    made.dispose()


@pytest.mark.parametrize("gone", ["part", "whole"])
def test_a_part_that_is_not_live_any_more_changes_nothing(lake: Lake, gone: str) -> None:
    for day in range(4):
        lake.commit([lake.write(COVERAGE, span(day))], run_id="sync")
    before = lake.scan(COVERAGE).collect()
    late = compaction.plan(lake.live(), until=9, few=2)
    parts = [late[0][:2]] if gone == "part" else late
    assert lake.merge(parts, run_id="tidy") > 0
    now = lake.live()
    assert lake.merge(late, run_id="late") == 0
    assert lake.live() == now
    assert_frame_equal(lake.scan(COVERAGE).collect(), before)
