"""Sources: what Stripe and the CRM say goes into the raw store.

Belongs here: which sources a step pulls. Paging is in `pipeline.sources`, landing in `pipeline.lake.landing`.
"""

import json
import time
from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import insert

from pipeline.assets import complete, forgetting
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.lake.landing import SyncResult, sync
from pipeline.lake.one_source import Watch
from pipeline.lake.progress import Progress
from pipeline.schemas import DATA_QUALITY
from pipeline.sources import Source, configured_sources

GROUP = "sources"
EXAMPLES = 10
EVERY_SECONDS = 30
"""How often the log is told how far a sync is."""


class SyncConfig(dg.Config):
    """How a source is pulled."""

    full: bool = False
    """List everything, whatever the cursors say."""


def source_assets() -> list[dg.AssetsDefinition]:
    """`stripe_records` and `crm_records`."""

    @dg.asset(group_name=GROUP, pool="stripe", kinds={"stripe"}, check_specs=complete.SPECS)
    def stripe_records(
        context: dg.AssetExecutionContext, config: SyncConfig, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Customers, prices, coupons, subscriptions, invoices and events as Stripe returns them."""
        sources = _named(place, "stripe")
        found = _pulled(context, place, sources, config)
        checks = complete.Completeness(context, place, sources).looked(found)
        yield dg.MaterializeResult(check_results=checks, metadata=_told(found))

    @dg.asset(group_name=GROUP, pool="crm", kinds={"hubspot"})
    def crm_records(
        context: dg.AssetExecutionContext, config: SyncConfig, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        """Companies, deals and owners as the CRM returns them; nothing where no CRM is connected."""
        sources = _named(place, "hubspot")
        if not sources:
            return dg.MaterializeResult(metadata={"connected": False})
        return dg.MaterializeResult(metadata=_told(_pulled(context, place, sources, config)))

    return [stripe_records, crm_records]


def _named(place: Place, name: str) -> list[Source]:
    named = [source for source in configured_sources(place.settings) if source.name == name]
    return forgetting.respected(place, named)


def _pulled(
    context: dg.AssetExecutionContext, place: Place, sources: Sequence[Source], config: SyncConfig
) -> SyncResult:
    now = place.settings.now
    found = sync(
        place.lake,
        place.engine,
        sources,
        now(),
        context.run.run_id,
        "everything" if config.full else "changes",
        _watch(context, place),
        clock=now,
    )
    for example in found.examples:
        context.log.warning("Kept aside: %s", example)
    for notice in dict.fromkeys(found.notices):
        context.log.warning("%s", notice)
    _note_unknown(context, place, found)
    return found


def _watch(context: dg.AssetExecutionContext, place: Place) -> Watch:
    """Shows each page to who watches, and tells the log now and then."""
    told = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal told
        if place.watch is not None:
            place.watch(progress)
        if time.monotonic() - told > EVERY_SECONDS or (progress.done and progress.listed):
            told = time.monotonic()
            context.log.info("%s", progress.told)

    return watch


def _note_unknown(context: dg.AssetExecutionContext, place: Place, found: SyncResult) -> None:
    """Name what a source sends that this version does not know: a warning, and a row of `data_quality`."""
    if not found.counts:
        return
    names = sorted(found.unknown, key=lambda name: (-found.unknown[name], name))
    if names:
        context.log.warning(
            "Fields or values that this version does not know came with the records; such fields are not kept, such "
            "values are: %s. Please report them.",
            ", ".join(f"{name} ({found.unknown[name]} times)" for name in names[:EXAMPLES]),
        )
    row = {
        "run_id": context.run.run_id,
        "check": f"{context.asset_key.to_user_string()} everything_known",
        "month": place.calendar().current,
        "passed": not names,
        "severity": "warning" if names else "info",
        "figures": json.dumps({name: found.unknown[name] for name in names}),
        "examples": json.dumps(names[:EXAMPLES]),
    }
    with place.engine.begin() as connection:
        connection.execute(insert(table_of(DATA_QUALITY)), [row])


def _told(found: SyncResult) -> dict[str, dg.MetadataValue]:
    streams = [
        dg.TableRecord(
            {
                "stream": each.stream,
                "listed": each.listed,
                "stored": each.stored,
                "rejected": each.rejected,
                "seconds": round(each.seconds, 1),
                "objects/s": round(each.objects_per_second),
            }
        )
        for each in found.counts
    ]
    return {
        "stored": dg.MetadataValue.int(found.stored),
        "rejected": dg.MetadataValue.int(sum(each.rejected for each in found.counts)),
        "unknown to this version": dg.MetadataValue.json(dict(found.unknown)),
        "streams": dg.MetadataValue.table(streams),
    }
