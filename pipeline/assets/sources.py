"""Sources: what Stripe and the CRM say goes into the raw store.

Belongs here: which sources a step pulls. Paging is in `pipeline.sources`, landing in `pipeline.lake.landing`.
"""

import json
import time
from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import insert

from pipeline.assets import again, answered, clock, complete, forgetting
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.errors import SourceError
from pipeline.lake.landing import SyncResult, sync
from pipeline.lake.one_source import Watch
from pipeline.lake.progress import Progress
from pipeline.schemas import DATA_QUALITY
from pipeline.settings import Settings
from pipeline.sources import Source, crm_sources, stripe_sources

GROUP = "sources"
EXAMPLES = 10
EVERY_SECONDS = 30
"""How often the log is told how far a sync is."""


class SyncConfig(dg.Config):
    """How a source is pulled."""

    full: bool = False
    """List everything, whatever the cursors say."""


def source_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """`stripe_records` and `crm_records`.

    Raises:
        ConfigError: `crm.order` leaves out a CRM that is connected.
    """
    kinds = {each.name for each in crm_sources(settings)}

    @dg.asset(group_name=GROUP, pool="stripe", kinds={"stripe"}, check_specs=complete.SPECS)
    def stripe_records(
        context: dg.AssetExecutionContext, config: SyncConfig, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Customers, prices, coupons, subscriptions, invoices and events as Stripe returns them."""
        clock.refuse_wrong(place)
        sources = forgetting.respected(place, stripe_sources(place.settings))
        with again.while_down(context, place):
            found = _pulled(context, place, sources, config)
        for notice in dict.fromkeys(found.notices):
            context.log.warning("%s", notice)
        _note_unknown(context, place, found)
        checks = complete.Completeness(context, place, sources).looked(found)
        yield dg.MaterializeResult(check_results=checks, metadata=_told(found))

    @dg.asset(group_name=GROUP, pool="crm", kinds=kinds, check_specs=[answered.ANSWERED])
    def crm_records(
        context: dg.AssetExecutionContext, config: SyncConfig, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Accounts, deals and owners as each CRM returns them; one that cannot be read stops nothing.

        Its records stay as they were last, and the check `crm_answered` says why.
        """
        clock.refuse_wrong(place)
        asked = answered.Asked()
        for crm in crm_sources(place.settings):
            try:
                sources = forgetting.respected(place, [crm.open()])
                asked.answered(crm, _pulled(context, place, sources, config))
            except SourceError as error:
                asked.failed(crm, error)
        again.ask(context, place, asked.down)
        for notice in asked.new_notices(place):
            context.log.warning("%s", notice)
        for title, reason in asked.reasons.items():
            context.log.error("%s could not be read: %s", title, reason)
        if asked.found is not None:
            _note_unknown(context, place, asked.found)
        result = asked.noted(place, context.run.run_id)
        told = {} if asked.found is None else _told(asked.found)
        yield dg.MaterializeResult(check_results=[result], metadata={**told, **asked.metadata})

    return [stripe_records, crm_records]


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
                "source": each.source,
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
