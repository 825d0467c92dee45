"""Write, check, then show."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Connection, event, select

from pipeline.database import generation, lake_object
from pipeline.errors import (
    MissingMonth,
    PipelineError,
    SchemaMismatch,
    StaleGeneration,
)
from pipeline.lake import Lake
from pipeline.lake.folder import PART
from pipeline.lake.storage import Written
from pipeline.schemas import COVERAGE, FX_RATE
from tests.lake.frames import fx, span

A, B = "2026-01", "2026-02"
everywhere = pytest.mark.parametrize("lake", ["folder", "bucket"], indirect=True)


@everywhere
def test_what_is_written_is_not_seen_before_the_commit(lake: Lake) -> None:
    staged = lake.write(FX_RATE, fx((1, "eur", 1)), A)
    assert lake.scan(FX_RATE).collect().is_empty()
    with pytest.raises(MissingMonth, match=A):
        lake.scan(FX_RATE, [A])
    lake.commit([staged], run_id="run")
    assert_frame_equal(lake.scan(FX_RATE, [A]).collect(), fx((1, "eur", 1)))


@everywhere
def test_a_month_is_replaced_and_the_others_stay(lake: Lake) -> None:
    lake.commit(
        lake.write_partitions(FX_RATE, fx((1, "eur", 1), (2, "eur", 2)), [A, B]), run_id="one"
    )
    lake.commit(lake.write_partitions(FX_RATE, fx((1, "eur", 3)), [A]), run_id="two")
    assert_frame_equal(
        lake.scan(FX_RATE).collect(), fx((1, "eur", 3), (2, "eur", 2)), check_row_order=False
    )
    lake.commit(lake.write_partitions(FX_RATE, fx((1, "eur", 1)), [A]), run_id="three")
    assert_frame_equal(lake.scan(FX_RATE, [A]).collect(), fx((1, "eur", 1)))


def test_many_objects_are_shown_by_as_many_statements_as_few(lake: Lake) -> None:
    told: list[str] = []

    @event.listens_for(lake.engine, "before_cursor_execute")
    def note(*call: object) -> None:
        told.append(str(call[2]))

    def replaced(count: int) -> int:
        """Statements of the second commit of so many months."""
        months = [f"{2001 + number // 12}-{number % 12 + 1:02}" for number in range(count)]
        for rate in (1, 2):
            rows = pl.concat(
                fx((1, "eur", rate)).with_columns(month=date.fromisoformat(f"{month}-01"))
                for month in months
            )
            staged = lake.write_partitions(FX_RATE, rows, months)
            told.clear()
            lake.commit(staged, run_id=str(rate))
        assert [each.path for each in lake.live(months)] == [each.path for each in staged]
        return len(told)

    assert replaced(2) == replaced(40)


def test_places_in_the_order_of_commits_only_grow(lake: Lake) -> None:
    lake.commit(lake.write_partitions(FX_RATE, fx((1, "eur", 1)), [A]), run_id="one")
    (before,) = lake.live()
    again = lake.write_partitions(FX_RATE, fx((1, "eur", 1), (2, "eur", 2)), [B, A])
    lake.commit([*again, again[0]], run_id="two")
    assert [each.partition for each in lake.live()] == [B, A]
    assert all(each.position > before.position for each in lake.live())


@everywhere
def test_where_one_object_cannot_be_written_none_is_shown(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = lake.storage.put

    def full(folder: str, write: Callable[[Path], int]) -> Written:
        if folder.endswith(B):
            raise OSError("No space left on device")
        return put(folder, write)

    monkeypatch.setattr(lake.storage, "put", full)
    with pytest.raises(OSError, match="No space"):
        lake.write_partitions(FX_RATE, fx((1, "eur", 1), (2, "eur", 2)), [A, B])
    assert lake.live() == []


@everywhere
def test_a_month_without_rows_is_there_all_the_same(lake: Lake) -> None:
    lake.commit(lake.write_partitions(FX_RATE, fx((2, "eur", 2)), [A, B]), run_id="run")
    assert lake.partitions(FX_RATE) == [A, B]
    assert lake.scan(FX_RATE, [A]).collect().is_empty()
    assert lake.scan(FX_RATE, [A]).collect_schema() == FX_RATE.schema


@everywhere
def test_a_month_that_was_never_computed_is_named(lake: Lake) -> None:
    lake.commit(lake.write_partitions(FX_RATE, fx((1, "eur", 1)), [A]), run_id="run")
    with pytest.raises(MissingMonth, match="2026-03"):
        lake.scan(FX_RATE, [A, "2026-03"])


@everywhere
def test_rows_of_a_month_that_was_not_asked_for_are_refused(lake: Lake) -> None:
    with pytest.raises(SchemaMismatch, match=B):
        lake.write_partitions(FX_RATE, fx((1, "eur", 1), (2, "eur", 2)), [A])
    with pytest.raises(SchemaMismatch, match="rate"):
        lake.write(FX_RATE, fx((1, "eur", 1)).drop("rate"), A)


@everywhere
def test_an_append_only_table_keeps_everything_once(lake: Lake) -> None:
    for day in (0, 1, 1):
        lake.commit([lake.write(COVERAGE, span(day))], run_id=f"run{day}")
    assert_frame_equal(lake.scan(COVERAGE).collect(), pl.concat([span(0), span(1)]))


@everywhere
def test_a_stale_run_changes_nothing(lake: Lake) -> None:
    lake.commit([lake.write(COVERAGE, span(0))], run_id="new", bump="timeline")
    assert lake.generation("timeline") == 1
    lake.commit(
        [lake.write(FX_RATE, fx((1, "eur", 1)), A)], run_id="reader", expect=("timeline", 1)
    )
    with pytest.raises(StaleGeneration, match="timeline"):
        lake.commit(
            [lake.write(FX_RATE, fx((1, "eur", 9)), A)], run_id="old", expect=("timeline", 0)
        )
    assert_frame_equal(lake.scan(FX_RATE).collect(), fx((1, "eur", 1)))


@everywhere
def test_what_goes_with_a_commit_is_one_transaction(lake: Lake) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(generation.insert().values(name="cursor", number=7))
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        lake.commit([lake.write(FX_RATE, fx((1, "eur", 1)), A)], run_id="run", also=fail)
    assert lake.scan(FX_RATE).collect().is_empty()
    assert lake.generation("cursor") == 0


@everywhere
def test_the_ledger_comes_back_from_the_manifest(lake: Lake) -> None:
    lake.commit([lake.write(COVERAGE, span(day)) for day in (3, 1, 2)], run_id="a", bump="timeline")
    rates = lake.write_partitions(FX_RATE, fx((1, "eur", 1)), [A, B])
    lake.commit([replace(each, share=2, shares=3) for each in rates], run_id="b")
    before = lake.scan(COVERAGE).collect(), lake.scan(FX_RATE, [A, B]).collect()
    with lake.engine.begin() as connection:
        rows = connection.execute(select(lake_object).order_by(lake_object.c.path)).all()
        connection.execute(lake_object.delete())
        connection.execute(generation.delete())
    assert lake.rebuild_manifest() == 5
    with lake.engine.begin() as connection:
        assert connection.execute(select(lake_object).order_by(lake_object.c.path)).all() == rows
    for frame, again in zip(before, (lake.scan(COVERAGE), lake.scan(FX_RATE, [A, B])), strict=True):
        assert_frame_equal(again.collect(), frame)
    assert lake.generation("timeline") == 1


def test_a_manifest_of_another_version_is_read(lake: Lake) -> None:
    """An older one does not know what a newer one notes, and the other way round."""
    lake.commit(lake.write_partitions(FX_RATE, fx((1, "eur", 1)), [A]), run_id="run")
    before, path = lake.live(), lake.root / "_manifest.json"
    content = orjson.loads(path.read_bytes())
    for each in content["objects"]:
        del each["share"], each["shares"]
        each["invented_later"] = 7
    path.write_bytes(orjson.dumps(content))
    assert lake.rebuild_manifest() == 1
    assert lake.live() == before


def test_a_manifest_whose_objects_are_gone_restores_nothing(lake: Lake) -> None:
    staged = lake.write(COVERAGE, span(0))
    lake.commit([staged], run_id="run")
    (lake.root / staged.path).unlink()
    with pytest.raises(PipelineError, match="backup"):
        lake.rebuild_manifest()
    assert lake.partitions(COVERAGE) == ["_"]


def test_orphans_go_after_the_grace_period_and_nothing_else(lake: Lake) -> None:
    old = lake.write(FX_RATE, fx((1, "eur", 1)), A)
    lake.commit([old], run_id="one")
    lake.commit([lake.write(FX_RATE, fx((1, "eur", 2)), A)], run_id="two")
    abandoned = lake.write(FX_RATE, fx((1, "eur", 3)), A)
    part = lake.root / "fx_rate" / A / f"x{PART}"
    part.write_bytes(b"half")
    assert lake.collect_orphans(timedelta(hours=1)) == 0
    past = time.time() - 7200
    for path in lake.root.rglob("*.*"):
        os.utime(path, (past, past))
    young = lake.write(FX_RATE, fx((1, "eur", 4)), A)
    assert lake.collect_orphans(timedelta(hours=1)) == 3
    assert not any((lake.root / name).exists() for name in (old.path, abandoned.path))
    assert (lake.root / young.path).exists()
    assert_frame_equal(lake.scan(FX_RATE).collect(), fx((1, "eur", 2)))


def test_what_was_replaced_just_now_is_kept_for_the_grace_however_old_it_is(lake: Lake) -> None:
    """Another run may be reading it."""
    old = lake.write(FX_RATE, fx((1, "eur", 1)), A)
    lake.commit([old], run_id="one")
    past = time.time() - 7200
    os.utime(lake.root / old.path, (past, past))
    lake.commit([lake.write(FX_RATE, fx((1, "eur", 2)), A)], run_id="two")
    assert lake.collect_orphans(timedelta(hours=1)) == 0
    os.utime(lake.root / old.path, (past, past))
    assert lake.collect_orphans(timedelta(hours=1)) == 1
