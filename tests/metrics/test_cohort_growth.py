"""Growth of cohorts against a plain count, account by account and month by month."""

from collections import defaultdict
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.errors import MissingMonth
from pipeline.metrics import cohort_growth, cohorts
from pipeline.money import RATE_SCALE
from pipeline.months import add_months, months_between
from pipeline.schemas import COHORT_GROWTH

FIRST = date(2025, 11, 1)
MONTHS = months_between(FIRST, add_months(FIRST, 27))
EUR = tuple(RATE_SCALE + (n * 37 % 11 - 5) * RATE_SCALE // 100 for n in range(len(MONTHS)))
"""One euro in dollars, up and down."""
SCHEMA = {
    "month": pl.Date,
    "account_id": pl.String,
    "currency": pl.String,
    "mrr_native": pl.Int64,
}
Row = tuple[int, str, str, int]


def rates() -> pl.LazyFrame:
    rows = [(month, "usd", RATE_SCALE) for month in MONTHS]
    rows += [(month, "eur", rate) for month, rate in zip(MONTHS, EUR, strict=True)]
    schema = {"month": pl.Date, "currency": pl.String, "rate": pl.Int64}
    return pl.LazyFrame(rows, schema=schema, orient="row")


def history(*rows: Row) -> pl.LazyFrame:
    listed = [(MONTHS[n], account, currency, mrr) for n, account, currency, mrr in rows]
    return pl.LazyFrame(listed, schema=SCHEMA, orient="row")


def spans(rows: list[Row]) -> pl.LazyFrame:
    """`history` with the months that follow each other with the same amount as one row."""
    found: list[list[Any]] = []
    for number, *what in sorted(rows, key=lambda row: (*row[1:], row[0])):
        if found and found[-1][:3] == what and found[-1][4] == number:
            found[-1][4] += 1
        else:
            found.append([*what, number, number + 1])
    return pl.LazyFrame(
        [(*what, MONTHS[first], add_months(MONTHS[0], stop)) for *what, first, stop in found],
        schema={
            "account_id": pl.String,
            "currency": pl.String,
            "mrr_native": pl.Int64,
            "month": pl.Date,
            "stop": pl.Date,
        },
        orient="row",
    )


def steady(account: str, *amounts: int, since: int = 0, currency: str = "usd") -> list[Row]:
    """One amount a month."""
    return [(since + n, account, currency, amount) for n, amount in enumerate(amounts)]


def at(frame: pl.DataFrame, month: int, cohort: int = 0) -> dict[str, Any]:
    found = frame.filter(month=MONTHS[month], cohort_month=MONTHS[cohort])
    return found.row(0, named=True)


def test_half_of_the_cohort_decides_the_median() -> None:
    rows = [
        *steady("early", 100, 120, 130, 140, 150),
        *steady("late", 100, 100, 100, 90, 95),
        *steady("never", 100, 100, 100, 100, 100),
        *steady("left", 100),
        *steady("other", 100, 110, since=1),
    ]
    frame = cohort_growth(history(*rows), rates(), MONTHS[:5])
    assert frame.schema == COHORT_GROWTH.schema
    assert at(frame, 3)["expanded_accounts"] == 1
    assert at(frame, 3)["median_months_to_expansion"] is None
    assert at(frame, 4)["expanded_accounts"] == 2
    assert at(frame, 4)["median_months_to_expansion"] == 4.0
    assert at(frame, 4, 1)["median_months_to_expansion"] == 1.0


def test_the_first_ninety_days_are_three_months_each_step_once() -> None:
    rows = steady("a", 100, 150, 120, 160, 500)
    frame = cohort_growth(history(*rows, *steady("b", 300, 300, 300, 300, 400)), rates(), MONTHS)
    assert at(frame, 2)["early_expansion_mrr"] is None
    assert at(frame, 2)["early_accounts"] is None
    assert at(frame, 3)["early_expansion_mrr"] == 50 + 40
    assert at(frame, 3)["early_accounts"] == 1
    assert at(frame, 9)["early_expansion_rate"] == 90 / 400


def test_who_comes_back_has_not_expanded_and_who_changes_currency_may_have() -> None:
    away = [*steady("away", 100), *steady("away", 300, 310, since=2)]
    eur = EUR[1]
    moved = [(0, "moved", "usd", 1_000_000), (1, "moved", "eur", 1_000_000)]
    frame = cohort_growth(history(*away), rates(), MONTHS[:4])
    assert at(frame, 2)["expanded_accounts"] == 0
    assert at(frame, 3)["expanded_accounts"] == 1
    assert at(frame, 3)["early_expansion_mrr"] == 10
    found = cohort_growth(history(*moved), rates(), MONTHS[1:2])
    assert found["expanded_accounts"].to_list() == [int(eur > RATE_SCALE)]


def test_a_rate_that_moves_is_no_expansion() -> None:
    rows = steady("a", *[777_777_777] * 28, currency="eur")
    last = at(cohort_growth(history(*rows), rates(), MONTHS), 27)
    assert (last["expanded_accounts"], last["year_two_nrr"]) == (0, 1.0)


def test_year_two_is_of_those_who_had_mrr_after_one() -> None:
    rows = [
        (0, "grows", "usd", 100), (12, "grows", "usd", 100), (24, "grows", "usd", 150),
        (0, "shrinks", "usd", 100), (12, "shrinks", "usd", 200), (24, "shrinks", "usd", 120),
        (0, "leaves", "usd", 100), (12, "leaves", "usd", 80),
        (0, "returns", "usd", 100), (24, "returns", "usd", 900),
    ]  # fmt: skip
    frame = cohort_growth(history(*rows), rates(), MONTHS)
    assert at(frame, 23)["year_two_starting_mrr"] is None
    assert at(frame, 23)["year_two_nrr"] is None
    last = at(frame, 24)
    assert last["year_two_starting_mrr"] == 380
    assert last["year_two_expansion_mrr"] == 50
    assert last["year_two_retained_mrr"] == 100 + 120
    assert last["year_two_expansion_rate"] == 50 / 380
    assert last["year_two_nrr"] == 270 / 380


def test_a_missing_rate_is_named() -> None:
    with pytest.raises(MissingMonth, match="for gbp in 2025-12"):
        cohort_growth(history((1, "a", "gbp", 1)), rates(), [MONTHS[1]])


def test_nothing_gives_no_rows() -> None:
    assert cohort_growth(history(), rates(), MONTHS).is_empty()
    for table in (cohort_growth, cohorts):
        assert table(history((0, "a", "usd", 1)), rates(), []).is_empty()
        assert table(history((1, "a", "usd", 1)), rates(), [MONTHS[0]]).is_empty()


# One account: stretches of months with an amount in a currency, gaps between them.
stretches = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["usd", "eur"]),
        st.sampled_from([0, 1, 99_999_999, 100_000_000, 100_000_001, 250_000_000]),
    ),
    min_size=1,
    max_size=6,
)
companies = st.dictionaries(st.sampled_from("abcdef"), stretches, min_size=1)


