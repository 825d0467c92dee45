"""Completeness: after each sync of Stripe, that everything is there, and that events told every change.

Belongs here: what is looked at after a sync, and what is asked for because of it. Source of the rules: docs/sync.md,
"Complete".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
from sqlalchemy import insert

from pipeline.assets import checked, evidence
from pipeline.assets.place import Place
from pipeline.billing.unreadable import set_aside
from pipeline.database import table_of
from pipeline.lake import Lake, LiveObject, ledger
from pipeline.lake.landing import SyncResult, fetch, sync
from pipeline.lake.one_source import StreamCount
from pipeline.schemas import DATA_QUALITY, RAW_RECORD
from pipeline.sources import Source
from pipeline.sources.stripe.references import cut, missing, references

ASSET = "stripe_records"
REFERRED = dg.AssetCheckSpec(
    "everything_there",
    asset=ASSET,
    description="What records refer to is stored or gone at Stripe, their inner lists are whole, and what was counted "
    "is what the lake holds.",
)
TOLD = dg.AssetCheckSpec(
    "events_tell_everything",
    asset=ASSET,
    description="Subscriptions are found as the last event left them.",
)
SPECS = [REFERRED, TOLD]
LOOKED_AT = "complete"
"""The counter that says up to which commit records were looked at."""
AT_ONCE = 8
"""Objects of the lake that are read together."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look."""

    result: dg.AssetCheckResult
    figures: dict[str, Any]
    examples: Sequence[str]


