"""Cutting spans of the timeline where something else begins to hold, and putting them together where nothing does.

Belongs here: the one way in which a span is split in time, and the one in which neighbours become one. Does not belong
here: what begins to hold, how sure it is.
"""

from collections.abc import Sequence
from typing import Literal

import polars as pl


def cut(
    rows: pl.LazyFrame, parts: pl.LazyFrame, on: list[str], how: Literal["inner", "left"] = "inner"
) -> pl.LazyFrame:
    """One row per row of `rows` and part that holds in it, with the part's other columns.

    Args:
        rows: valid_from, valid_to (null: it lasts), opened_by, closed_by.
        parts: `on`, since (null: since ever), until (null: for ever), proof and next_proof (what shows these instants).
        on: the columns that both have.
        how: `left` keeps rows without a part whole.
    """
    lasts = pl.col("valid_to").is_null()
    starts = (pl.col("since") > pl.col("valid_from")).fill_null(value=False)
    ends = pl.col("until").is_not_null() & (lasts | (pl.col("until") < pl.col("valid_to")))
    begun = pl.col("since").is_null() | lasts | (pl.col("since") < pl.col("valid_to"))
    running = pl.col("until").is_null() | (pl.col("until") > pl.col("valid_from"))
    return (
        rows.join(parts, on=on, how=how)
        .filter(begun & running)
        .with_columns(
            valid_from=pl.when(starts).then("since").otherwise("valid_from"),
            opened_by=pl.when(starts)
            .then(pl.coalesce("proof", "opened_by"))
            .otherwise("opened_by"),
            valid_to=pl.when(ends).then("until").otherwise("valid_to"),
            closed_by=pl.when(ends)
            .then(pl.coalesce("next_proof", "closed_by"))
            .otherwise("closed_by"),
        )
    )


def together(rows: pl.LazyFrame, begins: pl.Expr, last: Sequence[str]) -> pl.LazyFrame:
    """One row per run of `rows`: its first row, with the `last` columns of its last one.

    Args:
        rows: in order; those of a run follow each other.
        begins: whether a row begins a run; never null.
        last: the columns that the last row of a run tells.
    """
    # The first and the last row of each run are left, side by side.
    ends = pl.col("begins").shift(-1).fill_null(value=True)
    return (
        rows.with_columns(begins=begins)
        .with_columns(ends=ends)
        .filter(pl.col("begins") | pl.col("ends"))
        .with_columns(
            pl.when("ends").then(name).otherwise(pl.col(name).shift(-1)).alias(name)
            for name in last
        )
        .filter("begins")
        .drop("begins", "ends")
    )