def told(company: dict[str, list[tuple[int, str, int]]], *, twice: bool = True) -> list[Row]:
    """The company's rows; every second month of an account is two rows, as of two items."""
    rows: list[Row] = []
    for account, parts in company.items():
        amounts = [(currency, amount) for length, currency, amount in parts for _ in range(length)]
        for number, (currency, amount) in enumerate(amounts[: len(MONTHS)]):
            rows.append((number, account, currency, amount))
            if twice and number % 2:
                rows.append((number, account, "eur", amount // 3))
    return rows


def counted(rows: list[Row], upto: int) -> dict[int, dict[str, Any]]:
    """The same by counting: cohort -> its row in the month `upto`."""
    native: dict[str, dict[int, list[tuple[str, int]]]] = defaultdict(lambda: defaultdict(list))
    for number, account, currency, amount in rows:
        if amount and number <= upto:
            native[account][number].append((currency, amount))
    found: dict[int, dict[str, Any]] = {}
    for held in native.values():
        born = min(held)
        age = upto - born
        row = found.setdefault(
            born, {"n": 0, "start": 0, "firsts": [], "early": 0, "open": 0, "up": 0, "kept": 0}
        )
        row["n"] += 1
        row["start"] += worth(held, born, born)
        steps = {
            n - born: worth(held, n, n) - worth(held, n - 1, n)
            for n in range(born + 1, upto + 1)
            if 0 < worth(held, n - 1, n) < worth(held, n, n)
        }
        row["firsts"] += [min(steps)] if steps else []
        row["early"] += sum(grown for when, grown in steps.items() if when <= 3)
        if age >= 24:
            one, two = worth(held, born + 12, born + 24), worth(held, born + 24, born + 24)
            row["open"] += one
            row["up"] += max(two - one, 0) if held.get(born + 12) else 0
            row["kept"] += min(one, two)
    for row in found.values():
        firsts, half = sorted(row["firsts"]), -(-row["n"] // 2)
        row["median"] = float(firsts[half - 1]) if len(firsts) >= half else None
    return found


def worth(held: dict[int, list[tuple[str, int]]], month: int, rate_of: int) -> int:
    """The account's value in one month at the rates of another, each item rounded half to even."""
    total = 0
    for currency, amount in held.get(month, []):
        whole, rest = divmod(
            amount * (EUR[rate_of] if currency == "eur" else RATE_SCALE), RATE_SCALE
        )
        total += whole + (2 * rest > RATE_SCALE or (2 * rest == RATE_SCALE and whole % 2))
    return total


@settings(deadline=None)
@given(companies)
def test_it_is_what_counting_finds(company: dict[str, list[tuple[int, str, int]]]) -> None:
    rows = told(company)
    frame = cohort_growth(history(*rows), rates(), MONTHS)
    for upto, month in enumerate(MONTHS):
        expected = counted(rows, upto)
        for born, row in expected.items():
            found, age = at(frame, upto, born), upto - born
            assert found["accounts"] == row["n"]
            assert found["starting_mrr"] == row["start"]
            assert found["expanded_accounts"] == len(row["firsts"])
            assert found["median_months_to_expansion"] == row["median"]
            early = (row["early"], sum(first <= 3 for first in row["firsts"]))
            assert (found["early_expansion_mrr"], found["early_accounts"]) == (
                early if age >= 3 else (None, None)
            )
            two = ("year_two_starting_mrr", "year_two_expansion_mrr", "year_two_retained_mrr")
            assert [found[name] for name in two] == (
                [row["open"], row["up"], row["kept"]] if age >= 24 else [None] * 3
            )
        assert frame.filter(month=month).height == len(expected)


@settings(deadline=None, max_examples=30)
@given(companies, st.integers(0, len(MONTHS) - 1))
def test_later_months_change_nothing(
    company: dict[str, list[tuple[int, str, int]]], upto: int
) -> None:
    rows = told(company)
    whole = cohort_growth(history(*rows), rates(), MONTHS).filter(pl.col("month") <= MONTHS[upto])
    known = history(*(row for row in rows if row[0] <= upto))
    past = rates().filter(pl.col("month") <= MONTHS[upto])
    assert_frame_equal(whole, cohort_growth(known, past, MONTHS[: upto + 1]))
    one = cohort_growth(history(*rows), rates(), [MONTHS[upto]])
    assert_frame_equal(whole.filter(month=MONTHS[upto]), one)


@settings(deadline=None, max_examples=30)
@given(companies)
def test_the_cohorts_are_those_of_the_other_table(
    company: dict[str, list[tuple[int, str, int]]],
) -> None:
    values = history(*told(company))
    key = ["month", "cohort_month", "accounts"]
    assert_frame_equal(
        cohort_growth(values, rates(), MONTHS).select(key),
        cohorts(values, rates(), MONTHS).select(key).sort(key),
    )


@settings(deadline=None, max_examples=50)
@given(companies, st.integers(0, len(MONTHS) - 1))
def test_a_span_is_all_its_months(
    company: dict[str, list[tuple[int, str, int]]], upto: int
) -> None:
    rows = told(company)
    for wanted in (MONTHS, [MONTHS[upto]], [MONTHS[0], MONTHS[upto]]):
        for table in (cohort_growth, cohorts):
            assert_frame_equal(
                table(spans(rows), rates(), wanted), table(history(*rows), rates(), wanted)
            )