class Completeness:
    """Looks after one sync of Stripe's accounts, and asks for what is wanting.

    Args:
        context: the step.
        place: where it runs.
        sources: the accounts.
    """

    def __init__(
        self, context: dg.AssetExecutionContext, place: Place, sources: Sequence[Source]
    ) -> None:
        self.context, self.place = context, place
        self.sources = list(sources)

    def looked(self, found: SyncResult) -> list[dg.AssetCheckResult]:
        """Both checks, kept in `data_quality`."""
        told, found = self._told(found)
        looks = [told, self._there(found)]
        month, run_id = self.place.calendar().current, self.context.run.run_id
        rows = [
            checked.noted(each.result, run_id, month, each.figures, each.examples) for each in looks
        ]
        with self.place.engine.begin() as connection:
            connection.execute(insert(table_of(DATA_QUALITY)), rows)
        for each in looks:
            if not each.result.passed:
                self.context.log.warning("%s", each.result.description)
        return [each.result for each in looks]

    def _told(self, found: SyncResult) -> tuple[Looked, SyncResult]:
        """Whether events told every change; where they did not, subscriptions are listed at once."""
        unseen = self._missed(found)
        listing = "subscription" in found.whole
        if unseen.height and not listing:
            self.context.log.info("Events did not tell everything: subscriptions are listed.")
            now = self.place.settings.now
            again = sync(
                self.place.lake,
                self.place.engine,
                self.sources,
                now(),
                self.context.run.run_id,
                "listing",
                self.place.watch,
                clock=now,
            )
            unseen = pl.concat([unseen, self._missed(again)]).unique(maintain_order=True)
            found = found.followed_by(again)
        examples = unseen.get_column("subscription_id").unique(maintain_order=True).to_list()
        shown = ", ".join(examples[: checked.EXAMPLES])
        look = _look(
            TOLD,
            {"unseen changes": unseen.height, "subscriptions": len(examples), "listed": listing},
            examples,
            f"{len(examples)} subscriptions were found otherwise than the last event left them ({shown}). They were "
            f"listed anew; what they were meanwhile is bounded, not exact.",
        )
        return look, found

    def _missed(self, found: SyncResult) -> pl.DataFrame:
        since = found.coverage.get_column("covered_from").to_list()
        return evidence.missed(self.place.lake, min(since, default=found.started_at))

    def _there(self, found: SyncResult) -> Looked:
        """Whether everything is stored that was listed, and that records refer to."""
        lake = self.place.lake
        stored = lake.scan(RAW_RECORD)
        mine = pl.col("sync_id").is_in(list(found.sync_ids)) & (pl.col("source") == "stripe")
        held = stored.filter(mine).select(pl.len()).collect().item()
        # All that no look has seen, also what came before a step that died.
        before = lake.generation(LOOKED_AT)
        live = [each for each in lake.live() if each.table == RAW_RECORD.name]
        fresh = [
            each for each in live if each.partition.startswith("stripe.") and each.position > before
        ]
        named, broken = _read(lake, fresh)
        wanting = missing(named, stored)
        counts = self._fetched(wanting)
        left = missing(wanting, self.place.lake.scan(RAW_RECORD)) if wanting.height else wanting
        gone = sum(each.rejected for each in counts)
        unlisted = left.filter(pl.col("stream") == "discount").height
        unexplained = left.height - gone - unlisted
        figures = {
            "stored": found.stored,
            "in the lake": held,
            "asked for": sum(each.listed for each in counts),
            "gone at Stripe": gone,
            "discounts that no list shows": unlisted,
            "missing": unexplained,
            "cut lists": broken.height,
        }
        bad = unexplained or broken.height or held != found.stored
        examples = [
            *(f"{stream} {id_}, named by {by}" for _, stream, id_, by in left.iter_rows()),
            *(
                f"{stream} {id_}: its inner list is not whole"
                for _, stream, id_ in broken.iter_rows()
            ),
        ]
        until = max((each.position for each in live), default=before)
        with self.place.engine.begin() as connection:
            ledger.move(connection, LOOKED_AT, until)
        return _look(
            REFERRED,
            figures,
            examples if bad else [],
            f"Stripe's records are not complete: {unexplained} objects that others name are missing, {broken.height} "
            f"inner lists are not whole, {found.stored - held} stored records are not in the lake. "
            f"Run: expansion sync --full",
            passed=not bad,
        )

    def _fetched(self, wanting: pl.DataFrame) -> list[StreamCount]:
        """Ask each account for what its records name and no list showed."""
        counts: list[StreamCount] = []
        for source in self.sources:
            mine = wanting.filter(
                pl.col("source_account") == source.account, pl.col("stream") != "discount"
            )
            ids = {
                str(stream): part.get_column("id").to_list()
                for (stream,), part in mine.partition_by("stream", as_dict=True).items()
            }
            if ids:
                now = self.place.settings.now
                run_id = self.context.run.run_id
                lake, engine = self.place.lake, self.place.engine
                counts += fetch(lake, engine, source, ids, now(), run_id, clock=now)
        return counts


def _read(lake: Lake, objects: Sequence[LiveObject]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the records of some objects name, and those whose inner list is not whole; read by the part."""
    found = []
    for start in range(0, max(len(objects), 1), AT_ONCE):
        paths = [each.path for each in objects[start : start + AT_ONCE]]
        rows = lake.read(RAW_RECORD, paths)
        try:
            # The streaming engine may hang after an error in one of its threads.
            with pl.Config(engine_affinity="in-memory"):
                found.append((references(rows), cut(rows)))
        except pl.exceptions.PolarsError:
            # Those that cannot be read are named by the check `records_readable`.
            readable, _ = set_aside(rows, lambda part: (references(part), cut(part)))
            found.append((references(readable), cut(readable)))
    named, broken = (pl.concat(frames) for frames in zip(*found, strict=True))
    return named.unique(["source_account", "stream", "id"], maintain_order=True), broken


def _look(
    spec: dg.AssetCheckSpec,
    figures: dict[str, Any],
    examples: Sequence[str],
    said: str,
    *,
    passed: bool | None = None,
) -> Looked:
    kept = list(examples)[: checked.EXAMPLES]
    well = not examples if passed is None else passed
    result = dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=well,
        severity=dg.AssetCheckSeverity.WARN,
        description=spec.description if well else said,
        metadata={**figures, "examples": ", ".join(kept)},
    )
    return Looked(result, figures, kept)
