"""Frames of exchange rates (replaced by month) and of coverage (append-only), by hand."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipeline.schemas import COVERAGE, FX_RATE


def month(number: int) -> date:
    """The first day of a month of 2026."""
    return date(2026, number, 1)


def fx(*rows: tuple[int, str, int]) -> pl.DataFrame:
    """Rows of (month, currency, rate)."""
    return pl.DataFrame(
        [(month(number), currency, rate, "fixed", None, False) for number, currency, rate in rows],
        schema=FX_RATE.schema,
        orient="row",
    )


def span(day: int) -> pl.DataFrame:
    """One day of coverage."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return pl.DataFrame(
        [("", start, start + timedelta(days=1), f"sync_{day}", True)],
        schema=COVERAGE.schema,
        orient="row",
    )
