"""Growth of cohorts: how long until accounts expand, how much in the first 90 days, what year two brings.

Belongs here: one row an account of its whole history, and the cohorts that they make. Retention by age is in `cohorts`.
Source of the rules: docs/method.md, "Growth of cohorts".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.metrics.exchange import counted, require_rates
from pipeline.metrics.figures import added, ratio
from pipeline.money import convert
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
        account_months: `month, account_id, currency, mrr_native` of the whole history, any number of rows per account
            and month (items, or already summed). With a column `mrr` (micro-units, at the month's own rates) it is
            taken for the value at the month's end.
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
    history = (
        counted(account_months)
        .filter(pl.col("month") <= last)
        .with_columns(number=_number("month"))
    )
    rated = rates.filter(pl.col("month") <= last).select(
        "currency", "rate", "month", number=_number("month")
    )
    _require(history, rated, last)
    ends = (
        _ends(history, rated, "mrr" if "mrr" in history.collect_schema() else None).collect().lazy()
    )
    born = ends.group_by("account_id").agg(born=pl.col("number").min()).collect().lazy()
    accounts = _accounts(ends, born, _grown(ends, born), _year_two(ends, history, rated, born))
    return Growth(*pl.collect_all([_sums(accounts), _ages(accounts)]))


def cohort_growth_of(parts: Sequence[Growth], months: Sequence[date]) -> pl.DataFrame:
    """The growth of cohorts (COHORT_GROWTH) in `months` of all accounts of `parts`; an account is in one of them."""
    sums = added([each.sums for each in parts], ["born"])
    ages = added([each.ages for each in parts], ["born", "first_expansion"])
    return _rows(sums.lazy(), _by_then(ages.lazy()), months)


def _number(column: str) -> pl.Expr:
    """Months counted through the years, so that neighbours differ by one."""
    when = pl.col(column)
    return when.dt.year().cast(pl.Int32) * 12 + when.dt.month().cast(pl.Int32) - 1


def _require(history: pl.LazyFrame, rated: pl.LazyFrame, last: date) -> None:
    """A currency needs the rate of each month that it is held in, and of the month after."""
    held = history.select("month", "currency").unique()
    after = held.with_columns(pl.col("month").dt.offset_by("1mo")).filter(pl.col("month") <= last)
    require_rates(pl.concat([held, after]), rated)


def _ends(history: pl.LazyFrame, rated: pl.LazyFrame, value: str | None) -> pl.LazyFrame:
    """One row per account and month with MRR: `now` at its rates, `carried` at those of the month after."""
    native = pl.col("mrr_native")
    here = rated.select("number", "currency", "rate")
    after = rated.select(pl.col("number") - 1, "currency", after="rate")
    key = ["number", "currency"]
    priced = history.join(after, on=key, how="left")
    if value is None:
        priced = priced.join(here, on=key, how="left")
    now = pl.col(value) if value else convert(native, pl.col("rate"))
    return priced.group_by("account_id", "number").agg(
        now=now.sum(), carried=convert(native, pl.col("after")).sum()
    )


def _grown(ends: pl.LazyFrame, born: pl.LazyFrame) -> pl.LazyFrame:
    """One row per account that ever expanded: age of its first expansion, expansion MRR of its early months."""
    before = pl.col("carried").shift(1)
    follows = (pl.col("account_id") == pl.col("account_id").shift(1)) & (
        pl.col("number") == pl.col("number").shift(1) + 1
    )
    age = pl.col("number") - pl.col("born")
    return (
        ends.sort("account_id", "number")
        .with_columns(grown=pl.col("now") - before, grew=follows & (before > 0))
        .filter(pl.col("grew") & (pl.col("grown") > 0))
        .join(born, on=ACCOUNT)
        .group_by("account_id")
        .agg(first_expansion=age.min(), early=pl.col("grown").filter(age <= EARLY).sum())
    )


def _year_two(
    ends: pl.LazyFrame, history: pl.LazyFrame, rated: pl.LazyFrame, born: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per account with MRR at the age of 12 months: that and its MRR at 24, at the rates of the latter."""
    later = rated.select("currency", "rate", number=pl.col("number") - (YEAR_TWO - YEAR_ONE))
    opening = (
        history.join(born, on=ACCOUNT)
        .filter(pl.col("number") == pl.col("born") + YEAR_ONE)
        .join(later, on=["number", "currency"])
        .group_by("account_id")
        .agg(opening=convert(pl.col("mrr_native"), pl.col("rate")).sum())
    )
    closing = (
        ends.join(born, on=ACCOUNT)
        .filter(pl.col("number") == pl.col("born") + YEAR_TWO)
        .select("account_id", closing="now")
    )
    return opening.join(closing, on=ACCOUNT, how="left")


def _accounts(
    ends: pl.LazyFrame, born: pl.LazyFrame, grown: pl.LazyFrame, year_two: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per account: when it was born, what it began with, and how it grew."""
    start = ends.join(born, left_on=["account_id", "number"], right_on=["account_id", "born"])
    return (
        start.select("account_id", born="number", start="now")
        .join(grown, on=ACCOUNT, how="left")
        .join(year_two, on=ACCOUNT, how="left")
        .with_columns(pl.col("early", "opening", "closing").fill_null(0))
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
    age = _number("month") - pl.col("born")
    begun = (
        wanted.join(sums, how="cross")
        .with_columns(age=age)
        .filter(pl.col("age") >= 0)
        .with_columns(
            cohort_month=pl.date(pl.col("born") // 12, pl.col("born") % 12 + 1, 1),
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
