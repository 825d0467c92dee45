"""Sources: what Stripe and the CRM say goes into the raw store.

Belongs here: which sources a step pulls. Paging is in `pipeline.sources`, landing in `pipeline.lake.landing`.
"""

import json
from collections.abc import Sequence

import dagster as dg
from sqlalchemy import insert

from pipeline.assets import forgetting
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.lake.landing import SyncResult, sync
from pipeline.schemas import DATA_QUALITY
from pipeline.sources import Source, configured_sources

GROUP = "sources"
EXAMPLES = 10


class SyncConfig(dg.Config):
    """How a source is pulled."""

    full: bool = False
    """List everything, whatever the cursors say."""


def source_assets() -> list[dg.AssetsDefinition]:
    """`stripe_records` and `crm_records`."""

    @dg.asset(group_name=GROUP, pool="stripe", kinds={"stripe"})
    def stripe_records(
        context: dg.AssetExecutionContext, config: SyncConfig, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        """Customers, prices, coupons, subscriptions, invoices and events as Stripe returns them."""
        return _pulled(context, place, _named(place, "stripe"), config)

    @dg.asset(group_name=GROUP, pool="crm", kinds={"hubspot"})
    def crm_records(
        context: dg.AssetExecutionContext, config: SyncConfig, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        """Companies, deals and owners as the CRM returns them; nothing where no CRM is connected."""
        return _pulled(context, place, _named(place, "hubspot"), config)

    return [stripe_records, crm_records]


def _named(place: Place, name: str) -> list[Source]:
    return [source for source in configured_sources(place.settings) if source.name == name]


def _pulled(
    context: dg.AssetExecutionContext, place: Place, sources: Sequence[Source], config: SyncConfig
) -> dg.MaterializeResult[None]:
    if not sources:
        return dg.MaterializeResult(metadata={"connected": False})
    sources = forgetting.respected(place, sources)
    now = place.settings.now
    found = sync(
        place.lake,
        place.engine,
        sources,
        now(),
        context.run.run_id,
        config.full,
        place.watch,
        clock=now,
    )
    for example in found.examples:
        context.log.warning("Kept aside: %s", example)
    _note_unknown(context, place, found)
    return dg.MaterializeResult(metadata=_told(found))


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
