"""Growth of cohorts: how long until accounts expand, how much in the first 90 days, what year two brings.

Belongs here: one row an account of its whole history, and the cohorts that they make. Retention by age is in `cohorts`.
Source of the rules: docs/method.md, "Growth of cohorts".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.metrics.exchange import (
    held,
    month_of,
    number_of,
    rates_of,
    require_rates,
    worth,
)
from pipeline.metrics.figures import added, ratio
from pipeline.schemas import COHORT_GROWTH

EARLY = 3
"""Months of the first 90 days."""
YEAR_ONE, YEAR_TWO = 12, 24
"""Ages at which year two begins and ends."""
ACCOUNT = ["account_id"]


def cohort_growth(
    account_months: pl.LazyFrame, rates: pl.LazyFrame, months: Sequence[date]
) -> pl.DataFrame:
    """One row (COHORT_GROWTH) per month of `months` and cohort that had begun by then.

    An account expands in a month when its MRR at the month's end is over that of the month before, and that was over
    zero, both at the month's rates. A row rests on the months up to its own only.

    Args:
        account_months: the whole history, as `exchange.held` takes it.
        rates: FX_RATE of every month of the history.
        months: the months to compute.

    Raises:
        MissingMonth: a currency has no rate in a month of the history in which it is needed.
    """
    return cohort_growth_of([growth_sums(account_months, rates, months)], months)


@dataclass(frozen=True, slots=True)
class Growth:
    """What COHORT_GROWTH is made of, of some accounts; that of others adds to it.

    Attributes:
        sums: one row per cohort, as if it had every age.
        ages: one row per cohort and age at which accounts of it expanded for the first time.
    """

    sums: pl.DataFrame
    ages: pl.DataFrame


def growth_sums(
    account_months: pl.LazyFrame, rates: pl.LazyFrame, months: Sequence[date]
) -> Growth:
    """The sums of `cohort_growth` over some accounts, with their whole history."""
    last = max(months, default=date.min)
    until = last.year * 12 + last.month
    history = (
        held(account_months)
        .filter(pl.col("first") < until)
        .with_columns(pl.min_horizontal("stop", pl.lit(until)))
        .collect()
        .lazy()
    )
    rated = rates_of(rates).filter(pl.col("number") < until).collect().lazy()
    require_rates(_needed(history, until), rated)
    born = history.group_by("account_id").agg(born=pl.col("first").min()).collect().lazy()
    accounts = _accounts(history, rated, born, _grown(history, rated, born, until))
    return Growth(*pl.collect_all([_sums(accounts), _ages(accounts)]))


def cohort_growth_of(parts: Sequence[Growth], months: Sequence[date]) -> pl.DataFrame:
    """The growth of cohorts (COHORT_GROWTH) in `months` of all accounts of `parts`; an account is in one of them."""
    sums = added([each.sums for each in parts], ["born"])
    ages = added([each.ages for each in parts], ["born", "first_expansion"])
    return _rows(sums.lazy(), _by_then(ages.lazy()), months)


def _needed(history: pl.LazyFrame, until: int) -> pl.LazyFrame:
    """A currency needs the rate of each month that it is held in, and of the month after."""
    after = pl.min_horizontal(pl.col("stop") + 1, pl.lit(until))
    return (
        history.select("currency", "first", "stop")
        .unique()
        .select("currency", number=pl.int_ranges("first", after))
        .explode("number")
    )


def _at(history: pl.LazyFrame, rated: pl.LazyFrame, cases: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The MRR of accounts as `name`, one row per case with any.

    Args:
        history: `held`.
        rated: `rates_of`.
        cases: account_id, the month `at` that is asked for, and the month at whose rates (`number`).
        name: the column of the sum.
    """
    there = history.join(cases, on=ACCOUNT).filter(
        pl.col("first") <= pl.col("at"), pl.col("stop") > pl.col("at")
    )
    return worth(there, rated, ["account_id", "number"], name)


def _grown(
    history: pl.LazyFrame, rated: pl.LazyFrame, born: pl.LazyFrame, until: int
) -> pl.LazyFrame:
    """One row per account that ever expanded: age of its first expansion, expansion MRR of its early months.

    What goes on is worth the same at both ends, at the month's rates: an account grows by what begins less what ends.
    """
    named = ("account_id", "currency")
    edges = pl.concat(
        [
            history.select(*named, "mrr_native", number="first"),
            history.filter(pl.col("stop") < until).select(
                *named, -pl.col("mrr_native"), number="stop"
            ),
        ]
    )
    grown = (
        worth(edges, rated, ["account_id", "number"], "grown")
        .filter(pl.col("grown") > 0)
        .join(born, on=ACCOUNT)
        .filter(pl.col("number") > pl.col("born"))
        .collect()
        .lazy()
    )
    age = pl.col("number") - pl.col("born")
    # Who was there before is looked up for the early months and the first; for the others only after a comeback.
    first = pl.col("number") == pl.col("number").min().over("account_id")
    likely, others = (
        grown.filter(asked).collect().lazy()
        for asked in ((age <= EARLY) | first, (age > EARLY) & ~first)
    )
    sure = _who_were_there(history, rated, likely).collect().lazy()
    rest = others.join(sure, on=ACCOUNT, how="anti")
    return (
        pl.concat([sure, _who_were_there(history, rated, rest)])
        .group_by("account_id")
        .agg(first_expansion=age.min(), early=pl.col("grown").filter(age <= EARLY).sum())
    )


