"""What a large step writes part by part, and shows at once.

Belongs here: objects of monthly tables that are written and not yet committed, with what the UI shows of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from pipeline.assets.shown import Few, few_of_months, told
from pipeline.lake import Lake
from pipeline.lake.objects import StagedObject, by_month, write_objects, write_partitions
from pipeline.lake.storage import storage_at
from pipeline.months import key_of
from pipeline.schemas import Table


@dataclass
class Parts:
    """What a step writes of monthly tables, part by part; nobody sees it before it is committed.

    Attributes:
        root: the lake's.
        staged: the objects that are written.
        held: table -> month -> how many rows, and the first of them.
    """

    root: Path | str
    staged: list[StagedObject] = field(default_factory=list)
    held: dict[Table, dict[str, Few]] = field(default_factory=dict)

    def add(
        self, frames: Mapping[Table, pl.DataFrame], months: Sequence[date], share: int, of: int
    ) -> None:
        """Write the rows that a share of the accounts, one `of` so many, has in some months of each table."""
        storage = storage_at(self.root)
        for table, frame in frames.items():
            found = by_month(frame)
            self.staged += write_objects(storage, table.name, found, share, of)
            none: dict[str, Few] = {key_of(month): (0, []) for month in months}
            self._hold(table, none | few_of_months(table, found))

    def take(self, other: "Parts") -> None:
        """What was written elsewhere, of other accounts or months."""
        self.staged += other.staged
        for table, held in other.held.items():
            self._hold(table, held)

    def _hold(self, table: Table, more: Mapping[str, Few]) -> None:
        held = self.held.setdefault(table, {})
        for key, (count, first) in more.items():
            before, shown = held.get(key, (0, []))
            held[key] = (before + count, shown or first)

    def commit(
        self, context: dg.AssetExecutionContext, lake: Lake, expect: tuple[str, int]
    ) -> None:
        """Show all of them at once, an empty object where a month has no row."""
        for table, held in self.held.items():
            none = [key for key, (count, _) in held.items() if not count]
            self.staged += write_partitions(storage_at(self.root), table, table.empty(), none)
        lake.commit(self.staged, run_id=context.run.run_id, expect=expect)

    def result(
        self,
        context: dg.AssetExecutionContext,
        table: Table,
        checks: Sequence[dg.AssetCheckResult] = (),
    ) -> dg.MaterializeResult[None]:
        """What the asset of a table reports: of each month its rows counted, and the first of them."""
        for key, few in self.held[table].items():
            context.add_asset_metadata(told(table, few), table.name, key)
        return dg.MaterializeResult(asset_key=table.name, check_results=list(checks))
