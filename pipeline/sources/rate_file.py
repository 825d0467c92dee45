"""A file of exchange rates, CSV or Parquet: `month, currency, rate`.

Belongs here: saying which row is wrong. A rate is the reporting currency for one unit of the currency, and
holds for its month.
"""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

from pipeline.errors import SourceError, UnknownMonth
from pipeline.months import key_of, month_of
from pipeline.sources.files.table import named
from pipeline.sources.files.values import Unreadable, currency, moment

COLUMNS = ("month", "currency", "rate")
MONTH = re.compile(r"\d{4}-\d{2}")
RATE = re.compile(r"[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,3})?")
SMALLEST, LARGEST = Decimal("5e-13"), Decimal(9_000_000)
"""A rate lies between them: it is kept with 12 decimals, in 64 bits."""


def read(path: Path) -> dict[str, dict[date, Decimal]]:
    """Currency -> first day of the month -> rate.

    Raises:
        SourceError: the file cannot be read, lacks a column, or has a row that is wrong or stands twice; names the row.
    """
    known: dict[str, dict[date, Decimal]] = {}
    for place, row in named(path, COLUMNS, "fx.file"):
        currency, month, rate = _parsed(path, place, row)
        if month in known.setdefault(currency, {}):
            raise SourceError(
                f"{path}, {place}: {currency} in {key_of(month)} stands twice. Leave one of them."
            )
        known[currency][month] = rate
    return known


def _parsed(path: Path, place: str, row: dict[str, str]) -> tuple[str, date, Decimal]:
    """`2026-10`, or any day of the month; `EUR` or `eur`; a positive number with a decimal point."""
    try:
        return currency(row["currency"]), _month(row["month"]), _rate(row["rate"])
    except (Unreadable, UnknownMonth):
        said = ",".join(row[name] for name in COLUMNS)
        raise SourceError(
            f'{path}, {place}: "{said}" is no rate. Write month,currency,rate, for example '
            f"2026-10,eur,1.08; rates have 12 decimals and are below 9,000,000."
        ) from None


def _month(text: str) -> date:
    if MONTH.fullmatch(text):
        return month_of(text)
    return date.fromisoformat(moment(text)[: len("2026-10-31")]).replace(day=1)


def _rate(text: str) -> Decimal:
    if not RATE.fullmatch(text) or not SMALLEST < Decimal(text) < LARGEST:
        raise Unreadable("no rate")
    return Decimal(text)
