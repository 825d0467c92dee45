"""A file as a header and rows: CSV with commas, semicolons or tabs, or Parquet.

Belongs here: opening a file, and saying what is wrong with it as a whole. Which columns of a CRM are wanted is in
`columns`.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from pipeline.errors import SourceError
from pipeline.sources.files.values import Cell, text

DELIMITERS = (",", ";", "\t", "|")
PARQUET, ZIPPED = b"PAR1", b"PK\x03\x04"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
AT_ONCE = 50_000
"""Rows of Parquet that become Python values together."""
Row = tuple[str, Sequence[Cell]]
"""Where it stands (`line 4`), and its cells; the first row is the header."""


CHECK = "accounts and deals under [crm.files]"


def named(
    path: Path, columns: Sequence[str], check: str, optional: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row stands, and its cells as text by our names of the columns; other columns are not looked at.

    Args:
        path: the file.
        columns: those that it must have.
        check: the key of `pipeline.toml` that names it.
        optional: those that it may have.

    Raises:
        SourceError: it cannot be read, a column is missing or stands twice, or a row has more cells than columns.
    """
    lines = rows(path, columns[0], check)
    header = [text(cell) for cell in next(lines, ("", ()))[1]]
    missing = [name for name in columns if name not in header]
    if missing:
        raise SourceError(
            f"{path} has no column {', '.join(missing)}. Write {','.join([*columns, *optional])} in its first line."
        )
    twice = [name for name in (*columns, *optional) if header.count(name) > 1]
    if twice:
        raise SourceError(f"{path} has the column {twice[0]} twice. Rename one of them.")
    for place, cells in lines:
        told = [text(cell) for cell in cells]
        if any(told[len(header) :]):
            raise SourceError(
                f"{path}, {place}: {len(told)} cells where the file has {len(header)} columns. Write numbers with a "
                f"decimal point, and quotes around what holds a comma."
            )
        found = dict(zip(header, told, strict=False))
        yield place, {name: found.get(name, "") for name in (*columns, *optional)}


def rows(path: Path, key: str, check: str = CHECK) -> Iterator[Row]:
    """The header and the rows of a file; blank lines are left out.

    Args:
        path: the file.
        key: what its key column is called, by which the delimiter is found.
        check: what in `pipeline.toml` names it.

    Raises:
        SourceError: it cannot be read; names the file, and the line where there is one.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(4)
        if begin == PARQUET:
            yield from _parquet(path)
        elif begin == ZIPPED:
            raise SourceError(f'{path} is an Excel workbook. Save it as "CSV UTF-8".')
        else:
            yield from _csv(path, key)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}. Check {check}.") from None
    except UnicodeDecodeError:
        raise SourceError(_encoding(path, begin)) from None
    except PolarsError as error:
        raise SourceError(
            f"{path} cannot be read as Parquet ({type(error).__name__}). Export it again."
        ) from None


def _csv(path: Path, key: str) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        begin = list(_until_told(lines))
        first = begin[-1] if begin else ""
        named = first.strip().lower()
        if named.startswith("sep=") and len(named) == len("sep=,"):  # Excel's own first line
            delimiter, said, before = named[-1], chain(lines), len(begin)
        else:
            delimiter, said, before = _delimiter(first, key), chain(begin, lines), 0
        reader = csv.reader(said, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield f"line {reader.line_num + before}", cells
        except csv.Error as error:
            raise SourceError(
                f"{path}, line {reader.line_num + before}: no CSV ({error}). Export it again, with quotes around cells "
                f"that hold a quote or a line break."
            ) from None


def _until_told(lines: Iterator[str]) -> Iterator[str]:
    """The lines up to the first that is not blank."""
    for line in lines:
        yield line
        if line.strip():
            return


def _delimiter(header: str, key: str) -> str:
    """The one under which the header has the key column, else the one that cuts it into most."""
    cut = {each: [cell.strip(' "\r\n') for cell in header.split(each)] for each in DELIMITERS}
    return max(DELIMITERS, key=lambda each: (key in cut[each], len(cut[each])))


def _parquet(path: Path) -> Iterator[Row]:
    frame = pl.read_parquet(path)
    yield "the schema", frame.columns
    number = 0
    for part in frame.iter_slices(AT_ONCE):
        for row in part.iter_rows():
            number += 1
            yield f"row {number}", [_cell(value) for value in row]


def _cell(value: Any) -> Cell:
    """A value of Parquet: numbers stay numbers, lists are separated by `;`, what is no value is empty."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return Decimal(int(value)) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, list):
        return ";".join(str(each) for each in value if each is not None)
    return value.isoformat() if isinstance(value, date) else str(value)


def _encoding(path: Path, begin: bytes) -> str:
    if begin.startswith(UTF_16):
        return f'{path} is encoded as UTF-16. Save it as "CSV UTF-8".'
    return (
        f'{path}, line {_first_not_utf8(path)}: not encoded as UTF-8. In Excel save it as "CSV UTF-8"; a file of '
        f"Windows (cp1252) becomes one by: iconv -f cp1252 -t utf-8 old.csv > new.csv"
    )


def _first_not_utf8(path: Path) -> int:
    with path.open("rb") as file:
        for line, content in enumerate(file, start=1):
            try:
                content.decode()
            except UnicodeDecodeError:
                return line
    return 0
