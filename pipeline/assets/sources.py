"""Sources: what Stripe and the CRM say goes into the raw store.

Belongs here: which sources a step pulls. Paging is in `pipeline.sources`, landing in `pipeline.lake.landing`.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from pipeline.assets import complete
from pipeline.assets.place import Place
from pipeline.lake.landing import SyncResult, sync
from pipeline.sources import Source, configured_sources

GROUP = "sources"


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
    return [source for source in configured_sources(place.settings) if source.name == name]


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
        place.watch,
        clock=now,
    )
    for example in found.examples:
        context.log.warning("Kept aside: %s", example)
    return found


def _told(found: SyncResult) -> dict[str, dg.MetadataValue]:
    streams = [
        dg.TableRecord(
            {
                "stream": each.stream,
                "listed": each.listed,
                "stored": each.stored,
                "rejected": each.rejected,
            }
        )
        for each in found.counts
    ]
    return {
        "stored": dg.MetadataValue.int(found.stored),
        "rejected": dg.MetadataValue.int(sum(each.rejected for each in found.counts)),
        "streams": dg.MetadataValue.table(streams),
    }
