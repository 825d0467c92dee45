"""Raw records are decoded once; nights fold what is new, and the lake holds what folding everything says."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

import pipeline
from pipeline import billing
from pipeline.assets import evidence, inputs
from pipeline.database import engine, upgrade
from pipeline.errors import StaleGeneration
from pipeline.lake import Lake, compaction
from pipeline.sandbox.company import Company
from pipeline.schemas import (
    COVERAGE,
    OBSERVED,
    OBSERVED_PRICE,
    OBSERVED_SUBSCRIPTION,
    RAW_RECORD,
)
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
    """A company that is landed sync by sync."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
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

    def fold(self, code: str | None = None) -> tuple[evidence.Decoded, billing.Night]:
        decoded = evidence.decode_new(self.lake, at_once=500, code=code)
        night = evidence.fold(decoded, inputs.billing(self.lake))
        return decoded, night

    def show(self, decoded: evidence.Decoded, night: billing.Night) -> None:
        folded = [
            self.lake.write(table, getattr(night.billing, table.name)) for table in inputs.BILLING
        ]
        self.lake.commit([*decoded.staged, *folded], run_id="fold", also=decoded.remember)


def assert_complete(nights: Nights) -> None:
    shown = inputs.billing(nights.lake)
    everything = billing.fold(*nights.records.frames())
    for table in inputs.BILLING:
        assert_frame_equal(getattr(shown, table.name), getattr(everything, table.name))


def test_nights_fold_some_customers_and_show_what_everything_says(lake: Lake) -> None:
    nights = Nights(lake)
    nights.land(100)
    nights.show(*nights.fold())
    for _ in range(4):
        nights.land(2)
        decoded, night = nights.fold()
        assert 0 < night.customers < night.billing.customer.height
        nights.show(decoded, night)
        assert_complete(nights)


def test_each_record_is_decoded_once(lake: Lake) -> None:
    nights = Nights(lake)
    nights.land(100)
    nights.show(*nights.fold())
    decoded, night = nights.fold()
    assert decoded.staged == []
    assert (night.customers, night.since) == (0, None)


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
    assert night.customers == night.billing.customer.height
    assert night.since is None
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
        assert night.customers < night.billing.customer.height
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
