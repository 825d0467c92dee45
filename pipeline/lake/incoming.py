"""Records on their way into the lake: kept until they make an object, and written when their content is new.

Belongs here: from pages to objects of RAW_RECORD. Does not belong here: when they are shown (`landing`).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline.lake.lake import Lake
from pipeline.lake.objects import StagedObject
from pipeline.schemas import RAW_RECORD
from pipeline.sources.protocol import Page

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
PLAIN = {
    **dict.fromkeys(("id", "api_version", "previous_keys", "hash"), pl.String),
    **dict.fromkeys(("created", "observed_at"), pl.Int64),
    "payload": pl.Binary,
}
"""How rows are handed over: Polars takes instants and lists from Python ten times as slowly as numbers and texts."""
BATCH = 1000
"""Records that become columns together: all at once would hold up whoever reads the next pages meanwhile."""
SEPARATOR = "\x1f"
"""Between the keys of a record on their way into a column: no key has it."""


class Incoming:
    """The records of one stream that are not written yet.

    Args:
        lake: where they go.
        source: the source's name.
        account: the account in it.
        stream: the stream.
        sync_id: the sync that brings them.
        staged: paths of what this sync wrote before it was interrupted.
        beside: paths of what this sync wrote of a stream so far.
    """

    def __init__(
        self,
        lake: Lake,
        source: str,
        account: str,
        stream: str,
        sync_id: str,
        staged: Sequence[str] = (),
        beside: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        self._lake = lake
        self._origin = (source, account, stream)
        self._sync_id = sync_id
        self._staged = tuple(staged)
        self._beside = beside
        self._told_by: str | None = None
        self._partition = f"{source}.{stream}"
        self._pages: list[Page] = []
        self._waiting: list[pl.DataFrame] = []
        self.bytes = 0
        """Size of the payloads that wait."""
        self.unchanged = 0
        """Records so far whose content was stored before."""

    def add(self, page: Page) -> None:
        """Keep the records of a page."""
        if page.records:
            self._told_by = self._told_by or page.told_by
            self.bytes += sum(len(record.payload) for record in page.records)
            self._pages.append(page)
            if sum(len(each.records) for each in self._pages) >= BATCH:
                self._turn()

    def write(self) -> StagedObject | None:
        """Write what waits and is new as one object, which nobody sees yet; null if nothing is."""
        self._turn()
        if not self._waiting:
            return None
        waiting, self._waiting, self.bytes = self._waiting, [], 0
        rows = self._rows(pl.concat(waiting))
        frame = self._new(rows)
        self.unchanged += rows.height - frame.height
        return self._lake.write(RAW_RECORD, frame, self._partition) if frame.height else None

    def _turn(self) -> None:
        """Make columns of the pages."""
        if self._pages:
            self._waiting.append(_columns(self._pages))
            self._pages = []

    def _rows(self, plain: pl.DataFrame) -> pl.DataFrame:
        """RAW_RECORD of what was handed over."""
        source, account, stream = self._origin
        keys, none = pl.col("previous_keys"), pl.lit([], dtype=pl.List(pl.String))
        return RAW_RECORD.conform(
            plain.lazy().with_columns(
                pl.lit(source).alias("source"),
                pl.lit(account).alias("source_account"),
                pl.lit(stream).alias("stream"),
                pl.lit(self._sync_id).alias("sync_id"),
                pl.from_epoch("created").cast(RAW_RECORD.schema["created"]),
                pl.col("observed_at").cast(RAW_RECORD.schema["observed_at"]),
                pl.when(keys == "")
                .then(none)
                .otherwise(keys.str.split(SEPARATOR))
                .alias("previous_keys"),
                pl.col("payload").cast(pl.String),
            )
        ).collect()

    def _new(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows whose content differs from what was last seen of the id, or of which another stream told since."""
        before = pl.col("hash").shift().over("id")
        known = self._known(frame.select("id").unique())
        told = self._told(known)
        new = pl.col("hash").ne_missing(pl.coalesce(before, "known"))
        again = before.is_null() & (pl.col("told_at") > pl.col("known_at"))
        return (
            frame.join(known, on="id", how="left", maintain_order="left")
            .join(told, on="id", how="left", maintain_order="left")
            .filter(new | again.fill_null(value=False))
            .drop("known", "known_at", "told_at")
        )

    def _known(self, ids: pl.DataFrame) -> pl.DataFrame:
        """(id, known, known_at): the hash of the content last stored of each id, and when it was seen."""
        live = self._lake.paths(RAW_RECORD, self._partition)
        rows = self._lake.read(RAW_RECORD, [*live, *self._staged])
        return (
            rows.filter(pl.col("source_account") == self._origin[1])
            .select("id", "observed_at", known="hash")
            .join(ids.lazy(), on="id", how="semi")
            .sort("observed_at", maintain_order=True)
            .group_by("id", maintain_order=True)
            .agg(pl.col("known").last(), known_at=pl.col("observed_at").last())
            .collect()
        )

    def _told(self, known: pl.DataFrame) -> pl.DataFrame:
        """(id, told_at): when another stream last told of each id."""
        if self._told_by is None or known.is_empty():
            return known.clear().select("id", told_at="known_at")
        partition = f"{self._origin[0]}.{self._told_by}"
        paths = [*self._lake.paths(RAW_RECORD, partition), *self._beside(self._told_by)]
        since = known.select(pl.col("known_at").min()).item()
        return (
            self._lake.read(RAW_RECORD, paths)
            .filter(pl.col("source_account") == self._origin[1], pl.col("created") > since)
            .select("created", id=pl.col("payload").str.json_path_match("$.data.object.id"))
            .join(known.lazy().select("id"), on="id", how="semi")
            .group_by("id")
            .agg(told_at=pl.col("created").max())
            .collect()
        )


def _columns(pages: Sequence[Page]) -> pl.DataFrame:
    """PLAIN: a row for each record of the pages, in their order."""
    records = [record for page in pages for record in page.records]
    seen = [(page.observed_at - EPOCH) // MICROSECOND for page in pages]
    values = {
        "id": [record.id for record in records],
        "created": [record.created for record in records],
        "observed_at": [at for page, at in zip(pages, seen, strict=True) for _ in page.records],
        "api_version": [record.api_version for record in records],
        "previous_keys": [
            None if record.previous_keys is None else SEPARATOR.join(record.previous_keys)
            for record in records
        ],
        "payload": [record.payload for record in records],
        "hash": [record.hash for record in records],
    }
    return pl.DataFrame(values, schema=PLAIN)
