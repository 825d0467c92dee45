"""Choosing one row of each key.

Belongs here: choosing by row number. Taking the first or last of every column of a group is slow where columns hold
lists; the number alone is quick to choose, and its row is looked up once.
"""

import polars as pl


def _numbered(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with their number in `row`, computed once: a second time they may come in another order."""
    return rows.with_row_index("row").collect().lazy()


def first(rows: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    """The first row of each key, in the order of `rows`."""
    numbered = _numbered(rows)
    chosen = numbered.select(*keys, "row").group_by(keys).agg(pl.col("row").min())
    return numbered.join(chosen, on="row", how="semi", maintain_order="left").drop("row")


def latest(rows: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    """The last seen row of each key; among equals the one with the greatest hash."""
    numbered = _numbered(rows)
    chosen = (
        numbered.select(*keys, "observed_at", "hash", "row")
        .sort("observed_at", "hash")
        .group_by(keys)
        .agg(pl.col("row").last())
    )
    return numbered.join(chosen, on="row", how="semi").drop("row")
