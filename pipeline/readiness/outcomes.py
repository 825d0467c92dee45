"""What became of accounts after a month's end: who expanded within three months.

Belongs here: the label that scores are held against, and at which month ends. Source of the rules: docs/readiness.md.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline.money import MICRO
from pipeline.months import add_months, months_between
from pipeline.readiness.held import ONE
from pipeline.readiness.known import SLOPE

AHEAD = 3
"""Months in which an account may expand to have been worth asking; so long no origin's outcome is known."""
ORIGINS = 8
"""Month ends that are looked back at, three months apart: no expansion counts twice."""
LEAST, SHARE = 20 * MICRO, 0.03
"""An expansion counts if it is larger than both: an amount, and a share of the account's MRR."""
NOT_EARNED = ("price", "discount")
"""Components that are no expansion by the customer's own wish."""


def origins(first: date, month: date) -> list[date]:
    """The month ends whose outcomes were known when `month` was over, the earliest first.

    Args:
        first: the first month with figures; an origin has some months before it, or nothing is known of growth.
        month: the newest closed month.
    """
    known = [add_months(month, -AHEAD * back) for back in range(1, ORIGINS + 1)]
    return sorted(each for each in known if each >= add_months(first, SLOPE))


def outcome_months(ends: Sequence[date]) -> list[date]:
    """The months whose movements say what became of accounts after `ends`."""
    return sorted(
        {
            after
            for end in ends
            for after in months_between(add_months(end, 1), add_months(end, AHEAD))
        }
    )


def outcomes(accounts: pl.LazyFrame, component: pl.LazyFrame) -> pl.LazyFrame:
    """The accounts with `expanded`, and `gained`: MRR in micro-units that expansions of the next months added.

    Args:
        accounts: `month, account_id, mrr` at origins.
        component: MRR_MOVEMENT_COMPONENT of `outcome_months`.
    """
    back = pl.int_ranges(1, AHEAD + 1, dtype=pl.Int64)
    by_month = (
        component.filter(
            pl.col("window_months") == 1,
            pl.col("movement") == "expansion",
            ~pl.col("type").is_in(list(NOT_EARNED)),
        )
        .join(accounts.select("account_id").unique(), on="account_id", how="semi")
        .group_by(ONE)
        .agg(amount=pl.col("amount").sum().clip(lower_bound=0))
    )
    gained = (
        by_month.with_columns(back=back)
        .explode("back")
        .with_columns(month=pl.col("month").dt.offset_by(pl.format("-{}mo", "back")))
        .group_by(ONE)
        .agg(gained=pl.col("amount").sum())
    )
    enough = pl.max_horizontal(pl.lit(LEAST), (pl.col("mrr") * SHARE).cast(pl.Int64))
    return (
        accounts.join(gained, on=ONE, how="left")
        .with_columns(pl.col("gained").fill_null(0))
        .with_columns(expanded=pl.col("gained") > enough)
    )
