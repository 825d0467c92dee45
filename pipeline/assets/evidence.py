"""Decoded evidence: raw records are decoded once, when they are new, and kept in columns beside the raw store.

Belongs here: which raw records are decoded already, and what a run adds. Decoding and folding are `pipeline.billing`'s:
the tables `observed_*` have a partition for its code, so that other code decodes and folds everything anew. The counter
`billing/<code>` in the table `generation` says up to which commit the raw store was decoded and folded; it moves in the
transaction that shows the fold.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

import polars as pl
from sqlalchemy import Connection

from pipeline import billing
from pipeline.database import reading
from pipeline.lake import Lake, LiveObject, StagedObject, ledger
from pipeline.schemas import COVERAGE, OBSERVED, OBSERVED_SUBSCRIPTION, RAW_RECORD, Table

COUNTER = "billing"
AT_ONCE = 150_000
"""Raw records that are decoded together, or one object with more: the text of more needs more memory."""
TOGETHER = 400_000
"""Raw records whose evidence is one object of each table: a fold opens all of them for each group of customers."""
ROW_GROUP = 10_000
"""Rows of evidence stored together, in the order of their customers: who reads some customers skips the rest."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the raw store says, in columns.

    Attributes:
        lake: where it is kept.
        code: the code that decoded it.
        before: the commit up to which it was folded before; 0 when this code folds for the first time.
        until: the commit up to which it is decoded now.
        live: the lake's objects at that commit.
        staged: what this run decoded.
    """

    lake: Lake
    code: str
    before: int
    until: int
    live: Sequence[LiveObject]
    staged: Sequence[StagedObject]

    def fresh(self) -> billing.Evidence:
        """What this run decoded."""
        return self._evidence(self.staged)

    def known(self) -> billing.Evidence:
        """What was decoded and folded before."""
        return self._evidence([each for each in self.live if each.partition == self.code])

    def covered(self) -> pl.LazyFrame:
        """The coverage that was known before (COVERAGE)."""
        return self._coverage(self.before)

    def coverage(self) -> pl.LazyFrame:
        """The coverage that is known now (COVERAGE)."""
        return self._coverage(self.until)

    def remember(self, connection: Connection) -> None:
        """Keep, inside the caller's transaction, how far was folded; drop what other code decoded.

        Raises:
            StaleGeneration: another run has folded since.
        """
        counter = f"{COUNTER}/{self.code}"
        ledger.expect_number(connection, counter, self.before)
        ledger.move(connection, counter, self.until)
        ledger.forget_others(connection, f"{COUNTER}/", counter)
        others = {each.partition for each in self.live} - {self.code}
        for table in OBSERVED:
            ledger.retire(connection, table.name, others)

    def _coverage(self, until: int) -> pl.LazyFrame:
        known = [each for each in self.live if each.table == COVERAGE.name]
        return self.lake.read(COVERAGE, [each.path for each in known if each.position <= until])

    def _evidence(self, objects: Sequence[LiveObject | StagedObject]) -> billing.Evidence:
        def rows(table: Table) -> pl.LazyFrame:
            return self.lake.read(table, [o.path for o in objects if o.table == table.name])

        return billing.Evidence(*(rows(table) for table in OBSERVED))


def decode_new(
    lake: Lake, at_once: int = AT_ONCE, code: str | None = None, together: int = TOGETHER
) -> Decoded:
    """Decode the raw records of Stripe that `code` has not decoded yet; readers see them once they are committed.

    Args:
        lake: holds the raw records.
        at_once: how many are decoded together.
        code: what decodes and folds, by default the `fingerprint` of this code.
        together: of how many raw records the evidence is one object of each table.
    """
    code = code or fingerprint()
    before = lake.generation(f"{COUNTER}/{code}")
    live = lake.live()
    raw = [
        each
        for each in live
        if each.table == RAW_RECORD.name and each.partition.startswith("stripe.")
    ]
    spans = [each for each in live if each.table == COVERAGE.name]
    staged = [
        _write(lake, table, frame, code)
        for objects in _batches([each for each in raw if each.position > before], together)
        for table, frame in _decoded(lake, objects, at_once).items()
        if frame.height
    ]
    until = max((each.position for each in (*raw, *spans)), default=before)
    return Decoded(lake, code, before, max(before, until), live, staged)


def missed(lake: Lake, since: datetime) -> pl.DataFrame:
    """What events did not tell of the subscriptions that were seen since the last fold (`billing.missed`).

    Nothing where this code has not folded yet: it will look at everything.

    Args:
        lake: holds the raw records, and what was decoded.
        since: the watermark of the last sync.
    """
    code = fingerprint()
    before = lake.generation(f"{COUNTER}/{code}")
    if not before:
        return billing.missed(OBSERVED_SUBSCRIPTION.empty().lazy(), COVERAGE.empty().lazy(), since)
    streams = ("stripe.event", "stripe.subscription")
    live = lake.live()
    fresh = [
        each.path
        for each in live
        if each.table == RAW_RECORD.name and each.partition in streams and each.position > before
    ]
    found = billing.decode(lake.read(RAW_RECORD, fresh)).subscription
    decoded = [
        each.path
        for each in live
        if each.table == OBSERVED_SUBSCRIPTION.name and each.partition == code
    ]
    key = ["source_account", "subscription_id"]
    known = lake.read(OBSERVED_SUBSCRIPTION, decoded).join(found.select(key), on=key, how="semi")
    observed = pl.concat([known, found]).collect().lazy()
    spans = lake.read(COVERAGE, [each.path for each in live if each.table == COVERAGE.name])
    return billing.missed(observed, spans, since)


def decoded_until(lake: Lake) -> int:
    """The commit up to which the raw store was decoded and folded; 0 where it was not."""
    with reading(lake.engine) as connection:
        counters = ledger.numbers_of(connection, f"{COUNTER}/")
    return min(counters.values(), default=0)


def forget(connection: Connection) -> None:
    """Inside the caller's transaction, nothing is decoded or folded: the next run begins with the raw store."""
    ledger.forget_others(connection, f"{COUNTER}/", "")
    partitions = {row.partition for row in ledger.live(connection)}
    for table in OBSERVED:
        ledger.retire(connection, table.name, partitions)


