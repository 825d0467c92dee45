"""Frames for the tests of readiness."""

from typing import Any

import polars as pl

from pipeline.schemas import Table


def rows_of(table: Table, rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """Rows of a table; what is not said is null."""
    full = [{name: row.get(name) for name in table.names} for row in rows]
    return pl.LazyFrame(full, schema=table.schema)
