"""What an account's MRR did in the year before a month's end.

Belongs here: what movements of single months say. Movements are rare, so each is handed on to the months that look
back at it.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline.readiness.held import ONE
from pipeline.readiness.known import BACK, SLOPE, Known


def moved(known: Known, months: Sequence[date]) -> pl.LazyFrame:
    """One row per month and account that moved in the year before its end.

    `expansions` and `contractions_recent` are counts, `months_since_expansion` is 0 for the month itself.
    """
    ago = pl.int_ranges(0, BACK, dtype=pl.Int64)
    expansion, contraction = (pl.col("movement") == name for name in ("expansion", "contraction"))
    return (
        known.movement.filter(pl.col("window_months") == 1, expansion | contraction)
        .select("month", "account_id", "movement", ago=ago)
        .explode("ago")
        .with_columns(month=pl.col("month").dt.offset_by(pl.format("{}mo", "ago")))
        .filter(pl.col("month").is_in(list(months)))
        .group_by(ONE)
        .agg(
            expansions=expansion.sum().cast(pl.Int64),
            months_since_expansion=pl.col("ago").filter(expansion).min(),
            contractions_recent=(contraction & (pl.col("ago") < SLOPE)).sum().cast(pl.Int64),
        )
    )
