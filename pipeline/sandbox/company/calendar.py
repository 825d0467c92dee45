"""Billing calendar: instants as integer seconds, periods from an anchor with the end-of-month clamp.

What belongs here: arithmetic on instants. What does not: who is billed at them.
"""

from calendar import monthrange
from datetime import UTC, datetime

DAY = 86_400
HOUR = 3_600


def instant(at: datetime) -> int:
    """Seconds since the epoch of an aware datetime."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone: give an aware datetime, e.g. tzinfo=UTC")
    return int(at.timestamp())


def moment(seconds: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return datetime.fromtimestamp(seconds, UTC)


def add_months(anchor: int, months: int) -> int:
    """`anchor` moved by calendar months; a day that the month lacks becomes its last day."""
    at = moment(anchor)
    index = at.year * 12 + at.month - 1 + months
    year, month = divmod(index, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return instant(at.replace(year=year, month=month + 1, day=day))


def boundary(anchor: int, interval: str, interval_count: int, steps: int) -> int:
    """The end of the `steps`-th billing period counted from the anchor."""
    units = steps * interval_count
    if interval == "day":
        return anchor + units * DAY
    if interval == "week":
        return anchor + units * 7 * DAY
    return add_months(anchor, units * (12 if interval == "year" else 1))


def period_around(anchor: int, interval: str, interval_count: int, at: int) -> tuple[int, int]:
    """The billing period `[start, end)` of the anchor's grid that contains `at`."""
    days = {"day": 1.0, "week": 7.0, "month": 30.44, "year": 365.25}[interval] * interval_count
    steps = int((at - anchor) // (days * DAY)) - 1
    while boundary(anchor, interval, interval_count, steps + 1) <= at:
        steps += 1
    start = boundary(anchor, interval, interval_count, steps)
    return start, boundary(anchor, interval, interval_count, steps + 1)


def month_start(at: int) -> int:
    """The first instant (UTC) of the month that contains `at`."""
    return instant(moment(at).replace(day=1, hour=0, minute=0, second=0))
