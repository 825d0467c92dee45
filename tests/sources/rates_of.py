"""What the tests of exchange rates share: a calendar, a history of the ECB, and rates asked for and read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from fractions import Fraction
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from pipeline.config import Fx
from pipeline.months import Calendar
from pipeline.sources import Rates, rates
from tests.sources.service import Answer, Asked, serve

CALENDAR = Calendar(now=datetime(2026, 5, 6, tzinfo=UTC))
JANUARY, FEBRUARY, MARCH, APRIL, MAY = (date(2026, month, 1) for month in range(1, 6))
HISTORY = """\
Date,USD,JPY,GBP,CHF,BGN,
2026-05-05,1.1000,160.00,0.8000,0.9000,N/A,
2026-04-30,1.0900,161.00,0.8100,N/A,N/A,
2026-04-02,1.0800,162.00,0.8200,0.9200,N/A,
2026-03-31,1.0750,163.00,0.8300,0.9300,N/A,
2026-01-30,1.0500,164.00,0.8400,0.9400,N/A,
2025-12-31,1.0400,165.00,0.8500,0.9500,1.9558,
"""
NOBODY = "http://127.0.0.1:9/eurofxref-hist.zip"
"""The discard port: nothing listens."""


def zipped(text: str = HISTORY) -> bytes:
    """The history as the ECB sends it."""
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        archive.writestr("eurofxref-hist.csv", text)
    return content.getvalue()


@contextmanager
def bank(answer: Answer | Callable[[Asked], Answer]) -> Iterator[str]:
    """The ECB on a loopback port; yields the address of its history."""
    with serve(answer if callable(answer) else lambda _: answer) as service:
        yield f"{service.base}/stats/eurofxref/eurofxref-hist.zip"


def found(
    fx: Fx, reporting: str, *currencies: str, months: tuple[date, ...] = (MARCH, APRIL, MAY)
) -> Rates:
    """The rates of currencies that are needed from January on, in a month each."""
    return rates(fx, reporting, dict.fromkeys(currencies, JANUARY), CALENDAR.ends(months))


def table(result: Rates, column: str = "rate") -> dict[tuple[date, str], object]:
    """(month, currency) -> the column."""
    return {
        (month, currency): value
        for month, currency, value in result.frame.select("month", "currency", column).iter_rows()
    }


def exact(numerator: str, denominator: str = "1") -> int:
    """The quotient scaled by 1e12, to the nearest whole number, halves to the even one."""
    return round(Fraction(numerator) / Fraction(denominator) * 10**12)
