"""Records on their way into the lake: kept until they make an object, and written when their content is new.

Belongs here: from pages to objects of RAW_RECORD. Does not belong here: when they are shown (`landing`).
"""

from collections.abc import Sequence

import polars as pl

from pipeline.lake.lake import Lake
from pipeline.lake.objects import StagedObject
from pipeline.schemas import RAW_RECORD
from pipeline.sources.protocol import Page, instant

Row = tuple[object, ...]


class Incoming:
    """The records of one stream that are not written yet.

    Args:
        lake: where they go.
        source: the source's name.
        account: the account in it.
        stream: the stream.
        sync_id: the sync that brings them.
        staged: paths of what this sync wrote before it was interrupted.
    """

    def __init__(
        self,
        lake: Lake,
        source: str,
        account: str,
        stream: str,
        sync_id: str,
        staged: Sequence[str] = (),
    ) -> None:
        self._lake = lake
        self._origin = (source, account, stream)
        self._sync_id = sync_id
        self._staged = tuple(staged)
        self._partition = f"{source}.{stream}"
        self._rows: list[Row] = []
        self.bytes = 0
        """Size of the payloads that wait."""

    def add(self, page: Page) -> None:
        """Keep the records of a page."""
        for record in page.records:
            self.bytes += len(record.payload)
            self._rows.append(
                (
                    *self._origin,
                    record.id,
                    None if record.created is None else instant(record.created),
                    page.observed_at,
                    self._sync_id,
                    record.api_version,
                    None if record.previous_keys is None else list(record.previous_keys),
                    record.payload.decode(),
                    record.hash,
                )
            )

    def write(self) -> StagedObject | None:
        """Write what waits and is new as one object, which nobody sees yet; null if nothing is."""
        if not self._rows:
            return None
        frame = pl.DataFrame(self._rows, schema=RAW_RECORD.schema, orient="row")
        self._rows, self.bytes = [], 0
        frame = self._new(frame)
        return self._lake.write(RAW_RECORD, frame, self._partition) if frame.height else None

    def _new(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows whose content differs from what was last seen of the same id."""
        before = pl.col("hash").shift().over("id")
        known = self._known(frame.select("id").unique())
        return (
            frame.join(known, on="id", how="left", maintain_order="left")
            .filter(pl.col("hash").ne_missing(pl.coalesce(before, "known")))
            .drop("known")
        )

    def _known(self, ids: pl.DataFrame) -> pl.DataFrame:
        """(id, known): the hash of the content last stored of each id."""
        live = self._lake.paths(RAW_RECORD, self._partition)
        rows = self._lake.read(RAW_RECORD, [*live, *self._staged])
        return (
            rows.filter(pl.col("source_account") == self._origin[1])
            .select("id", "observed_at", known="hash")
            .join(ids.lazy(), on="id", how="semi")
            .sort("observed_at", maintain_order=True)
            .group_by("id", maintain_order=True)
            .agg(pl.col("known").last())
            .collect()
        )
