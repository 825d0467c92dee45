"""How a table looks in Dagster's UI: its columns, how many rows, a few of them.

Belongs here: metadata, made from the schemas. Does not belong here: what is computed.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import dagster as dg
import polars as pl

from pipeline.assets.place import Place
from pipeline.lake.objects import by_month
from pipeline.money import MICRO, RATE_SCALE
from pipeline.months import KEY_FORMAT, key_of
from pipeline.schemas import Column, Table
from pipeline.schemas.table import UTC

ROWS = "dagster/partition_row_count"
PREVIEW = 3
NAMES, OWNER = ("name", "owner"), "owner"
"""Columns that name people, and the dimension of which the members do."""
MONEY_DECIMALS, RATE_DECIMALS = 6, 12
"""What is divided has so many: no 1593.8999999999999 is shown."""
RATES = ("expansion_rate", "nrr", "grr")
IDENTITY = dg.IdentityPartitionMapping()
TYPES = (
    (pl.String, "string"),
    (pl.Int64, "int"),
    (pl.Float64, "float"),
    (pl.Boolean, "bool"),
    (UTC, "timestamp"),
)


def description(table: Table) -> str:
    """The table's grain as a sentence."""
    return f"{table.grain[0].upper()}{table.grain[1:]}. Key: {', '.join(table.key)}."


def columns(table: Table) -> dict[str, Any]:
    """Definition metadata: the columns with their sentences."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name=column.name, type=_type(column), description=column.doc)
                for column in table.columns
            ]
        )
    }


def spec(
    table: Table, months: dg.PartitionsDefinition, group: str, deps: Sequence[dg.AssetDep]
) -> dg.AssetSpec:
    """The asset of a monthly table."""
    return dg.AssetSpec(
        table.name,
        group_name=group,
        description=description(table),
        metadata=columns(table),
        deps=deps,
        partitions_def=months,
        kinds={"polars"},
    )


def same_month(*names: str) -> list[dg.AssetDep]:
    """Dependencies on the same month of other assets: the only mapping there is."""
    return [dg.AssetDep(name, partition_mapping=IDENTITY) for name in names]


def rows(frame: pl.DataFrame, table: Table) -> dg.TableMetadataValue:
    """The first rows as people read them: money in major units, and nobody by name.

    Dagster keeps what it is told for ever, and `forget` does not reach it.
    """
    return _records(_readable_rows(frame.head(PREVIEW), table), table.names)


def of_months(table: Table, frame: pl.DataFrame, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each month's partition shows: its own rows counted, the first of them, and headline rates.

    Args:
        table: the monthly table.
        frame: its rows, of `keys` and no other month.
        keys: the months; one without rows is shown with none.
    """
    few, rates = few_of_months(table, by_month(_total_first(frame))), headline(frame)
    none: Few = (0, [])
    return {key: {**told(table, few.get(key, none)), **rates.get(key, {})} for key in keys}


Few = tuple[int, list[dict[str, Any]]]
"""How many rows there are, and the first of them as people read them."""


def few_of_months(table: Table, months: Mapping[str, pl.DataFrame]) -> dict[str, Few]:
    """The rows of each month counted, and the first of them."""
    if not months:
        return {}
    first = pl.concat([rows.head(PREVIEW) for rows in months.values()])
    read: dict[str, list[dict[str, Any]]] = {}
    for row in _readable_rows(first, table):
        read.setdefault(key_of(row["month"]), []).append(row)
    return {key: (rows.height, read[key]) for key, rows in months.items()}


def told(table: Table, few: Few) -> dict[str, Any]:
    """What a month's partition shows."""
    return {ROWS: few[0], "preview": _records(few[1], table.names)}


def _total_first(frame: pl.DataFrame) -> pl.DataFrame:
    if "dimension" not in frame.columns:
        return frame
    return frame.sort(pl.col("dimension") != "total", maintain_order=True)


def _readable_rows(frame: pl.DataFrame, table: Table) -> list[dict[str, Any]]:
    nobody = nameless(table.conform(frame.lazy()).collect())
    return nobody.select(_readable(column) for column in table.columns).to_dicts()


def _records(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [dg.TableRecord({k: _plain(v) for k, v in row.items()}) for row in found],
        schema=None
        if found
        else dg.TableSchema(columns=[dg.TableColumn(name=name, type="string") for name in names]),
    )


def month_result(
    context: dg.AssetExecutionContext,
    table: Table,
    frame: pl.DataFrame,
    figures: Mapping[str, Any] | None = None,
    checks: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult[None]:
    """What a monthly asset reports: of each month what `of_months` says, and figures of the run."""
    for key, each in of_months(table, frame, context.partition_keys).items():
        context.add_asset_metadata(each, table.name, key)
    return dg.MaterializeResult(
        asset_key=table.name, metadata=dict(figures or {}), check_results=list(checks)
    )


def headline(frame: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Month -> the total's rates, which the UI draws over the months; nothing for other tables."""
    if "expansion_rate" not in frame.columns:
        return {}
    total = frame.filter(pl.col("dimension") == "total", pl.col("window_months") == 1)
    rates = total.select("month", *RATES).to_dicts()
    return {
        key_of(row["month"]): {name: row[name] for name in RATES if row[name] is not None}
        for row in rates
    }


def store_months(
    context: dg.AssetExecutionContext,
    place: Place,
    frames: Mapping[Table, pl.DataFrame],
    expect: tuple[str, int],
) -> None:
    """Write the run's months of each table, then show all of them at once."""
    keys = list(context.partition_keys)
    staged = [
        each
        for table, frame in frames.items()
        for each in place.lake.write_partitions(table, frame, keys)
    ]
    place.lake.commit(staged, run_id=context.run.run_id, expect=expect)


def nameless(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` without what names people: names, owners, and members that are owners."""
    nobody = pl.lit(None, dtype=pl.String)
    left = frame.with_columns(nobody.alias(name) for name in NAMES if name in frame.columns)
    if not {"dimension", "member"} <= set(frame.columns):
        return left
    of_owners = pl.col("dimension").str.contains(OWNER, literal=True)
    return left.with_columns(member=pl.when(~of_owners).then("member"))


def _type(column: Column) -> str:
    if column.kind != "plain":
        return column.kind
    return next((name for dtype, name in TYPES if column.dtype == dtype), str(column.dtype))


def _readable(column: Column) -> pl.Expr:
    if column.kind == "money":
        return (pl.col(column.name) / MICRO).round(MONEY_DECIMALS)
    if column.kind == "rate":
        return (pl.col(column.name) / RATE_SCALE).round(RATE_DECIMALS)
    return pl.col(column.name)


def _plain(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.strftime(KEY_FORMAT)
    return str(value)
