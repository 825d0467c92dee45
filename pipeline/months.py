"""Months of the reporting calendar: their keys, their ends, and when they close.

Belongs here: pure date arithmetic. Source of the rules: docs/method.md, "Snapshot and movement" and "Closed months".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.errors import UnknownMonth

KEY_FORMAT = "%Y-%m"


def month_of(key: str) -> date:
    """The first day of the month written as `2026-10`.

    Raises:
        UnknownMonth: the text is not a month.
    """
    try:
        return datetime.strptime(key, KEY_FORMAT).replace(tzinfo=UTC).date()
    except ValueError:
        raise UnknownMonth(
            f"'{key}' is not a month. Write it as YYYY-MM, for example 2026-10."
        ) from None


def key_of(month: date) -> str:
    """The month's key, as `2026-10`."""
    return month.strftime(KEY_FORMAT)


def add_months(month: date, count: int) -> date:
    """The first day of the month `count` months later (earlier when negative)."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def months_between(first: date, last: date) -> list[date]:
    """Every month from `first` to `last`, both included; empty when `last` is earlier."""
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [add_months(first, offset) for offset in range(max(count, 0))]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The reporting calendar as seen at one instant.

    Attributes:
        now: the instant, in UTC.
        timezone: IANA name of the reporting time zone.
        close_day: a month closes so many days after its end.
        first_month: the first month of the company's history.
    """

    now: datetime
    timezone: str = "UTC"
    close_day: int = 3
    first_month: date | None = None

    def start(self, month: date) -> datetime:
        """The first instant of `month` in the reporting time zone, in UTC."""
        return self._midnight(month)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.timezone)).astimezone(
            UTC
        )

    @property
    def current(self) -> date:
        """The month that `now` lies in."""
        local = self.now.astimezone(ZoneInfo(self.timezone))
        return date(local.year, local.month, 1)

    @property
    def months(self) -> list[date]:
        """Every month from the first one to the current one."""
        return months_between(self.first_month or self.current, self.current)

    def boundary(self, month: date) -> datetime:
        """The instant a snapshot of `month` is taken before: states with valid_from < boundary <= valid_to hold.

        The first instant of the next month; for the current month one second after `now`, because Stripe's instants
        are whole seconds.

        Raises:
            UnknownMonth: the month lies in the future.
        """
        if month > self.current:
            raise UnknownMonth(
                f"{key_of(month)} has not begun. The current month is {key_of(self.current)}."
            )
        if month == self.current:
            return self.now + timedelta(seconds=1)
        return self.start(add_months(month, 1))

    def closes_at(self, month: date) -> datetime:
        """When `month` closes."""
        return self._midnight(add_months(month, 1) + timedelta(days=self.close_day))

    def is_closed(self, month: date) -> bool:
        """Whether `month` is closed at `now`."""
        return self.now >= self.closes_at(month)

    @property
    def last_closed(self) -> date:
        """The latest closed month."""
        month = add_months(self.current, -1)
        return month if self.is_closed(month) else add_months(month, -1)

    def ends(self, months: Iterable[date]) -> pl.DataFrame:
        """One row per month: month, boundary (UTC), provisional."""
        listed = sorted(set(months))
        return pl.DataFrame(
            {
                "month": listed,
                "boundary": [self.boundary(month) for month in listed],
                "provisional": [not self.is_closed(month) for month in listed],
            },
            schema={
                "month": pl.Date,
                "boundary": pl.Datetime("us", "UTC"),
                "provisional": pl.Boolean,
            },
        )