def _who_were_there(
    history: pl.LazyFrame, rated: pl.LazyFrame, grown: pl.LazyFrame
) -> pl.LazyFrame:
    """Those of `grown` (account_id, number) that had MRR the month before, at the rates of the month."""
    cases = grown.select("account_id", "number", at=pl.col("number") - 1)
    before = _at(history, rated, cases, "before").filter(pl.col("before") > 0)
    return grown.join(before, on=["account_id", "number"], how="semi")


def _accounts(
    history: pl.LazyFrame, rated: pl.LazyFrame, born: pl.LazyFrame, grown: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per account: when it was born, what it began with, how it grew, and its MRR at both ends of year two."""

    def aged(name: str, age: int, rates_at: int) -> pl.LazyFrame:
        """The MRR at an age, at the rates of another."""
        number = pl.col("born")
        cases = born.select("account_id", at=number + age, number=number + rates_at)
        return _at(history, rated, cases, name).drop("number")

    return (
        born.join(aged("start", 0, 0), on=ACCOUNT)
        .join(grown, on=ACCOUNT, how="left")
        .join(aged("opening", YEAR_ONE, YEAR_TWO), on=ACCOUNT, how="left")
        .join(aged("closing", YEAR_TWO, YEAR_TWO), on=ACCOUNT, how="left")
        .with_columns(
            pl.col("early", "opening").fill_null(0),
            # Who comes back after a year has no part in year two.
            closing=pl.when(pl.col("opening").is_not_null()).then("closing").fill_null(0),
        )
    )


def _sums(accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row per cohort, as if it had every age."""
    opening, closing = pl.col("opening"), pl.col("closing")
    return accounts.group_by("born").agg(
        accounts=pl.len().cast(pl.Int64),
        starting_mrr=pl.col("start").sum(),
        early_accounts=(pl.col("first_expansion") <= EARLY).sum().cast(pl.Int64),
        early_expansion_mrr=pl.col("early").sum(),
        year_two_starting_mrr=opening.sum(),
        year_two_expansion_mrr=(closing - opening).clip(lower_bound=0).sum(),
        year_two_retained_mrr=pl.min_horizontal(opening, closing).sum(),
    )


def _ages(accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row per cohort and age at which an account of it expanded for the first time: how many did then."""
    return (
        accounts.filter(pl.col("first_expansion").is_not_null())
        .group_by("born", "first_expansion")
        .agg(count=pl.len().cast(pl.Int64))
    )


def _by_then(ages: pl.LazyFrame) -> pl.LazyFrame:
    """`_ages` with the number of accounts that have expanded by that age."""
    return ages.sort("born", "first_expansion").with_columns(
        by_then=pl.col("count").cum_sum().over("born")
    )


def _rows(sums: pl.LazyFrame, ages: pl.LazyFrame, months: Sequence[date]) -> pl.DataFrame:
    wanted = pl.LazyFrame({"month": sorted(set(months))}, schema={"month": pl.Date})
    age = number_of("month") - pl.col("born")
    begun = (
        wanted.join(sums, how="cross")
        .with_columns(age=age)
        .filter(pl.col("age") >= 0)
        .with_columns(
            cohort_month=month_of("born"),
            **{
                name: pl.when(pl.col("age") >= least).then(name)
                for least, part in ((EARLY, "early_"), (YEAR_TWO, "year_two_"))
                for name in COHORT_GROWTH.names
                if name.startswith(part) and COHORT_GROWTH.column(name).kind != "ratio"
            },
        )
    )
    half = pl.col("first_expansion").filter(pl.col("by_then") * 2 >= pl.col("accounts"))
    expanded = (
        begun.select("month", "born", "age", "accounts")
        .join(ages, on="born")
        .filter(pl.col("first_expansion") <= pl.col("age"))
        .group_by("month", "born")
        .agg(expanded_accounts=pl.col("count").sum(), median_months_to_expansion=half.min())
    )
    starting = pl.col("year_two_starting_mrr")
    kept = pl.col("year_two_retained_mrr") + pl.col("year_two_expansion_mrr")
    rows = begun.join(expanded, on=["month", "born"], how="left").with_columns(
        pl.col("expanded_accounts").fill_null(0),
        early_expansion_rate=ratio(pl.col("early_expansion_mrr"), pl.col("starting_mrr")),
        year_two_expansion_rate=ratio(pl.col("year_two_expansion_mrr"), starting),
        year_two_nrr=ratio(kept, starting),
    )
    return COHORT_GROWTH.conform(rows).sort(COHORT_GROWTH.key).collect()
