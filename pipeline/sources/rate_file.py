"""A file of exchange rates, CSV or Parquet: `month, currency, rate`.

Belongs here: reading, and saying which row is wrong. A rate is the reporting currency for one unit of the currency, and
holds for its month.
"""

import csv
from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from pipeline.errors import SourceError, UnknownMonth
from pipeline.months import key_of, month_of

COLUMNS = ("month", "currency", "rate")
CODE_LENGTH = 3
Row = tuple[str, dict[str, str]]
"""How to find the row (`line 4`), and its cells."""


def read(path: Path) -> dict[str, dict[date, Decimal]]:
    """Currency -> first day of the month -> rate.

    Raises:
        SourceError: the file cannot be read, lacks a column, or has a row that is wrong or stands twice; names the row.
    """
    try:
        rows = list(_parquet(path) if path.suffix == ".parquet" else _csv(path))
    except (OSError, UnicodeDecodeError, csv.Error, PolarsError) as error:
        raise SourceError(
            f"The rates in {path} cannot be read: {type(error).__name__}. Check fx.file."
        ) from None
    known: dict[str, dict[date, Decimal]] = {}
    for place, row in rows:
        currency, month, rate = _parsed(path, place, row)
        if month in known.setdefault(currency, {}):
            raise SourceError(
                f"{path}, {place}: {currency} in {key_of(month)} stands twice. Leave one of them."
            )
        known[currency][month] = rate
    return known


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        _require(path, reader.fieldnames or [])
        for row in reader:
            yield f"line {reader.line_num}", {name: row[name] or "" for name in COLUMNS}


def _parquet(path: Path) -> Iterator[Row]:
    frame = pl.read_parquet(path)
    _require(path, frame.columns)
    for number, row in enumerate(frame.select(COLUMNS).iter_rows(named=True), start=1):
        yield f"row {number}", {name: "" if row[name] is None else str(row[name]) for name in row}


def _require(path: Path, names: Collection[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise SourceError(
            f"{path} has no column {', '.join(missing)}. Write month,currency,rate in its first line."
        )


def _parsed(path: Path, place: str, row: dict[str, str]) -> tuple[str, date, Decimal]:
    """`2026-10`, or any day of the month; `EUR` or `eur`; a positive number with a decimal point."""
    currency = row["currency"].strip().lower()
    try:
        month, rate = _month(row["month"].strip()), Decimal(row["rate"].strip())
    except (InvalidOperation, UnknownMonth, ValueError):
        month, rate = date.min, Decimal(0)
    if not rate.is_finite() or rate <= 0 or len(currency) != CODE_LENGTH:
        said = ",".join(row[name].strip() for name in COLUMNS)
        raise SourceError(
            f'{path}, {place}: "{said}" is no rate. Write month,currency,rate, for example '
            f"2026-10,eur,1.08."
        )
    return currency, month, rate


def _month(text: str) -> date:
    if len(text) == len("2026-10"):
        return month_of(text)
    return datetime.fromisoformat(text).date().replace(day=1)