def fingerprint() -> str:
    """Changes when the code of `pipeline.billing`, its schemas, or Polars do."""
    told = hashlib.blake2b(pl.__version__.encode(), digest_size=8)
    for package in ("pipeline.billing", "pipeline.schemas"):
        for name, content in sorted(_modules(files(package), package)):
            told.update(name.encode() + content)
    return told.hexdigest()


def _modules(folder: Traversable, package: str) -> Iterator[tuple[str, bytes]]:
    """Every module of a package and of those within it, by its full name."""
    for each in folder.iterdir():
        name = f"{package}.{each.name}"
        if each.is_dir():
            yield from _modules(each, name)
        elif each.name.endswith(".py"):
            yield name, each.read_bytes()


def _batches(objects: Sequence[LiveObject], at_once: int) -> Iterator[list[LiveObject]]:
    batch: list[LiveObject] = []
    for each in objects:
        if batch and sum(other.rows for other in batch) + each.rows > at_once:
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _decoded(lake: Lake, objects: Sequence[LiveObject], at_once: int) -> dict[Table, pl.DataFrame]:
    """What some objects of the raw store say, by table."""
    parts: dict[Table, list[pl.DataFrame]] = {table: [] for table in OBSERVED}
    for several in _batches(objects, at_once):
        found = billing.decode(lake.read(RAW_RECORD, [each.path for each in several]))
        for table, frames in parts.items():
            frames.append(found.frame(table).collect())
    return {table: pl.concat(frames) for table, frames in parts.items()}


def _write(lake: Lake, table: Table, frame: pl.DataFrame, code: str) -> StagedObject:
    if "customer_id" in frame.columns:
        frame = frame.sort("customer_id", maintain_order=True)
    return lake.write(table, frame, code, row_group=ROW_GROUP)
