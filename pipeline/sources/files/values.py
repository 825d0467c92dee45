"""What a cell may hold, and how it is kept: dates as ISO, amounts with a decimal point, yes and no as true and false.

Belongs here: reading one cell. What can be read in two ways is not guessed. Reasons never quote a cell: it may hold a
name or an address.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

Cell = str | Decimal
"""Text, or a number of a file that has numbers."""

TRUE = frozenset({"true", "1", "yes", "ja", "oui"})
FALSE = frozenset({"false", "0", "no", "nein", "non"})
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
POINTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
"""Day, month, year: nobody writes the month first between points."""
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*")
EARLIEST, LATEST = 1970, 2199
SIGNS = re.compile(r"^[A-Za-z]{3}(?=[\s\d+-])|(?<=[\s\d])[A-Za-z]{3}$|[$€£¥₹₩₺₽฿]|^(?:R\$|kr)|kr$")
"""What stands beside a number: a currency's sign or its code."""
SPACE = re.compile("(?<=\\d)[ '’\u00a0\u202f\u2009](?=\\d{3}(?:\\D|$))")
"""Between groups of three digits."""
AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
PLAIN = re.compile(r"[+-]?\d+(\.\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
COMMAS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")
CODE = re.compile(r"[A-Za-z]{3}")
MICRO = Decimal("0.000001")
MOST = Decimal(10) ** 12
"""Amounts are kept as millionths in 64 bits."""


class Unreadable(Exception):
    """A cell that cannot be read; says what to write."""


def text(cell: Cell) -> str:
    """The cell as text, without blanks around it."""
    return f"{cell:f}" if isinstance(cell, Decimal) else cell.strip()


def amount(cell: Cell) -> str:
    """An amount with a decimal point: `1234.5` of `1234.5`, `1,234.50`, `1.234,50`, `1 234,50 €`.

    Raises:
        Unreadable: it is no amount, or could be two: `1,234`.
    """
    if isinstance(cell, Decimal):
        return _kept(cell)
    bare = SPACE.sub("", SIGNS.sub("", cell.strip()).strip()).replace("−", "-")
    bare = re.sub(r"^([+-])\s+", r"\1", bare)
    if AMBIGUOUS.fullmatch(bare):
        raise Unreadable(
            "the amount may be read in two ways, with thousands or with decimals; write 1234 or 1.23"
        )
    if PLAIN.fullmatch(bare):
        return _kept(Decimal(bare))
    if COMMAS.fullmatch(bare):
        return _kept(Decimal(bare.replace(",", "")))
    if POINTS.fullmatch(bare):
        return _kept(Decimal(bare.replace(".", "").replace(",", ".")))
    if DECIMAL_COMMA.fullmatch(bare):
        return _kept(Decimal(bare.replace(",", ".")))
    raise Unreadable("no amount; write for example 1234.50")


def moment(cell: Cell) -> str:
    """A day as `2026-03-01`, also of `01.03.2026`; an instant as `2026-03-01T09:30:00Z`, without a zone in UTC.

    Raises:
        Unreadable: it is written otherwise.
    """
    told = text(cell)
    try:
        if DAY.fullmatch(told):
            return _within(date.fromisoformat(told)).isoformat()
        if pointed := POINTED.fullmatch(told):
            day, month, year = map(int, pointed.groups())
            return _within(date(year, month, day)).isoformat()
        if INSTANT.fullmatch(told):
            found = datetime.fromisoformat(told)
            aware = found if found.tzinfo else found.replace(tzinfo=UTC)
            return f"{_within(aware.astimezone(UTC).replace(tzinfo=None)).isoformat()}Z"
    except (ValueError, OverflowError):
        pass
    raise Unreadable("no date; write 2026-03-31 or 2026-03-31T09:30:00Z")


def flag(cell: Cell) -> str:
    """`true` or `false`, of true, yes, ja, oui, 1, false, no, nein, non, 0.

    Raises:
        Unreadable: it is none of them.
    """
    told = text(cell).lower()
    if told in TRUE:
        return "true"
    if told in FALSE:
        return "false"
    raise Unreadable("neither yes nor no; write true or false")


def currency(cell: Cell) -> str:
    """A currency's code in small letters.

    Raises:
        Unreadable: it is no code of three letters.
    """
    told = text(cell)
    if not CODE.fullmatch(told):
        raise Unreadable("no currency; write its code of three letters, for example eur")
    return told.lower()


READ: dict[str, Callable[[Cell], str]] = {
    "amount": amount,
    "created": moment,
    "closed": moment,
    "is_closed": flag,
    "is_won": flag,
    "currency": currency,
}
"""Our name of a column -> how its cells are read; all others are text."""


def read(name: str, cell: Cell) -> str:
    """What is kept of a cell of our column `name`.

    Raises:
        Unreadable: says what to write.
    """
    return READ.get(name, text)(cell)


def _kept(number: Decimal) -> str:
    if not number.is_finite() or abs(number) >= MOST:
        raise Unreadable("the amount is too large")
    exact = number.quantize(MICRO)
    whole = exact.to_integral_value()
    return f"{whole:f}" if exact == whole else f"{exact.normalize():f}"


def _within(found: date) -> date:
    if not EARLIEST <= found.year <= LATEST:
        raise ValueError("out of range")
    return found
