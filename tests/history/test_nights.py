"""A night folds only the customers that it tells something new of, and the result is that of folding everything."""

import random
from datetime import datetime

import polars as pl
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from pipeline import billing
from pipeline.billing.decoding import Evidence
from pipeline.schemas import COVERAGE, OBSERVED, RAW_RECORD
from tests import in_memory
from tests.history.records import Histories
from tests.history.test_properties import UNSHRUNK, random_histories, seeds

KINDS = ("often", "late", "gap")
NIGHTS = 8


def shown(histories: Histories) -> dict[tuple[str, str], datetime]:
    """When each sync shows what it read, all at once: after its last list."""
    last: dict[tuple[str, str], datetime] = {}
    for row in histories.rows:
        sync = (row["source_account"], row["sync_id"])
        last[sync] = max(last.get(sync, row["observed_at"]), row["observed_at"])
    for span in histories.coverage:
        last.setdefault((span["source_account"], span["sync_id"]), span["covered_to"])
    return last


def observed_by(histories: Histories, until: datetime) -> tuple[Evidence, pl.LazyFrame]:
    """What is known at an instant."""
    done = {sync for sync, at in shown(histories).items() if at <= until}
    rows, spans = (
        [row for row in each if (row["source_account"], row["sync_id"]) in done]
        for each in (histories.rows, histories.coverage)
    )
    raw = pl.LazyFrame(rows, schema=RAW_RECORD.schema)
    return billing.decode(raw), pl.LazyFrame(spans, schema=COVERAGE.schema)


def without(every: Evidence, known: Evidence) -> Evidence:
    """The records that are not among those known."""
    return Evidence(
        *(
            every.frame(table).join(known.frame(table), on=table.key, how="anti", nulls_equal=True)
            for table in OBSERVED
        )
    )


def assert_equal(one: in_memory.Billing, other: in_memory.Billing) -> None:
    for name in in_memory.Billing.__slots__:
        assert_frame_equal(getattr(one, name), getattr(other, name))


@given(seed=seeds)
@settings(max_examples=6, phases=UNSHRUNK)
def test_a_night_says_what_folding_everything_says(seed: int) -> None:
    draw = random.Random(seed)
    histories = random_histories(draw, 4, KINDS)
    instants = sorted(set(shown(histories).values()))
    nights = sorted(draw.sample(instants, min(NIGHTS, len(instants))))
    known, covered = observed_by(histories, nights[0])
    told = in_memory.fold_evidence(known, covered)
    folded, held, last, share = 0, 0, told, billing.SHARE
    for instant in nights[1:]:
        evidence, coverage = observed_by(histories, instant)
        share = draw.choice((1, 50, billing.SHARE))
        night = in_memory.fold_night(
            told, known, without(evidence, known), covered, coverage, share=share
        )
        everything = in_memory.fold_evidence(evidence, coverage)
        assert_equal(night.billing, everything)
        assert_frame_equal(
            night.changes, in_memory.changes(told, everything), check_row_order=False
        )
        folded, held = folded + night.customers, held + everything.customer.height
        last, known, covered, told = told, evidence, coverage, night.billing
    anew = in_memory.read(billing.fold_all(last.before(), known, covered, share=share))
    assert_equal(anew.billing, told)
    assert_frame_equal(night.changes, anew.changes, check_row_order=False)
    assert folded <= held


@given(seed=seeds)
@settings(max_examples=3, phases=UNSHRUNK)
def test_customers_are_folded_in_groups_of_any_size(seed: int) -> None:
    draw = random.Random(seed)
    histories = random_histories(draw, 4, KINDS)
    evidence, coverage = observed_by(histories, histories.calendar.now)
    once = in_memory.fold_evidence(evidence, coverage)
    for together in (1, draw.randint(20, 400)):
        share = draw.choice((1, 100, billing.SHARE))
        assert_equal(once, in_memory.fold_evidence(evidence, coverage, together, share))
