"""Which record cannot be decoded.

Belongs here: finding it, and the error that names it. Its text says nothing of what the record holds.
"""

from collections.abc import Callable

import polars as pl

from pipeline.errors import UnreadableRecord

Decode = Callable[[pl.LazyFrame], object]


def unreadable(raw: pl.LazyFrame, decode: Decode) -> UnreadableRecord | None:
    """The error that names the first record (RAW_RECORD) that `decode` fails on alone; None if there is none."""
    rows = raw.collect()
    if rows.is_empty() or not _readable(rows[:0], decode):
        return None
    while rows.height > 1:
        half = rows.height // 2
        rows = rows[half:] if _readable(rows[:half], decode) else rows[:half]
    if _readable(rows, decode):
        return None
    stream, name, version = rows.select("stream", "id", "api_version").row(0)
    return UnreadableRecord(
        f"Stripe's record {name} (stream {stream}, API version {version or 'not known'}) cannot be read: a field of it "
        f"has another JSON type than the API describes. No figure was changed. Please report the id, the version and "
        f"which field it is (Stripe's dashboard shows the record by its id): its type must be taught to "
        f"pipeline/billing/payload.py."
    )


def _readable(rows: pl.DataFrame, decode: Decode) -> bool:
    try:
        decode(rows.lazy())
    except pl.exceptions.PolarsError:
        return False
    return True
