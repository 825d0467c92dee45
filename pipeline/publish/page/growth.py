"""How fast cohorts grow, as the page shows it: the cohorts of twelve months together, so that years compare.

Belongs here: putting cohorts together. Words for it are in
`growth_words`. Money is in major units of the reporting currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipeline.months import add_months

Row = Mapping[Any, Any]
YEAR, YEARS = 12, 4
HALF = 0.5
FEW = 10
"""Accounts under which a share is not shown."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An age that some cohorts have reached.

    Attributes:
        accounts: accounts of the cohorts that are so old.
        share: how many of all accounts had expanded by that age, estimated after Kaplan and Meier.
    """

    accounts: int
    share: float


@dataclass(frozen=True, slots=True)
class Year:
    """The cohorts of twelve months together.

    Attributes:
        first: their first month.
        last: their last month.
        accounts: accounts of all of them.
        by_age: age in months -> how many had expanded by then.
        half: months until half had expanded; null while half has not.
        early_accounts: accounts of the cohorts that are three months old.
        early_rate: their expansion MRR of the first 90 days by what they began with.
        year_two_rate: expansion of the second year by the MRR at its beginning, of cohorts that are two years old.
        year_two_nrr: NRR of the second year, of the same.
    """

    first: date
    last: date
    accounts: int
    by_age: Mapping[int, Reached]
    half: int | None
    early_accounts: int
    early_rate: float | None
    year_two_rate: float | None
    year_two_nrr: float | None


def growth(known: Sequence[Row], month: date) -> tuple[Year, ...]:
    """The cohorts of the last four years as of the end of `month`, latest first; years without any are left out.

    Args:
        known: rows of COHORT_GROWTH, of any months.
        month: whose page it is.
    """
    first = add_months(month, 1 - YEAR * YEARS)
    rows = [row for row in known if row["cohort_month"] >= first and row["month"] <= month]
    if not any(row["month"] == month for row in rows):
        return ()
    lasts = [add_months(month, -YEAR * number) for number in range(YEARS)]
    years = [_year(rows, month, last) for last in lasts]
    return tuple(year for year in years if year is not None)


def compared(years: Sequence[Year], month: date) -> tuple[Year | None, Year | None]:
    """The cohorts of the twelve months to `month`, and those of the twelve before; null where there are none."""
    by_last = {each.last: each for each in years}
    return by_last.get(month), by_last.get(add_months(month, -YEAR))


def enough(year: Year, age: int) -> bool:
    """Whether enough accounts are so old that a share says something."""
    return age in year.by_age and year.by_age[age].accounts >= FEW


def _year(rows: Sequence[Row], month: date, last: date) -> Year | None:
    first = add_months(last, 1 - YEAR)
    own = [row for row in rows if first <= row["cohort_month"] <= last]
    now = [row for row in own if row["month"] == month]
    if not now:
        return None
    by_age = _by_age(own)
    early = [row for row in now if row["early_expansion_mrr"] is not None]
    two = [row for row in now if row["year_two_starting_mrr"] is not None]
    kept = _sum(two, "year_two_retained_mrr") + _sum(two, "year_two_expansion_mrr")
    return Year(
        first=first,
        last=last,
        accounts=sum(row["accounts"] for row in now),
        by_age=by_age,
        half=next((age for age, it in by_age.items() if it.share >= HALF), None),
        early_accounts=sum(row["accounts"] for row in early),
        early_rate=_ratio(_sum(early, "early_expansion_mrr"), _sum(early, "starting_mrr")),
        year_two_rate=_ratio(
            _sum(two, "year_two_expansion_mrr"), _sum(two, "year_two_starting_mrr")
        ),
        year_two_nrr=_ratio(kept, _sum(two, "year_two_starting_mrr")),
    )


def _by_age(rows: Sequence[Row]) -> dict[int, Reached]:
    """How many had expanded by age, up to the first age of which nothing is known.

    Younger cohorts tell of their first months only. So the share that expands at an age, of those that had not before,
    is taken from the cohorts that have reached it, and the shares are multiplied: the estimator of Kaplan and Meier.
    """
    by_age: dict[int, list[Row]] = {}
    for row in rows:
        at, begun = row["month"], row["cohort_month"]
        by_age.setdefault((at.year - begun.year) * YEAR + at.month - begun.month, []).append(row)
    found: dict[int, Reached] = {}
    before = {row["cohort_month"]: 0 for row in rows}
    waiting, age = 1.0, 1
    while same := [row for row in by_age.get(age, ()) if row["cohort_month"] in before]:
        accounts = sum(row["accounts"] for row in same)
        had = sum(before[row["cohort_month"]] for row in same)
        have = sum(row["expanded_accounts"] for row in same)
        waiting *= (accounts - have) / (accounts - had) if accounts > had else 1.0
        found[age] = Reached(accounts, round(1 - waiting, 9))
        before = {row["cohort_month"]: row["expanded_accounts"] for row in same}
        age += 1
    return found


def _sum(rows: Sequence[Row], column: str) -> float:
    return float(sum(row[column] for row in rows))


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None
