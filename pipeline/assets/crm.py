"""CRM: which account a Stripe customer belongs to.

Belongs here: linking, and remembering the months that another link or another history of an account touches: the
current link holds for all of them.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl
from sqlalchemy import Connection

from pipeline import crm, mrr
from pipeline.assets import covered, dimensions, forgotten, inputs, night, relinked, shown, touches
from pipeline.assets.fan_out import fan_out
from pipeline.assets.place import Place
from pipeline.assets.shares import Share, shares
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_ALIAS,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    ACCOUNT_LINK_CHANGE,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    CUSTOMER,
    RAW_RECORD,
)
from pipeline.sources.override_file import read_overrides

GROUP = "crm"
BEGUN = pl.Schema({"customer_id": pl.String(), "first_paid_month": pl.Date()})
"""One row per customer who ever had closing MRR, with the first month."""
HELD = pl.Schema({"customer_id": pl.String(), "mrr": pl.Int64()})
"""One row per customer with items now: their MRR in micro-units of the reporting currency."""


def crm_assets() -> list[dg.AssetsDefinition]:
    """`accounts`, with links and deals."""

    @dg.asset(
        group_name=GROUP,
        deps=["crm_records", "item_timeline", "fx_rate"],
        kinds={"polars"},
        description=shown.description(ACCOUNT),
        metadata=shown.columns(ACCOUNT),
        check_specs=covered.SPECS,
    )
    def accounts(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        lake, config = place.lake, place.settings.config
        generation = lake.generation(night.TIMELINE)
        customers = lake.scan(CUSTOMER)
        left_out = inputs.excluded(place, customers)
        found = crm.accounts(
            told(place),
            customers,
            crm.LinkRules.of(config),
            read_overrides(config.crm.override),
            left_out,
            forgotten.kept_links(place),
        )
        calendar = place.calendar()
        first, mrr_now = paying(place)
        account = crm.with_first_paid(found.account, first, found.account_link.lazy())
        changes = relinked.changes(place, found.account_link, mrr_now)
        moved = changes.select(month="first_month", id="customer_id")
        other = dimensions.touched(place, found.account_history, found.account_link)
        months, others = (touches.months(each, calendar) for each in (moved, other))
        results, quality = covered.looked(
            place, context.run.run_id, found, customers, mrr_now, left_out
        )
        frames = {
            ACCOUNT: account,
            ACCOUNT_ALIAS: found.account_alias,
            ACCOUNT_HISTORY: found.account_history,
            ACCOUNT_LINK: found.account_link,
            CRM_DEAL: found.crm_deal,
            CRM_DEAL_HISTORY: found.crm_deal_history,
        }
        if changes.height:
            frames[ACCOUNT_LINK_CHANGE] = changes

        def remember(connection: Connection) -> None:
            night.touch(connection, "link", months, generation + 1, moved)
            night.touch(connection, "evidence", others, generation + 1, other)
            covered.note(connection, quality)

        staged = [lake.write(table, frame) for table, frame in frames.items()]
        lake.commit(
            staged,
            run_id=context.run.run_id,
            expect=(night.TIMELINE, generation),
            bump=night.TIMELINE if months or others else None,
            also=remember,
        )
        for result in results:
            if not result.passed:
                context.log.warning("%s", result.description)
        yield dg.MaterializeResult(
            check_results=results,
            metadata={
                **{f"{each.table} rows": each.rows for each in staged},
                "links": dict(
                    found.account_link.group_by("status").len().sort("status").iter_rows()
                ),
                "links that changed": changes.height,
                "preview": shown.rows(account, ACCOUNT),
            },
        )

    return [accounts]


def told(place: Place) -> list[tuple[str, crm.Told]]:
    """What each CRM tells whose records are in the lake, in the order of `crm.order`."""
    config = place.settings.config
    known = {name.partition(".")[0] for name in place.lake.partitions(RAW_RECORD)}
    return [
        (name, crm.CRMS[name].told(inputs.raw_of(place.lake, name), crm.fields_of(config)))
        for name in config.crm.order
        if name in known and name in crm.CRMS
    ]


def paying(place: Place, spans: int = mrr.SPANS) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Who ever had closing MRR and since when (BEGUN), and who has how much now (HELD).

    Customers are looked at in shares: all months of all may not fit into memory. A sync asks no cluster.

    Args:
        place: where.
        spans: the most rows of the timeline of a share.
    """
    calendar = place.calendar()
    if calendar.first_month is None:
        return BEGUN.to_frame().lazy(), HELD.to_frame().lazy()
    with shares(place, calendar.months, spans) as several:
        found = list(fan_out(_paying, several))
    begun, held = (pl.concat(frames).lazy() for frames in zip(*found, strict=True))
    return begun, held


def _paying(share: Share) -> tuple[pl.DataFrame, pl.DataFrame]:
    calendar, policy = share.calendar, share.policy
    book = share.accounts.since(calendar.boundary(share.months[0]))
    spans = mrr.worth(book, policy).collect().lazy()
    begun = mrr.first_months(spans, calendar, share.months)
    items = mrr.snapshot_of(spans, book.fx_rate, calendar, [calendar.current], policy)
    held = items.group_by("customer_id").agg(pl.col("mrr").sum())
    return begun.collect(), held.collect()
