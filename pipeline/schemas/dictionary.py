"""The data dictionary: every table of the warehouse's contract, from the schemas.

Belongs here: `docs/data-dictionary.md` as text. `scripts/dictionary.py` writes it; a test compares.
"""

import polars as pl

from pipeline.schemas import PUBLISHED
from pipeline.schemas.table import Column, Table

HEAD = """# Data dictionary

Made from `pipeline/schemas` by `make dictionary`; a test compares. The comments of the tables and columns in
PostgreSQL say the same. Money is NUMERIC(20,6) in major units of the reporting currency (SQLite has floating point
beneath), a month is its first day, an instant is in UTC, a share is a share (0.05 = 5%). Key columns are in **bold**.
Names are a contract: see the [changelog](../CHANGELOG.md). Queries to begin with: [queries.md](queries.md).
"""
BY_KIND = {"money": "money", "rate": "rate", "ratio": "share", "month": "month", "json": "JSON"}
BY_TYPE: dict[object, str] = {
    pl.String: "text",
    pl.Int64: "whole number",
    pl.Float64: "number",
    pl.Boolean: "true or false",
    pl.Date: "day",
    pl.Datetime("us", "UTC"): "instant",
}


def dictionary() -> str:
    """The document, one section a published table, in the order of the way of the data."""
    return HEAD + "".join(_section(table) for table in PUBLISHED)


def _section(table: Table) -> str:
    rows = "".join(_row(table, table.column(name)) for name in table.published)
    grain = f"{table.grain[0].upper()}{table.grain[1:]}."
    return f"\n## `{table.name}`\n{grain}\n\n| column | type | |\n|---|---|---|\n{rows}"


def _row(table: Table, column: Column) -> str:
    name = f"**{column.name}**" if column.name in table.key else column.name
    kind = BY_KIND.get(column.kind) or BY_TYPE[column.dtype]
    return f"| {name} | {kind} | {column.doc} |\n".replace("<", "&lt;")
