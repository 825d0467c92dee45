"""Payloads of HubSpot's objects as columns.

Belongs here: properties, lists separated by `;`, instants and amounts as HubSpot writes them.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.crm.protocol import latest, on_day, versions
from pipeline.money import MICRO

MERGED, OWNER = "hs_merged_object_ids", "hubspot_owner_id"
INT64 = 9_200_000_000_000
"""Greater amounts, in units, are none that an Int64 of micro-units holds."""


def objects(raw: pl.LazyFrame, stream: str, fields: Sequence[str]) -> pl.LazyFrame:
    """The objects of one stream that are there now, neither archived nor gone: `id` and the properties, as text."""
    return _unpacked(latest(raw, stream), fields).select("id", *fields)


def all_versions(raw: pl.LazyFrame, stream: str, fields: Sequence[str]) -> pl.LazyFrame:
    """Every stored version that shows an object: `id, observed_at` and the properties, as text."""
    there = versions(raw, stream).filter(~pl.col("gone"))
    return _unpacked(there, fields).select("id", "observed_at", *fields)


def decoded(frame: pl.LazyFrame, shape: pl.Struct) -> pl.LazyFrame:
    """`frame` with the fields of `shape` instead of `payload`."""
    return frame.with_columns(pl.col("payload").str.json_decode(shape)).unnest("payload")


def listed(text: pl.Expr) -> pl.Expr:
    """The parts of a text separated by `;`, without blanks; an empty list for null."""
    parts = text.fill_null("").str.split(";").list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != ""))


def instant(written: pl.Expr) -> pl.Expr:
    """An instant as HubSpot writes it, in UTC; null for other texts.

    `2026-03-01T09:30:00.000Z`, milliseconds since 1970, or only a date: an instant `on_day` then.
    """
    day = on_day(written.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False))
    whole = written.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    number = pl.when(written.str.contains(r"^\d{12,14}$")).then(written)
    milliseconds = pl.from_epoch(number.cast(pl.Int64, strict=False), time_unit="ms")
    since = milliseconds.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.coalesce(whole, since, day)


def micro(amount: pl.Expr) -> pl.Expr:
    """A written amount as micro-units; null where it is no number, or none that is kept so."""
    number = amount.str.strip_chars().cast(pl.Decimal(38, 6), strict=False)
    kept = pl.when(number.abs() < INT64).then(number)
    return (kept * MICRO).cast(pl.Int64)


def _unpacked(frame: pl.LazyFrame, fields: Sequence[str]) -> pl.LazyFrame:
    properties = pl.Struct(dict.fromkeys(fields, pl.String))
    shape = pl.Struct({"properties": properties, "archived": pl.Boolean})
    here = ~pl.col("archived").fill_null(value=False)
    return decoded(frame, shape).filter(here).unnest("properties")
