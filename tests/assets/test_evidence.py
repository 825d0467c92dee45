"""Raw records are decoded once; nights fold what is new, and the lake holds what folding everything says."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

import pipeline
from pipeline import billing
from pipeline.assets import evidence, folded
from pipeline.database import engine, upgrade
from pipeline.errors import StaleGeneration
from pipeline.lake import Lake, compaction
from pipeline.lake.lake import WHOLE
from pipeline.sandbox.company import Company
from pipeline.schemas import (
    COVERAGE,
    CUSTOMER,
    ITEM_TIMELINE,
    OBSERVED,
    OBSERVED_PRICE,
    OBSERVED_SUBSCRIPTION,
    RAW_RECORD,
)
from tests import in_memory
from tests.history.records import Evidence

END = datetime(2026, 11, 23, 6, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    upgrade(url)
    opened = engine(url)
    yield Lake(tmp_path / "lake", opened)
    opened.dispose()


class Nights:
    """A company that is landed sync by sync, and folded in shares of so many rows of evidence."""

    def __init__(self, lake: Lake, share: int = billing.SHARE) -> None:
        self.lake, self.share = lake, share
        self.company = Company(seed=11, customers=30, months=6, end=END)
        self.records = Evidence()
        self.landed = 0

    def land(self, days: int) -> None:
        self.company.advance(self.company.now + timedelta(days=days))
        self.records.sync(self.company)
        raw, coverage = (frame.collect() for frame in self.records.frames())
        new = raw[self.landed :]
        self.landed = raw.height
        staged = [
            self.lake.write(RAW_RECORD, part, f"stripe.{name}")
            for (name,), part in new.partition_by("stream", as_dict=True).items()
        ]
        self.lake.commit([*staged, self.lake.write(COVERAGE, coverage[-1])], run_id="sync")

    def fold(self, code: str | None = None) -> tuple[evidence.Decoded, folded.Written]:
        decoded = evidence.decode_new(self.lake, at_once=500, code=code, together=1_500)
        found = folded.fold(decoded, folded.before(self.lake), self.share)
        return decoded, folded.write(self.lake, found)

    def show(self, decoded: evidence.Decoded, night: folded.Written) -> None:
        self.lake.commit([*decoded.staged, *night.staged], run_id="fold", also=decoded.remember)


def assert_complete(nights: Nights) -> None:
    everything = in_memory.fold(*nights.records.frames())
    for table in (*billing.DIMENSIONS, *billing.FOLDED):
        shown = nights.lake.scan(table).collect().sort(table.key)
        assert_frame_equal(shown, getattr(everything, table.name))


@pytest.mark.parametrize("share", [billing.SHARE, 60])
def test_nights_fold_some_customers_and_show_what_everything_says(lake: Lake, share: int) -> None:
    nights = Nights(lake, share)
    nights.land(100)
    nights.show(*nights.fold())
    assert (len(lake.paths(ITEM_TIMELINE, WHOLE)) > 3) == (share == 60)
    for _ in range(4):
        nights.land(2)
        decoded, night = nights.fold()
        assert 0 < night.customers < night.scan(CUSTOMER).collect().height
        nights.show(decoded, night)
        assert_complete(nights)


def test_each_record_is_decoded_once(lake: Lake) -> None:
    nights = Nights(lake)
    nights.land(100)
    nights.show(*nights.fold())
    decoded, night = nights.fold()
    assert decoded.staged == []
    assert (night.customers, night.changes.height) == (0, 0)


def test_of_two_runs_that_fold_the_same_night_one_is_shown(lake: Lake) -> None:
    nights = Nights(lake)
    nights.land(100)
    one, other = nights.fold(), nights.fold()
    nights.show(*one)
    with pytest.raises(StaleGeneration):
        nights.show(*other)
    assert_complete(nights)


def test_other_code_decodes_and_folds_everything_anew(lake: Lake) -> None:
    nights = Nights(lake)
    nights.land(100)
    nights.show(*nights.fold())
    known = lake.scan(OBSERVED_SUBSCRIPTION).collect().height
    decoded, night = nights.fold("other")
    assert night.customers == night.scan(CUSTOMER).collect().height
    assert night.changes.is_empty()
    nights.show(decoded, night)
    assert {part for table in OBSERVED for part in lake.partitions(table)} == {"other"}
    assert lake.scan(OBSERVED_SUBSCRIPTION).collect().height == known
    assert_complete(nights)


@pytest.mark.parametrize(
    "module", ["billing/invoices.py", "billing/decoding/bills.py", "schemas/observed.py"]
)
def test_every_module_that_decodes_and_folds_is_code(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("billing", "schemas"):
        shutil.copytree(Path(pipeline.__file__).parent / package, tmp_path / package)
    monkeypatch.setattr(evidence, "files", lambda name: tmp_path / name.removeprefix("pipeline."))
    before = evidence.fingerprint()
    assert evidence.fingerprint() == before
    with (tmp_path / module).open("a") as changed:
        changed.write("# otherwise")
    assert evidence.fingerprint() != before


def test_code_that_comes_back_begins_anew_as_well(lake: Lake) -> None:
    nights = Nights(lake)
    nights.land(100)
    nights.show(*nights.fold())
    first = {table: lake.scan(table).collect().height for table in OBSERVED}
    nights.show(*nights.fold("other"))
    decoded, night = nights.fold()
    assert decoded.before == 0
    nights.show(decoded, night)
    assert {table: lake.scan(table).collect().height for table in OBSERVED} == first
    assert_complete(nights)


def test_merged_objects_are_neither_decoded_again_nor_missed(lake: Lake) -> None:
    nights = Nights(lake)
    nights.land(100)
    nights.show(*nights.fold())
    for days in (1, 2, 3):
        nights.land(days)
        lake.merge(compaction.plan(lake.live(), evidence.decoded_until(lake), few=2), run_id="tidy")
        decoded, night = nights.fold()
        assert night.customers < night.scan(CUSTOMER).collect().height
        nights.show(decoded, night)
        lake.merge(compaction.plan(lake.live(), evidence.decoded_until(lake), few=2), run_id="tidy")
        assert_complete(nights)
    assert not compaction.plan(lake.live(), evidence.decoded_until(lake), few=2)
    raw = [each for each in lake.live() if each.table == RAW_RECORD.name]
    assert len({each.partition for each in raw}) == len(raw)
    # Of prices that only items show, one record of those decoded together is enough.
    counted = [table for table in OBSERVED if table is not OBSERVED_PRICE]
    once = {table: lake.scan(table).collect().height for table in counted}
    nights.show(*nights.fold("other"))
    assert {table: lake.scan(table).collect().height for table in counted} == once
    assert_complete(nights)
