"""Months taken in parts say what all at once say, and what items are worth is cut into spans that do not overlap."""

import random
from functools import cache

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import mrr
from pipeline.months import add_months
from pipeline.schemas import MRR_ITEM_MOVEMENT, MRR_MOVEMENT, MRR_MOVEMENT_COMPONENT
from tests.history.records import Histories
from tests.history.test_properties import random_histories

ITEM = "subscription_item_id"
POLICIES = {
    "default": mrr.Policy(),
    "late and asked": mrr.Policy(past_due="exclude", past_due_days=9, cancellation="request"),
    "by day": mrr.Policy(usage="per_day", paused="count", reactivation="new", reactivation_days=30),
}


@cache
def lived() -> Histories:
    return random_histories(random.Random(17), 12)


@cache
def valued(policy: str) -> mrr.Valued:
    return mrr.Valued.of(lived().book(), POLICIES[policy])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("rows", [1, 60])
def test_parts_say_what_all_at_once_say(policy: str, rows: int) -> None:
    calendar, months = lived().calendar, lived().months
    spans = valued(policy).spans.lazy()
    parts = list(mrr.parts(spans, calendar, months, rows))
    assert [month for part in parts for month in part] == list(months)
    assert len(parts) > 1
    whole = mrr.moved(valued(policy), calendar, months)
    found = [mrr.moved(valued(policy), calendar, part) for part in parts]
    for name in mrr.Movements.__slots__:
        together = pl.concat(getattr(each, name) for each in found)
        assert_frame_equal(
            *(each.sort("month", maintain_order=True) for each in (together, getattr(whole, name)))
        )
    rates = lived().book().fx_rate
    snapshots = [
        mrr.snapshot_of(spans, rates, calendar, part, POLICIES[policy]).collect() for part in parts
    ]
    expected = mrr.snapshot(lived().book(), calendar, months, POLICIES[policy]).collect()
    assert_frame_equal(pl.concat(snapshots), expected)


@pytest.mark.parametrize("policy", POLICIES)
def test_shares_of_accounts_say_what_all_together_say(policy: str) -> None:
    calendar, months, book = lived().calendar, lived().months, lived().book()
    of = mrr.shares(book, spans=40)
    assert of > 2
    shares = [book.share(number, of) for number in range(of)]
    whole = mrr.moved(valued(policy), calendar, months)
    found = [mrr.moved(mrr.Valued.of(each, POLICIES[policy]), calendar, months) for each in shares]
    for name, key in {
        "movement": MRR_MOVEMENT.key,
        "item_movement": MRR_ITEM_MOVEMENT.key,
        "component": MRR_MOVEMENT_COMPONENT.key,
    }.items():
        together = pl.concat(getattr(each, name) for each in found)
        assert together.height > 0
        assert_frame_equal(together.sort(key), getattr(whole, name).sort(key))


@pytest.mark.parametrize("policy", POLICIES)
def test_an_item_is_worth_one_thing_at_a_time(policy: str) -> None:
    spans = valued(policy).spans.sort(ITEM, "valid_from")
    following = spans.with_columns(next=pl.col("valid_from").shift(-1).over(ITEM)).drop_nulls(
        "next"
    )
    assert following.height > 0
    assert following.filter(
        pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("next"))
    ).is_empty()


def test_a_part_has_at_least_a_month_and_a_small_company_is_one_part() -> None:
    calendar, months = lived().calendar, lived().months
    spans = valued("default").spans.lazy()
    assert list(mrr.parts(spans, calendar, months)) == [list(months)]
    assert list(mrr.parts(spans, calendar, [])) == []
    assert [len(part) for part in mrr.parts(spans, calendar, months, 0)] == [1] * len(months)


@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_month_needs_is_enough_for_it(policy: str) -> None:
    calendar, months, book = lived().calendar, lived().months, lived().book()
    found, before = valued(policy), 0
    for month in months:
        since = calendar.boundary(add_months(month, -3))
        needed = mrr.Valued.of(book, POLICIES[policy], since)
        before += needed.older.len()
        for name in mrr.Movements.__slots__:
            one, other = (
                getattr(mrr.moved(each, calendar, [month], (1, 3)), name)
                for each in (needed, found)
            )
            assert_frame_equal(one, other)
        one, other = (mrr.within(each, calendar, [month]) for each in (needed, found))
        assert_frame_equal(one, other)
        one, other = (
            mrr.snapshot_of(
                each.spans.lazy(), book.fx_rate, calendar, [month], POLICIES[policy]
            ).collect()
            for each in (needed, found)
        )
        assert_frame_equal(one, other)
    assert before > 0
