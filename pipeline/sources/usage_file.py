"""Product usage, limits of plans, and whom a program reached, from files: CSV or Parquet.

Belongs here: reading and checking them. Whose rows they are, by Stripe customer or account, is resolved later.
"""

from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from pipeline.errors import ConfigError

WHO = ("customer_id", "account_id")
TOLD = pl.Schema({"day": pl.Date, "feature": pl.String, "value": pl.Float64})
WHOLE = pl.Schema(
    {
        "customer_id": pl.String,
        "account_id": pl.String,
        "day": pl.Date,
        "feature": pl.String,
        "value": pl.Float64,
    }
)
LIMIT = pl.Schema({"plan": pl.String, "feature": pl.String, "limit": pl.Float64})


def read_usage(path: Path | None) -> pl.LazyFrame:
    """`customer_id, account_id, day, feature, value`: one of the first two is null. Nothing without a file.

    Raises:
        ConfigError: the file cannot be read, a column is missing, or a value is none.
    """
    if path is None:
        return pl.LazyFrame(schema=WHOLE)
    found = _opened(path, "readiness.usage")
    who = _who(found, path, "readiness.usage", "customer_id,day,feature,value")
    return _typed(found, TOLD, path, "readiness.usage").select(*who, *TOLD).lazy()


def read_reached(path: Path) -> pl.DataFrame:
    """`customer_id, account_id`, one of them null: one row per customer or account that a program reached.

    Raises:
        ConfigError: the file cannot be read, or names nobody.
    """
    key = "readiness.programs.accounts"
    found = _opened(path, key)
    rows = found.select(_who(found, path, key, "account_id")).unique(maintain_order=True)
    return rows.filter(~pl.all_horizontal(pl.col(WHO).is_null()))


def read_limits(path: Path | None) -> pl.LazyFrame:
    """`plan, feature, limit`. Nothing without a file.

    Raises:
        ConfigError: the file cannot be read, a column is missing, or a value is none.
    """
    if path is None:
        return pl.LazyFrame(schema=LIMIT)
    return (
        _typed(_opened(path, "readiness.limits"), LIMIT, path, "readiness.limits")
        .select(*LIMIT)
        .lazy()
    )


def _opened(path: Path, key: str) -> pl.DataFrame:
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        return pl.read_parquet(path) if parquet else pl.read_csv(path, infer_schema=False)
    except (OSError, PolarsError) as error:
        raise ConfigError(
            f"{path} ({key}) cannot be read: {type(error).__name__}. Write CSV in UTF-8 with commas, or Parquet."
        ) from None


def _who(found: pl.DataFrame, path: Path, key: str, columns: str) -> list[pl.Expr]:
    names = [name for name in WHO if name in found.columns]
    if not names:
        raise ConfigError(
            f"{path} ({key}) has neither a column customer_id nor account_id. Write {columns}."
        )
    return [
        pl.col(name).cast(pl.String) if name in names else pl.lit(None, pl.String).alias(name)
        for name in WHO
    ]


def _typed(found: pl.DataFrame, schema: pl.Schema, path: Path, key: str) -> pl.DataFrame:
    missing = [name for name in schema if name not in found.columns]
    if missing:
        raise ConfigError(f"{path} ({key}) has no column {', '.join(missing)}. Add it.")
    read = found.with_columns(
        pl.col(name).str.to_date("%Y-%m-%d", strict=False)
        if dtype == pl.Date and found.schema[name] == pl.String
        else pl.col(name).cast(dtype, strict=False)
        for name, dtype in schema.items()
    )
    for name in schema:
        bad = read.with_row_index().filter(pl.col(name).is_null())
        if not bad.is_empty():
            raise ConfigError(
                f"{path} ({key}), row {bad['index'][0] + 1} after the header: {name} cannot be read, nor in "
                f"{bad.height - 1:,} others. Write days as 2026-03-31 and numbers as 12.5."
            )
    return read
