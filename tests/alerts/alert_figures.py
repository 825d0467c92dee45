"""Expansion metrics as short as a test of alerts needs them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from pipeline.months import add_months
from pipeline.schemas import EXPANSION_METRICS

JANUARY = date(2026, 1, 1)
NOW = datetime(2026, 9, 4, 3, tzinfo=UTC)
BASE = 100_000


def metrics(
    rates: Sequence[float | None],
    *,
    first: date = JANUARY,
    dimension: str = "total",
    member: str = "all",
    window: int = 1,
    version: int = 1,
) -> pl.DataFrame:
    """One row per month from `first`: an opening MRR of 100,000 at that expansion rate."""
    rows = [
        dict.fromkeys(EXPANSION_METRICS.names)
        | {
            "month": add_months(first, place),
            "window_months": window,
            "dimension": dimension,
            "member": member,
            "opening_accounts": 200,
            "expanding_accounts": 9,
            "starting_mrr": BASE * 1_000_000,
            "fx_mrr": 0,
            "expansion_mrr": 0 if rate is None else round(rate * BASE * 1_000_000),
            "expansion_rate": rate,
            "attainment": None if rate is None else rate / 0.03,
            "provisional": False,
            "version": version,
            "policy": "default",
        }
        for place, rate in enumerate(rates)
    ]
    return pl.DataFrame(rows, schema=EXPANSION_METRICS.schema)


def counted(
    counts: Sequence[int], *, accounts: int = 500, size: float = 100, **where: Any
) -> pl.DataFrame:
    """A month each: so many of `accounts` expand, each by `size`, of an opening MRR of 100,000."""
    frame = metrics([count * size / 100_000 for count in counts], **where)
    return frame.with_columns(
        opening_accounts=pl.lit(accounts, pl.Int64),
        expanding_accounts=pl.Series(counts, dtype=pl.Int64),
    )
