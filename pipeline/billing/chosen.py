"""Choosing one row of each key.

Belongs here: choosing by row number. Taking the first or last of every column of a group is slow where columns hold
lists; the number alone is quick to choose, and its row is looked up once.
"""

import polars as pl


def _rows(numbers: pl.LazyFrame, frame: pl.DataFrame) -> pl.LazyFrame:
    """The rows of `frame` with these numbers (`row`), in its order."""
    return frame[numbers.select("row").sort("row").collect().to_series()].lazy()


def first(rows: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    """The first row of each key, in the order of `rows`."""
    frame = rows.collect()
    numbered = frame.lazy().select(*keys).with_row_index("row")
    return _rows(numbered.group_by(keys).agg(pl.col("row").min()), frame)


def latest(rows: pl.LazyFrame, *keys: str) -> pl.LazyFrame:
    """The last seen row of each key; among equals the one with the greatest hash."""
    frame = rows.collect()
    numbered = frame.lazy().select(*keys, "observed_at", "hash").with_row_index("row")
    ordered = numbered.sort("observed_at", "hash")
    return _rows(ordered.group_by(keys).agg(pl.col("row").last()), frame)
