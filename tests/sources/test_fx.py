"""Exchange rates: exact, one a month, and named where they are missing."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline.config import Fx
from pipeline.errors import SourceError
from pipeline.months import Calendar
from pipeline.sources import rates

CALENDAR = Calendar(now=datetime(2026, 5, 6, tzinfo=UTC))
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)


def table(
    fx: Fx, reporting: str, *currencies: str, calendar: Calendar = CALENDAR
) -> dict[tuple[date, str], int]:
    found = rates(fx, reporting, currencies, calendar.ends([MARCH, APRIL, MAY]), download=False)
    return {(month, currency): rate for month, currency, rate, *_ in found.iter_rows()}


def test_the_reporting_currency_is_worth_one_of_itself() -> None:
    found = rates(Fx(), "usd", ["usd"], CALENDAR.ends([MARCH, MAY]), download=False)
    assert found["rate"].to_list() == [10**12, 10**12]
    assert found["frozen"].to_list() == [True, False]


def test_fixed_rates_are_exact() -> None:
    fx = Fx(source="fixed", rates={"eur": Decimal("1.08"), "jpy": Decimal("0.0000000000015")})
    found = table(fx, "usd", "eur", "jpy")
    assert found[MARCH, "eur"] == 1_080_000_000_000
    assert found[MARCH, "jpy"] == 2  # half to even
    with pytest.raises(SourceError, match="for gbp in 2026-03"):
        table(fx, "usd", "gbp")


def test_a_file_gives_each_month_its_rate(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("month,currency,rate\n2026-03,EUR,1.1\n2026-04-01,eur,1.2\n2026-05,eur,1.3\n")
    found = table(Fx(source="file", file=path), "usd", "eur")
    assert [found[month, "eur"] for month in (MARCH, APRIL, MAY)] == [
        11 * 10**11,
        12 * 10**11,
        13 * 10**11,
    ]
    with pytest.raises(SourceError, match=r"for chf in 2026-03; add the line 2026-03,chf"):
        table(Fx(source="file", file=path), "usd", "chf")
    path.write_text("month,currency,rate\n2026-03,eur,1.1\n2026-04,eur,-\n")
    with pytest.raises(SourceError, match="line 3"):
        table(Fx(source="file", file=path), "usd", "eur")
    with pytest.raises(SourceError, match=r"absent\.csv"):
        table(Fx(source="file", file=tmp_path / "absent.csv"), "usd", "eur")


def test_the_ecbs_rate_is_the_last_on_or_before_the_months_end() -> None:
    found = rates(Fx(), "usd", ["eur"], CALENDAR.ends([date(2026, 1, 1), MAY]), download=False)
    eur = found.filter(pl.col("currency") == "eur")
    # 31 January 2026 is a Saturday; the current month is taken as of now.
    assert eur["source"].to_list() == ["ecb 2026-01-30", "ecb 2026-05-06"]
    assert all(0.9e12 < rate < 1.5e12 for rate in eur["rate"])


def test_crossed_rates_are_inverse_to_each_other() -> None:
    there, back = table(Fx(), "gbp", "usd"), table(Fx(), "usd", "gbp")
    product = Decimal(there[MARCH, "usd"]) * Decimal(back[MARCH, "gbp"]) / Decimal(10) ** 24
    assert abs(product - 1) < Decimal("1e-11")


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_a_month_ends_in_its_own_time_zone(zone: str) -> None:
    calendar = Calendar(now=datetime(2026, 5, 20, tzinfo=UTC), timezone=zone)
    found = rates(Fx(), "usd", ["eur"], calendar.ends([APRIL]), download=False)
    assert found.filter(pl.col("currency") == "eur")["source"].to_list() == ["ecb 2026-04-30"]


def test_a_currency_that_the_ecb_does_not_know_is_named() -> None:
    with pytest.raises(SourceError, match="for xyz in 2026-03"):
        table(Fx(), "usd", "xyz")
