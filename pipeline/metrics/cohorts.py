"""Cohorts: accounts by the first month with closing MRR, and what became of them.

Belongs here: retained, expansion, NRR and GRR by age. Source of the rules: docs/method.md, "Cohorts".
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline.metrics.exchange import held, month_of, number_of, rates_of, require_rates, worth
from pipeline.metrics.figures import added, ratio
from pipeline.schemas import EXPANSION_COHORT


def cohorts(
    account_months: pl.LazyFrame, rates: pl.LazyFrame, months: Sequence[date]
) -> pl.DataFrame:
    """One row (EXPANSION_COHORT) per month of `months` and cohort that had begun by then, at that month's rates.

    Args:
        account_months: the whole history, as `exchange.held` takes it. The cohorts of a month sum to its ending MRR,
            exactly where rows are items, to the nearest micro-unit a row where they are sums.
        rates: FX_RATE of `months`.
        months: the months to compute.

    Raises:
        MissingMonth: a currency has no rate in one of the months.
    """
    return cohorts_of([cohort_sums(account_months, rates, months)])


def cohort_sums(
    account_months: pl.LazyFrame, rates: pl.LazyFrame, months: Sequence[date]
) -> pl.DataFrame:
    """What `cohorts` are made of, of some accounts: one row per month and cohort, to which those of others add."""
    history = held(account_months)
    rated = rates_of(rates)
    wanted = pl.LazyFrame({"month": sorted(set(months))}, schema={"month": pl.Date}).select(
        number=number_of("month")
    )
    born = history.group_by("account_id").agg(born=pl.col("first").min())
    begun = history.join(born, on="account_id").filter(pl.col("first") == pl.col("born"))
    start = (
        begun.select("account_id", "born", "currency", "mrr_native")
        .join(wanted, how="cross")
        .filter(pl.col("born") <= pl.col("number"))
    )
    ending = _at(history, wanted)
    require_rates(pl.concat([rows.select("number", "currency") for rows in (start, ending)]), rated)
    pairs = worth(start, rated, ["number", "account_id", "born"], "start").join(
        worth(ending, rated, ["number", "account_id"], "now"),
        on=["number", "account_id"],
        how="left",
    )
    return _sums(pairs.with_columns(pl.col("now").fill_null(0))).collect()


def _at(history: pl.LazyFrame, wanted: pl.LazyFrame) -> pl.LazyFrame:
    """The spans of `held` in each of the months `wanted` that they hold in, as `number`."""
    first, last = (
        wanted.select(first=pl.col("number").min(), last=pl.col("number").max()).collect().row(0)
    )
    within = pl.int_ranges(
        pl.max_horizontal("first", pl.lit(first)), pl.min_horizontal("stop", pl.lit(last) + 1)
    )
    return (
        history.with_columns(number=within)
        .explode("number", empty_as_null=False, keep_nulls=False)
        .join(wanted, on="number", how="semi")
    )


def cohorts_of(sums: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The cohorts (EXPANSION_COHORT) of all accounts of `sums`; an account is in one of them."""
    start = pl.col("starting_mrr")
    age = (pl.col("month").dt.year() - pl.col("cohort_month").dt.year()).cast(pl.Int64) * 12 + (
        pl.col("month").dt.month().cast(pl.Int64) - pl.col("cohort_month").dt.month().cast(pl.Int64)
    )
    rows = added(sums, ["month", "cohort_month"]).with_columns(
        age_months=age,
        nrr=ratio(pl.col("retained_mrr") + pl.col("expansion_mrr"), start),
        grr=ratio(pl.col("retained_mrr"), start),
    )
    return EXPANSION_COHORT.conform(rows.lazy()).sort(EXPANSION_COHORT.key).collect()


def _sums(pairs: pl.LazyFrame) -> pl.LazyFrame:
    start, now = pl.col("start"), pl.col("now")
    cohort = pairs.with_columns(month=month_of("number"), cohort_month=month_of("born"))
    return cohort.group_by("month", "cohort_month").agg(
        accounts=pl.len().cast(pl.Int64),
        starting_mrr=start.sum(),
        retained_mrr=pl.min_horizontal("start", "now").sum(),
        expansion_mrr=(now - start).clip(lower_bound=0).sum(),
    )
