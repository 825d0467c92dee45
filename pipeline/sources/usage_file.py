"""Product usage, limits of plans, and whom a program reached, from files: CSV or Parquet.

Belongs here: reading and checking them. Whose rows they are, by Stripe customer or account, is resolved later.
"""

from collections.abc import Mapping
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
KINDS: Mapping[pl.DataType, tuple[type[pl.DataType], ...]] = {
    pl.String(): (pl.String, pl.Categorical, pl.Enum, pl.Null),
    pl.Date(): (pl.String, pl.Date, pl.Datetime, pl.Null),
    pl.Float64(): (pl.String, pl.Null),
}
"""What a column may be stored as, beside numbers where no day is wanted."""
WRITE = "Write days as 2026-03-31 and numbers as 12.5, none below 0."


def read_usage(path: Path | None) -> pl.LazyFrame:
    """`customer_id, account_id, day, feature, value`: one of the first two is null. Nothing without a file.

    Raises:
        ConfigError: the file cannot be read, a column is missing, a value is none, or a row stands twice.
    """
    if path is None:
        return pl.LazyFrame(schema=WHOLE)
    key = "readiness.usage"
    found = _opened(path, key)
    who = _who(found, path, key, "customer_id,day,feature,value")
    rows = _typed(found, TOLD, path, key).select(*who, *TOLD)
    nobody = pl.all_horizontal(pl.col(WHO).is_null())
    _refuse(rows, nobody, path, key, "nobody is named", "Write whose usage it is.")
    _once(rows, [*WHO, "day", "feature"], path, key, "customer, day and feature")
    return rows.lazy()


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
        ConfigError: the file cannot be read, a column is missing, a value is none, or a limit stands twice.
    """
    if path is None:
        return pl.LazyFrame(schema=LIMIT)
    key = "readiness.limits"
    rows = _typed(_opened(path, key), LIMIT, path, key).select(*LIMIT)
    _once(rows, ["plan", "feature"], path, key, "plan and feature")
    return rows.lazy()


def _opened(path: Path, key: str) -> pl.DataFrame:
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        found = pl.read_parquet(path) if parquet else pl.read_csv(path, infer_schema=False)
    except (OSError, PolarsError) as error:
        raise ConfigError(
            f"{path} ({key}) cannot be read: {type(error).__name__}. Write CSV in UTF-8 with commas, as many cells in "
            f"each line as in the first, or Parquet."
        ) from None
    if len(found.columns) == 1 and ";" in found.columns[0]:
        raise ConfigError(f"{path} ({key}) is divided by semicolons. Write CSV with commas.")
    # What Polars calls the second of two columns of one name.
    twice = [name for name in found.columns if f"{name}_duplicated_0" in found.columns]
    if twice:
        raise ConfigError(f"{path} ({key}) has the column {twice[0]} twice. Rename one of them.")
    return found


def _who(found: pl.DataFrame, path: Path, key: str, columns: str) -> list[pl.Expr]:
    names = [name for name in WHO if name in found.columns]
    if not names:
        raise ConfigError(
            f"{path} ({key}) has neither a column customer_id nor account_id. Write {columns}."
        )
    _refuse_kinds(found, dict.fromkeys(names, pl.String()), path, key)
    return [_text(name) if name in names else pl.lit(None, pl.String).alias(name) for name in WHO]


def _typed(found: pl.DataFrame, schema: pl.Schema, path: Path, key: str) -> pl.DataFrame:
    missing = [name for name in schema if name not in found.columns]
    if missing:
        raise ConfigError(f"{path} ({key}) has no column {', '.join(missing)}. Add it.")
    _refuse_kinds(found, schema, path, key)
    read = found.with_columns(_read(name, found.schema[name], schema[name]) for name in schema)
    for name, dtype in schema.items():
        bad = pl.col(name).is_null()
        if dtype == pl.Float64:
            bad |= ~(pl.col(name).is_finite() & (pl.col(name) >= 0))
        _refuse(read, bad, path, key, f"{name} cannot be read", WRITE)
    return read


def _read(name: str, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    if wanted == pl.String:
        return _text(name)
    if wanted == pl.Date and given == pl.String:
        return pl.col(name).str.to_date("%Y-%m-%d", strict=False)
    return pl.col(name).cast(wanted, strict=False)


def _text(name: str) -> pl.Expr:
    """A column as text without blanks around it; null where there is none."""
    told = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(told != "").then(told).alias(name)


def _refuse_kinds(
    found: pl.DataFrame, wanted: Mapping[str, pl.DataType], path: Path, key: str
) -> None:
    """Parquet has types: a list is no name, and a number no day."""
    for name, dtype in wanted.items():
        given = found.schema[name]
        if given not in KINDS[dtype] and not (dtype != pl.Date and given.is_numeric()):
            raise ConfigError(
                f"{path} ({key}): the column {name} holds {given.base_type()}. Write text, numbers, or days as text "
                f"or dates."
            )


def _refuse(
    rows: pl.DataFrame, bad: pl.Expr, path: Path, key: str, said: str, instead: str
) -> None:
    """Refuse the file if one of its rows is `bad`."""
    wrong = rows.with_row_index().filter(bad)["index"]
    if len(wrong):
        raise ConfigError(
            f"{path} ({key}), row {wrong[0] + 1} after the header: {said}; {len(wrong) - 1:,} other rows are like it. "
            f"{instead}"
        )


def _once(rows: pl.DataFrame, by: list[str], path: Path, key: str, one: str) -> None:
    again = ~pl.struct(by).is_first_distinct()
    _refuse(rows, again, path, key, f"its {one} stood before", f"Keep one row per {one}.")
