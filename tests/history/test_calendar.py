"""When months begin, end and close."""

from datetime import UTC, date, datetime

import pytest

from pipeline.months import Calendar


@pytest.mark.parametrize(
    ("timezone", "close_day", "month", "closes"),
    [
        ("UTC", 3, date(2026, 10, 1), datetime(2026, 11, 4, tzinfo=UTC)),
        ("America/New_York", 3, date(2026, 10, 1), datetime(2026, 11, 4, 5, tzinfo=UTC)),
        ("America/New_York", 3, date(2026, 2, 1), datetime(2026, 3, 4, 5, tzinfo=UTC)),
        ("America/New_York", 10, date(2026, 2, 1), datetime(2026, 3, 11, 4, tzinfo=UTC)),
        ("UTC", 0, date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_month_closes_at_midnight_of_the_reporting_time_zone(
    timezone: str, close_day: int, month: date, closes: datetime
) -> None:
    """Clocks change on 1 November and 8 March there: a day has 25 or 23 hours then."""
    assert Calendar(closes, timezone, close_day).closes_at(month) == closes
