"""The first month at whose end a customer had MRR is the first of its snapshots that has some."""

import random

import polars as pl
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from pipeline import mrr
from tests.history.test_properties import UNSHRUNK, random_histories, seeds


@given(seed=seeds)
@settings(max_examples=4, phases=UNSHRUNK)
def test_it_is_that_of_the_snapshots(seed: int) -> None:
    histories = random_histories(random.Random(seed), 4, ("often", "once"))
    book, calendar, policy = histories.book(), histories.calendar, mrr.Policy()
    months = calendar.months
    first = mrr.first_months(mrr.worth(book, policy), calendar, months).collect()
    paying = mrr.snapshot(book, calendar, months, policy).filter(pl.col("mrr") > 0)
    expected = paying.group_by("customer_id").agg(first_paid_month=pl.col("month").min())
    assert first.height
    assert_frame_equal(first, expected.collect(), check_row_order=False)
