"""A lake in a bucket is as safe as one in a folder, without a rename."""

import random
import time
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.database import engine, upgrade
from pipeline.errors import ConfigError, PipelineError, StaleGeneration
from pipeline.lake import Lake, compaction
from pipeline.lake.storage import Swept
from pipeline.schemas import COVERAGE, FX_RATE
from tests.lake.bucket import paths, remove
from tests.lake.frames import fx, span

A = "2026-01"
pytestmark = pytest.mark.parametrize("lake", ["bucket"], indirect=True)


def parquet(lake: Lake) -> set[str]:
    return {path for path in paths(str(lake.root)) if path.endswith(".parquet")}


def test_a_run_that_dies_between_write_and_commit_shows_nothing_and_is_tidied_up(
    lake: Lake,
) -> None:
    lake.commit([lake.write(FX_RATE, fx((1, "eur", 1)), A)], run_id="one")
    lost = lake.write(FX_RATE, fx((1, "eur", 2)), A)
    again = Lake(lake.root, lake.engine)
    assert_frame_equal(again.scan(FX_RATE).collect(), fx((1, "eur", 1)))
    assert lost.path in parquet(lake)
    assert again.collect_orphans(timedelta(hours=1)) == 0
    time.sleep(1.1)  # the store tells whole seconds
    assert again.collect_orphans(timedelta(0)) == 1
    assert parquet(lake) == {each.path for each in lake.live()}


def test_what_was_replaced_just_now_is_kept_for_the_grace_however_old_it_is(lake: Lake) -> None:
    old = lake.write(FX_RATE, fx((1, "eur", 1)), A)
    lake.commit([old], run_id="one")
    time.sleep(2.1)
    lake.commit([lake.write(FX_RATE, fx((1, "eur", 2)), A)], run_id="two")
    assert lake.collect_orphans(timedelta(seconds=1.9)) == 0
    assert old.path in parquet(lake)
    time.sleep(2.1)
    assert lake.collect_orphans(timedelta(seconds=1.9)) == 1
    assert old.path not in parquet(lake)
    assert not any(path.startswith("_retired/") for path in paths(str(lake.root)))


def test_what_was_deleted_as_old_while_it_was_written_again_is_not_shown(lake: Lake) -> None:
    staged = lake.write(FX_RATE, fx((1, "eur", 1)), A)
    time.sleep(1.1)
    assert lake.collect_orphans(timedelta(0)) == 1
    with pytest.raises(StaleGeneration, match="Start it again"):
        lake.commit([staged], run_id="run")
    assert lake.live() == []
    lake.commit([lake.write(FX_RATE, fx((1, "eur", 1)), A)], run_id="again")
    assert_frame_equal(lake.scan(FX_RATE).collect(), fx((1, "eur", 1)))


def test_small_objects_become_one_and_readers_see_the_same_rows(lake: Lake) -> None:
    for day in range(20):
        lake.commit([lake.write(COVERAGE, span(day))], run_id=str(day))
    before = lake.scan(COVERAGE).collect()
    assert compaction.compact(lake, until=10**6, run_id="merge") == 20
    assert len(lake.live()) == 1
    assert_frame_equal(lake.scan(COVERAGE).collect(), before)


def test_a_manifest_whose_objects_are_gone_restores_nothing(lake: Lake) -> None:
    staged = lake.write(COVERAGE, span(0))
    lake.commit([staged], run_id="run")
    remove(str(lake.root), staged.path)
    with pytest.raises(PipelineError, match="backup"):
        lake.rebuild_manifest()
    assert lake.partitions(COVERAGE) == ["_"]


def test_any_order_of_writes_commits_and_deletions_loses_nothing(lake: Lake) -> None:
    draw = random.Random(7)
    shown: dict[str, int] = {}
    for number in range(40):
        month, rate = f"2026-0{draw.randint(1, 3)}", draw.randint(1, 4)
        rows = fx((int(month[-1]), "eur", rate))
        staged = lake.write(FX_RATE, rows, month)
        if draw.random() < 0.3:
            lake.collect_orphans(timedelta(0))
        if draw.random() < 0.6:
            try:
                lake.commit([staged], run_id=str(number))
            except StaleGeneration:
                continue
            shown[month] = rate
        for key, value in shown.items():
            expected = fx((int(key[-1]), "eur", value))
            assert_frame_equal(lake.scan(FX_RATE, [key]).collect(), expected)


def test_a_store_that_refuses_is_told_to_people_without_a_secret(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = lake.storage
    assert isinstance(storage, Swept)
    storage.probe()
    url = f"sqlite:///{tmp_path}/other.db"
    upgrade(url)
    made = engine(url)
    nowhere = Lake("s3://no-such-bucket-here/lake", made)
    with pytest.raises(ConfigError, match="no bucket") as told:
        nowhere.write(FX_RATE, fx((1, "eur", 1)), A)
    assert "a-secret" not in str(told.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    away = Lake(str(lake.root), made)
    with pytest.raises(PipelineError, match="cannot be used") as told:
        away.write(FX_RATE, pl.DataFrame(fx((1, "eur", 1))), A)
    assert "a-secret" not in str(told.value)
    made.dispose()
