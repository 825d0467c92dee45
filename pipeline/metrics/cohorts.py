"""Cohorts: accounts by the first month with closing MRR, and what became of them.

Belongs here: retained, expansion, NRR and GRR by age. Source of the rules: docs/method.md, "Cohorts".
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline.metrics.exchange import counted, require_rates, valued
from pipeline.metrics.figures import added, ratio
from pipeline.schemas import EXPANSION_COHORT


def cohorts(
    account_months: pl.LazyFrame, rates: pl.LazyFrame, months: Sequence[date]
) -> pl.DataFrame:
    """One row (EXPANSION_COHORT) per month of `months` and cohort that had begun by then, at that month's rates.

    Args:
        account_months: `month, account_id, currency, mrr_native` of the whole history, any number of rows per account
            and month (items, or already summed). With a column `mrr` (micro-units, at the month's own rates) the
            cohorts of a month sum exactly to its ending MRR; without it, to the nearest micro-unit a row.
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
    history = counted(account_months)
    wanted = pl.LazyFrame({"month": sorted(set(months))}, schema={"month": pl.Date})
    first = history.group_by("account_id").agg(cohort_month=pl.col("month").min())
    start = (
        history.join(first, on="account_id")
        .filter(pl.col("month") == pl.col("cohort_month"))
        .select("account_id", "cohort_month", "currency", "mrr_native")
        .join(wanted, how="cross")
        .filter(pl.col("cohort_month") <= pl.col("month"))
    )
    ending = history.join(wanted, on="month", how="semi")
    value_now = "mrr" if "mrr" in history.collect_schema() else None
    require_rates(
        pl.concat([start.select("month", "currency"), ending.select("month", "currency")]), rates
    )
    pairs = valued(start, rates, ["month", "account_id", "cohort_month"], "start").join(
        valued(ending, rates, ["month", "account_id"], "now", value_now),
        on=["month", "account_id"],
        how="left",
    )
    return _sums(pairs.with_columns(pl.col("now").fill_null(0))).collect()


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
    return pairs.group_by("month", "cohort_month").agg(
        accounts=pl.len().cast(pl.Int64),
        starting_mrr=start.sum(),
        retained_mrr=pl.min_horizontal("start", "now").sum(),
        expansion_mrr=(now - start).clip(lower_bound=0).sum(),
    )
