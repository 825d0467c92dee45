"""Cohorts by the first month with MRR, at each month's own rates."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import MissingMonth
from pipeline.metrics import cohorts
from pipeline.money import RATE_SCALE, convert
from pipeline.months import months_between
from pipeline.schemas import EXPANSION_COHORT

MONTHS = months_between(date(2026, 1, 1), date(2026, 4, 1))


def rates(eur: float = 1.1) -> pl.LazyFrame:
    rows = [(month, "usd", RATE_SCALE) for month in MONTHS]
    rows += [(month, "eur", int(eur * RATE_SCALE) + n) for n, month in enumerate(MONTHS)]
    return pl.LazyFrame(
        rows, schema={"month": pl.Date, "currency": pl.String, "rate": pl.Int64}, orient="row"
    )


def history(*rows: tuple[int, str, str, int]) -> pl.LazyFrame:
    listed = [(MONTHS[n], account, currency, mrr) for n, account, currency, mrr in rows]
    schema = {
        "month": pl.Date,
        "account_id": pl.String,
        "currency": pl.String,
        "mrr_native": pl.Int64,
    }
    return pl.LazyFrame(listed, schema=schema, orient="row")


def test_retained_and_expansion_are_per_account() -> None:
    frame = cohorts(
        history(
            (0, "grows", "usd", 100),
            (1, "grows", "usd", 150),
            (0, "shrinks", "usd", 100),
            (1, "shrinks", "usd", 60),
            (0, "leaves", "usd", 100),
            (1, "later", "usd", 40),
        ),
        rates(),
        MONTHS[:2],
    )
    assert frame.schema == EXPANSION_COHORT.schema
    columns = (
        "cohort_month",
        "age_months",
        "accounts",
        "starting_mrr",
        "retained_mrr",
        "expansion_mrr",
    )
    assert frame.select(columns).rows() == [
        (MONTHS[0], 0, 3, 300, 300, 0),
        (MONTHS[0], 1, 3, 300, 160, 50),
        (MONTHS[1], 0, 1, 40, 40, 0),
    ]
    aged = frame.row(1, named=True)
    assert (aged["nrr"], aged["grr"]) == (210 / 300, 160 / 300)


def test_a_rate_that_moves_is_no_expansion() -> None:
    frame = cohorts(
        history((0, "a", "eur", 100_000_000), (3, "a", "eur", 100_000_000)), rates(), [MONTHS[3]]
    )
    assert frame["expansion_mrr"].to_list() == [0]
    assert frame["nrr"].to_list() == [1.0]


def test_a_missing_rate_is_named() -> None:
    with pytest.raises(MissingMonth, match="for gbp in 2026-02"):
        cohorts(history((0, "a", "gbp", 1)), rates(), [MONTHS[1]])


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from("abc"),
            st.sampled_from(["usd", "eur"]),
            st.integers(0, 10**12),
        ),
        min_size=1,
    )
)
def test_the_cohorts_of_a_month_sum_to_its_ending_mrr(
    rows: list[tuple[int, str, str, int]],
) -> None:
    valued = (
        history(*rows)
        .join(rates(), on=["month", "currency"])
        .with_columns(mrr=convert(pl.col("mrr_native"), pl.col("rate")))
        .drop("rate")
    )
    frame = cohorts(valued, rates(), MONTHS)
    summed = frame.group_by("month").agg(
        found=pl.col("retained_mrr").sum() + pl.col("expansion_mrr").sum()
    )
    ending = valued.group_by("month").agg(expected=pl.col("mrr").sum()).collect()
    both = ending.join(summed, on="month", how="full", coalesce=True).fill_null(0)
    assert both.filter(pl.col("expected") != pl.col("found")).is_empty()
