"""How a table looks in Dagster's UI: its columns, how many rows, a few of them.

Belongs here: metadata, made from the schemas. Does not belong here: what is computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import dagster as dg
import polars as pl

from pipeline.assets.place import Place
from pipeline.lake.objects import StagedObject
from pipeline.money import MICRO, RATE_SCALE
from pipeline.months import KEY_FORMAT, key_of
from pipeline.schemas import Column, Table
from pipeline.schemas.table import UTC

PREVIEW = 5
NAMES, OWNER = ("name", "owner"), "owner"
"""Columns that name people, and the dimension of which the members do."""
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
    few = nameless(table.conform(frame.head(PREVIEW).lazy()).collect())
    shown = few.select(_readable(column) for column in table.columns)
    return dg.MetadataValue.table(
        [dg.TableRecord({k: _plain(v) for k, v in row.items()}) for row in shown.to_dicts()],
        schema=dg.TableSchema(
            columns=[dg.TableColumn(name=name, type="string") for name in shown.columns]
        )
        if few.is_empty()
        else None,
    )


def month_result(
    context: dg.AssetExecutionContext,
    table: Table,
    frame: pl.DataFrame,
    figures: Mapping[str, Any] | None = None,
    checks: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult[None]:
    """What a monthly asset reports: rows of each month, the first rows of the last one, and figures."""
    months = frame.group_by("month").len().rows()
    found = {key_of(month): count for month, count in months}
    for key in context.partition_keys:
        context.add_asset_metadata(
            {"dagster/partition_row_count": found.get(key, 0)}, table.name, key
        )
    last = frame.filter(pl.col("month") == pl.col("month").max())
    return dg.MaterializeResult(
        asset_key=table.name,
        metadata={"rows": frame.height, "preview": rows(last, table), **(figures or {})},
        check_results=list(checks),
    )


@dataclass
class Parts:
    """What a step writes of monthly tables, part by part; nobody sees it before it is committed.

    Attributes:
        place: where it works.
        staged: the objects that are written.
        rows: table -> month -> rows.
        last: table -> the first rows of the last month.
    """

    place: Place
    staged: list[StagedObject] = field(default_factory=list)
    rows: dict[Table, dict[str, int]] = field(default_factory=dict)
    last: dict[Table, pl.DataFrame] = field(default_factory=dict)

    def add(self, frames: Mapping[Table, pl.DataFrame], months: Sequence[date]) -> None:
        """Write the rows of some months of each table."""
        for table, frame in frames.items():
            keys = [key_of(month) for month in months]
            self.staged += self.place.lake.write_partitions(table, frame, keys)
            counted = frame.group_by("month").len().iter_rows()
            self.rows.setdefault(table, dict.fromkeys(keys, 0)).update(
                {**dict.fromkeys(keys, 0), **{key_of(month): count for month, count in counted}}
            )
            self.last[table] = frame.filter(pl.col("month") == pl.col("month").max()).head(PREVIEW)

    def commit(self, context: dg.AssetExecutionContext, expect: tuple[str, int]) -> None:
        """Show all of them at once."""
        self.place.lake.commit(self.staged, run_id=context.run.run_id, expect=expect)

    def result(
        self,
        context: dg.AssetExecutionContext,
        table: Table,
        checks: Sequence[dg.AssetCheckResult] = (),
    ) -> dg.MaterializeResult[None]:
        """What the asset of a table reports: rows of each month, and the first rows of the last one."""
        for key, count in self.rows[table].items():
            context.add_asset_metadata({"dagster/partition_row_count": count}, table.name, key)
        return dg.MaterializeResult(
            asset_key=table.name,
            metadata={
                "rows": sum(self.rows[table].values()),
                "preview": rows(self.last[table], table),
            },
            check_results=list(checks),
        )


def headline(frame: pl.DataFrame) -> dict[str, Any]:
    """The total's rates of the last month, which the UI draws over time; nothing for other tables."""
    if "expansion_rate" not in frame.columns:
        return {}
    total = frame.filter(
        pl.col("dimension") == "total",
        pl.col("window_months") == 1,
        pl.col("month") == pl.col("month").max(),
    )
    rates = total.select("expansion_rate", "nrr", "grr").to_dicts()
    return {k: v for row in rates for k, v in row.items() if v is not None}


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
        return pl.col(column.name) / MICRO
    if column.kind == "rate":
        return pl.col(column.name) / RATE_SCALE
    return pl.col(column.name)


def _plain(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.strftime(KEY_FORMAT)
    return str(value)
