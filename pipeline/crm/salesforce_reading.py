"""Single values of Salesforce's records.

Belongs here: text to instants, days, money and shares. Does not belong here: which field means what.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.crm.protocol import on_day
from pipeline.money import MICRO

PERCENT = 100


def decoded(names: Sequence[str]) -> pl.Expr:
    """The struct `decoded`: fields of the payload as text; null where the record has not got one."""
    return (
        pl.col("payload")
        .str.json_decode(pl.Struct(dict.fromkeys(names, pl.String)))
        .alias("decoded")
    )


def has(name: str) -> pl.Expr:
    """Whether the payload has a field, be it empty; within a text its quotes would be escaped."""
    return pl.col("payload").str.contains(f'"{name}":', literal=True)


def yes(name: str) -> pl.Expr:
    """A flag; false where it is missing."""
    return pl.col(name).eq_missing("true")


def instant(written: pl.Expr) -> pl.Expr:
    """An instant as Salesforce writes it (`2026-03-01T09:30:00.000+0000`), in UTC."""
    return written.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)


def day(written: pl.Expr) -> pl.Expr:
    """A date as an instant `on_day`."""
    return on_day(written.str.to_date("%Y-%m-%d", strict=False))


def micro(written: pl.Expr) -> pl.Expr:
    """An amount in micro-units; null where it is no number."""
    exact = (written.cast(pl.Float64, strict=False) * MICRO).round()
    return exact.cast(pl.Int64, strict=False)


def share(percent: pl.Expr) -> pl.Expr:
    """A percentage as a share of one."""
    return percent.cast(pl.Float64, strict=False) / PERCENT
