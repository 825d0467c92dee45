"""The lake's one door: write objects, commit them, scan what is live.

Belongs here: the order "write, check, then show". A step writes content-named objects that nobody sees; one database
transaction makes them live, together with the cursor or the generation that goes with them. A kill at any point loses
nothing and shows nothing half.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Connection, Engine

from pipeline.database import reading
from pipeline.database.engine import lock_ledger
from pipeline.errors import MissingMonth, StaleGeneration
from pipeline.lake import ledger, manifest, orphans
from pipeline.lake.objects import (
    LiveObject,
    StagedObject,
    merge_objects,
    write_object,
    write_partitions,
)
from pipeline.lake.storage import remote, storage_at
from pipeline.schemas import TABLES, Table

WHOLE = "_"
"""The partition of a table that has no others."""


class Lake:
    """The objects under `root` and their manifest in `engine`'s database, which must be migrated.

    `root` is a folder's path, or the address of a bucket (`s3://bucket/prefix`).
    """

    def __init__(self, root: Path | str, engine: Engine) -> None:
        self.root = root if remote(root) else Path(root)
        self.storage = storage_at(root)
        self.engine = engine

    def write(
        self,
        table: Table,
        frame: pl.LazyFrame | pl.DataFrame,
        partition: str | None = None,
        *,
        row_group: int | None = None,
        share: int = 0,
        shares: int = 1,
    ) -> StagedObject:
        """Write one object of `table`; readers see it after `commit`.

        Args:
            table: what it holds rows of.
            frame: the rows.
            partition: the part of the table; none if the table has no others.
            row_group: rows that are stored together, for readers that want few of them; by default all.
            share: which accounts' or customers' rows they are: those of this share, from 0.
            shares: in how many shares they are written.

        Raises:
            SchemaMismatch: a column of the table is missing.
        """
        rows = table.conform(frame.lazy()).collect()
        return write_object(
            self.storage, table.name, partition or WHOLE, rows, row_group, share, shares
        )

    def write_partitions(
        self, table: Table, frame: pl.LazyFrame | pl.DataFrame, partitions: Sequence[str]
    ) -> list[StagedObject]:
        """`objects.write_partitions` to this lake: one object a month; readers see it after `commit`."""
        return write_partitions(self.storage, table, frame, partitions)

    def commit(
        self,
        staged: Sequence[StagedObject],
        *,
        run_id: str,
        expect: tuple[str, int] | None = None,
        bump: str | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """Show the objects, in one transaction.

        A replaced table's partition holds the new objects instead of the old; an append-only one, both.

        Args:
            staged: what `write` and `write_partitions` returned.
            run_id: the run or sync, kept with the objects.
            expect: a generation and the number that this run read; another number refuses the commit.
            bump: a generation to move one further.
            also: further statements of the same transaction, as cursors.

        Raises:
            StaleGeneration: `expect` does not hold; nothing was changed.
        """
        with self.engine.begin() as connection:
            lock_ledger(connection)
            self._refuse_lost(staged)
            number = 0
            if expect is not None:
                ledger.expect_number(connection, *expect)
                number = expect[1]
            if bump is not None:
                number = ledger.bump(connection, bump)
            replaced: dict[str, set[str]] = {}
            for each in staged:
                if not TABLES[each.table].append_only:
                    replaced.setdefault(each.table, set()).add(each.partition)
            retired = [
                path
                for table, partitions in replaced.items()
                for path in ledger.retire(connection, table, partitions)
            ]
            ledger.publish(connection, staged, run_id, number)
            if also is not None:
                also(connection)
        self._retired(retired)

    def merge(self, runs: Sequence[Sequence[LiveObject]], *, run_id: str) -> int:
        """Replace each run of neighbours in a partition by one object that stands where its last part stood.

        Readers of a partition see the same rows in the same order before and after. Runs of which a part is not live
        any more stay as they are. All others are shown in one transaction.

        Args:
            runs: objects of one partition each, with no other live object of it between them.
            run_id: the run, kept with the objects.

        Returns:
            How many objects were replaced.
        """
        merged = [
            (parts, merge_objects(self.storage, parts, TABLES[parts[0].table].schema))
            for parts in runs
        ]
        if not merged:
            return 0
        with self.engine.begin() as connection:
            lock_ledger(connection)
            self._refuse_lost([whole for _, whole in merged])
            retired = [
                path
                for parts, whole in merged
                for path in ledger.merge(connection, [each.path for each in parts], whole, run_id)
            ]
        self._retired(retired)
        return len(retired)

    def rewrite(
        self,
        pairs: Sequence[tuple[LiveObject, StagedObject]],
        *,
        run_id: str,
        bump: str,
        also: Callable[[Connection], None],
    ) -> None:
        """Show each new object in the place of a live one, in one transaction.

        Args:
            pairs: a live object, and what `write` returned for it.
            run_id: the run, kept with the objects.
            bump: a generation to move one further: who has read the old objects is refused.
            also: further statements of the same transaction.

        Raises:
            StaleGeneration: an object is not live any more; nothing was changed.
        """
        with self.engine.begin() as connection:
            lock_ledger(connection)
            self._refuse_lost([new for _, new in pairs])
            for old, new in pairs:
                if not ledger.merge(connection, [old.path], new, run_id):
                    raise StaleGeneration(
                        f"Another run has replaced {old.path} of the lake meanwhile. "
                        f"Nothing was changed. Start it again."
                    )
            ledger.bump(connection, bump)
            also(connection)
        self._retired([old.path for old, _ in pairs])

    def generation(self, name: str) -> int:
        """The number of the generation called `name`; 0 before its first bump."""
        with reading(self.engine) as connection:
            return ledger.number_of(connection, name)

    def scan(self, table: Table, partitions: Sequence[str] | None = None) -> pl.LazyFrame:
        """The live rows of `table`, of all partitions or of those named; in the order they were committed.

        Raises:
            MissingMonth: a named partition was never committed.
        """
        with reading(self.engine) as connection:
            rows = ledger.live(connection, table.name, partitions)
        missing = sorted(set(partitions or ()) - {str(row.partition) for row in rows})
        if missing:
            raise MissingMonth(
                f"{table.name} of {', '.join(missing)} was never computed. "
                f"Run: expansion backfill --from {missing[0]} --to {missing[-1]}"
            )
        return self.read(table, [str(row.path) for row in rows])

    def read(self, table: Table, paths: Sequence[str]) -> pl.LazyFrame:
        """The rows of some objects of `table`, live or only written, in that order."""
        if not paths:
            return table.empty().lazy()
        return pl.scan_parquet(
            [str(self.storage.at(path)) for path in paths],
            schema=table.schema,
            missing_columns="insert",
            extra_columns="ignore",
            glob=False,
        )

    def paths(self, table: Table, partition: str) -> list[str]:
        """The live objects of one partition, in the order they were committed; none if there is no such partition."""
        with reading(self.engine) as connection:
            return [str(row.path) for row in ledger.live(connection, table.name, [partition])]

    def live(self, partitions: Sequence[str] | None = None) -> list[LiveObject]:
        """Every live object, of all partitions or of those named, as of one instant, in the order of commits."""
        with reading(self.engine) as connection:
            return [
                LiveObject(
                    row.table_name,
                    row.partition,
                    row.path,
                    row.rows,
                    row.bytes,
                    row.position,
                    row.share,
                    row.shares,
                )
                for row in ledger.live(connection, partitions=partitions)
            ]

    def counts(self, table: Table) -> dict[str, int]:
        """How many live rows each partition of `table` has."""
        with reading(self.engine) as connection:
            rows = ledger.live(connection, table.name)
        found: dict[str, int] = {}
        for row in rows:
            found[str(row.partition)] = found.get(str(row.partition), 0) + int(row.rows)
        return found

    def partitions(self, table: Table) -> list[str]:
        """The partitions of `table` that are live, sorted."""
        with reading(self.engine) as connection:
            return sorted({str(row.partition) for row in ledger.live(connection, table.name)})

    def rebuild_manifest(self, needed: Collection[Table] | None = None) -> int:
        """Restore the ledger from `_manifest.json`, after a loss of the database; returns how many objects are live.

        Args:
            needed: the tables whose objects must be there, by default all; of others, those that are gone are left out.

        Raises:
            PipelineError: there is no manifest, or an object that it names is gone.
        """
        names = None if needed is None else {table.name for table in needed}
        with self.engine.begin() as connection:
            lock_ledger(connection)
            return manifest.restore(self.storage, connection, names)

    def drop_lost(self, needed: Collection[Table]) -> int:
        """Forget live objects whose files are gone; returns how many.

        Args:
            needed: the tables of which no object may be gone.

        Raises:
            PipelineError: one of them is.
        """
        names = {table.name for table in needed}
        with self.engine.begin() as connection:
            lock_ledger(connection)
            rows = ledger.live(connection)
            sizes = self.storage.sizes([str(row.path) for row in rows])
            lost = [row for row in rows if sizes[str(row.path)] is None]
            manifest.refuse_gone(
                [str(r.path) for r in lost if r.table_name in names], "the warehouse"
            )
            ledger.forget(connection, [str(row.path) for row in lost])
        return len(lost)

    def collect_orphans(
        self, grace: timedelta = timedelta(days=2), tables: Collection[Table] | None = None
    ) -> int:
        """Delete objects that are not live, nor were within `grace`; returns how many files were deleted.

        What an unfinished sync wrote is kept: the next one goes on with it.

        Args:
            grace: how long who reads an object may go on with it.
            tables: only files of these.

        Raises:
            OSError: some could not be deleted; all others were.
        """
        return orphans.collect(self.storage, self.engine, grace, tables)

    def _refuse_lost(self, staged: Sequence[StagedObject]) -> None:
        lost = self.storage.lost([each.path for each in staged])
        if lost:
            raise StaleGeneration(
                f"{len(lost)} objects were deleted as old ones while this run wrote them, the first is {lost[0]}. "
                f"Nothing of this run was shown. Start it again."
            )

    def _retired(self, paths: Sequence[str]) -> None:
        """Tell the files beside the ledger that a commit has retired these."""
        self._write_manifest()
        self.storage.retired(paths)  # who reads them still has the whole grace of `collect_orphans`

    def _write_manifest(self) -> None:
        # Under the ledger's lock, so that the file always shows the last commit, whoever writes it.
        with self.engine.begin() as connection:
            lock_ledger(connection)
            manifest.write(self.storage, connection)
