"""How fast cohorts grow, on the page: which are compared, at which ages, and what is said of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, delete

from pipeline.database import reading, table_of
from pipeline.metrics import cohort_growth
from pipeline.money import MICRO, RATE_SCALE
from pipeline.months import add_months
from pipeline.publish import publish_months
from pipeline.publish.page import Given, write_report
from pipeline.publish.page.growth import growth
from pipeline.publish.page.past import past
from pipeline.schemas import COHORT_GROWTH
from tests.publish.company import LAST, MONTHS, published_company

Ages = Callable[[int, int], int | None]
"""(the cohort's number, the account's) -> the age at which the account grows by a fifth; null: never."""


def fill(warehouse: Engine, months: int, size: int, ages: Ages) -> pl.DataFrame:
    """A cohort of `size` accounts in each of so many months up to LAST; returns what is published of their growth."""
    begun = [add_months(LAST, number + 1 - months) for number in range(months)]
    rows = [
        {"month": begun[at], "account_id": f"{born}_{number}", "currency": "usd",
         "mrr_native": (120 if (when := ages(born, number)) and at - born >= when else 100) * MICRO}
        for born in range(months) for number in range(size) for at in range(born, months)
    ]  # fmt: skip
    rates = pl.LazyFrame({"month": begun}).with_columns(
        currency=pl.lit("usd"), rate=pl.lit(RATE_SCALE)
    )
    frame = cohort_growth(pl.LazyFrame(rows), rates, begun)
    publish_months(warehouse, {"cohort_growth": frame}, begun)
    return frame


def said(page: Path, section: str) -> str:
    """A section of the page as one line of words."""
    text = page.read_text(encoding="utf-8")
    part = re.search(rf'<section aria-labelledby="{section}".*?</section>', text, re.DOTALL)
    assert part
    seen = re.sub(r"<script.*?</script>|<[^>]+>", " ", part.group(), flags=re.DOTALL)
    return " ".join(seen.split())


def test_newer_and_older_are_compared_at_ages_that_both_have(
    any_warehouse: Engine, tmp_path: Path
) -> None:
    published_company(any_warehouse)
    fill(any_warehouse, 24, 4, lambda _, number: 3 if number % 2 else None)
    page = write_report(any_warehouse, tmp_path, Given(), [LAST]).page
    told = said(page, "pace")
    # Of the twelve newer cohorts nine are three months old and six are six.
    assert "50% (36) had expanded within 3 months, against 50% (48) of the year before" in told
    assert "50% (24) had expanded within 6 months, against 50% (48) of the year before" in told
    assert "That may be chance." in told
    assert "9 50% 12 50% 48 11 – – 50% 48" in told, "too few of the newer ones are 11 months old"
    years = said(page, "years")
    assert "by 10.0% (36 accounts), those of the year before by 10.0% (48 accounts)" in years
    assert "2027-01 48 3 m. 10.0% – – 2026-01 48 3 m. 10.0% – –" in years


def test_a_difference_that_is_more_than_chance_is_called_so(
    warehouse: Engine, tmp_path: Path
) -> None:
    published_company(warehouse)
    fill(warehouse, 24, 20, lambda born, number: 1 if born > 11 or number < 4 else None)
    told = said(write_report(warehouse, tmp_path, Given(), [LAST]).page, "pace")
    assert "100% (180) had expanded within 3 months, against 20% (240)" in told
    assert "That is more than chance." in told


def test_the_second_years_are_compared(warehouse: Engine, tmp_path: Path) -> None:
    published_company(warehouse)
    fill(warehouse, 48, 2, lambda born, _: 20 if born < 12 else None)
    told = said(write_report(warehouse, tmp_path, Given(), [LAST]).page, "years")
    assert "twelve months to January 2025 expanded by 0.0% (NRR 100%), those of the year" in told
    assert "before by 20.0% (NRR 120%), in their second year" in told


def test_without_a_year_before_there_is_nothing_to_compare_with(
    warehouse: Engine, tmp_path: Path
) -> None:
    published_company(warehouse)
    done = write_report(warehouse, tmp_path, Given())
    told = said(done.pages[MONTHS[6]], "pace")
    assert "There is no year before" in told
    assert "50% (16) within 3 months" in told
    assert "too few to tell" in said(done.pages[MONTHS[1]], "pace")
    assert "No cohort is three months old" in said(done.pages[MONTHS[1]], "years")


def test_a_month_that_was_not_computed_says_what_to_do(warehouse: Engine, tmp_path: Path) -> None:
    published_company(warehouse)
    table = table_of(COHORT_GROWTH)
    with warehouse.begin() as connection:
        connection.execute(delete(table).where(table.c.month == LAST))
    page = write_report(warehouse, tmp_path, Given(), [LAST]).page
    assert "expansion backfill" in said(page, "pace")
    assert "expansion backfill" in said(page, "years")


@pytest.mark.parametrize("months", [5, 26, 40])
def test_a_year_is_its_accounts_counted_one_by_one(any_warehouse: Engine, months: int) -> None:
    size = 5

    def ages(born: int, number: int) -> int | None:
        return (born * 7 + number * 5) % 16 or None

    frame = fill(any_warehouse, months, size, ages)
    with reading(any_warehouse) as connection:
        found = growth(past(connection).growth, LAST)
    assert sum(each.accounts for each in found) == months * size
    assert len(found) == -(-months // 12)
    for year in found:
        cohorts = [
            born
            for born in range(months)
            if year.first <= add_months(LAST, born + 1 - months) <= year.last
        ]
        watched = [
            (months - 1 - born, ages(born, number)) for born in cohorts for number in range(size)
        ]
        assert {age: it.share for age, it in year.by_age.items()} == pytest.approx(
            estimated(watched), abs=1e-6
        )
        for age, reached in year.by_age.items():
            assert reached.accounts == sum(seen >= age for seen, _ in watched)
        half = [age for age, share in estimated(watched).items() if share > 0.5 - 1e-9]
        assert year.half == (half[0] if half else None)
        assert year.year_two_rate == rate(
            frame, year, "year_two_expansion_mrr", "year_two_starting_mrr"
        )
        assert year.early_rate == rate(frame, year, "early_expansion_mrr", "starting_mrr")


def estimated(watched: list[tuple[int, int | None]]) -> dict[int, float]:
    """Kaplan and Meier by hand: age -> share; of each account how long it was watched, and the age at which it grew."""
    found, waiting = {}, 1.0
    for age in range(1, max(seen for seen, _ in watched) + 1):
        at_risk = [when for seen, when in watched if seen >= age and (when is None or when >= age)]
        if at_risk:
            waiting *= 1 - sum(when == age for when in at_risk) / len(at_risk)
        found[age] = 1 - waiting
    return found


def rate(frame: pl.DataFrame, year: Any, above: str, below: str) -> Any:
    own = frame.filter(
        pl.col("cohort_month").is_between(year.first, year.last),
        pl.col(above).is_not_null(),
        month=LAST,
    )
    return pytest.approx(own[above].sum() / own[below].sum()) if own.height else None
