"""CRM: which account a Stripe customer belongs to.

Belongs here: linking, and remembering the months that another link touches: the current link holds for all of them.
"""

from dataclasses import replace
from datetime import date

import dagster as dg
import polars as pl
from sqlalchemy import Connection

from pipeline import crm, mrr
from pipeline.assets import inputs, night, shown
from pipeline.assets.place import Place
from pipeline.months import Calendar, months_between
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_ALIAS,
    ACCOUNT_LINK,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    CUSTOMER,
    ITEM_TIMELINE,
    MRR_MOVEMENT,
    RAW_RECORD,
)

GROUP = "crm"


def crm_assets() -> list[dg.AssetsDefinition]:
    """`accounts`, with links and deals."""

    @dg.asset(
        group_name=GROUP,
        deps=["crm_records", "item_timeline", "fx_rate"],
        kinds={"polars"},
        description=shown.description(ACCOUNT),
        metadata=shown.columns(ACCOUNT),
    )
    def accounts(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        lake = place.lake
        generation = lake.generation(night.TIMELINE)
        customers = lake.scan(CUSTOMER)
        left_out = inputs.excluded(place, customers)
        found = crm.accounts(
            told(place),
            customers.filter(~pl.col("customer_id").is_in(left_out)),
            crm.LinkRules.of(place.settings.config),
        )
        account = crm.with_first_paid(found.account, _paid(place, found.account_link))
        frames = {
            ACCOUNT: account,
            ACCOUNT_ALIAS: found.account_alias,
            ACCOUNT_LINK: found.account_link,
            CRM_DEAL: found.crm_deal,
            CRM_DEAL_HISTORY: found.crm_deal_history,
        }
        months = _touched(place, found.account_link)

        def remember(connection: Connection) -> None:
            night.touch(connection, "link", months, generation + 1)

        staged = [lake.write(table, frame) for table, frame in frames.items()]
        lake.commit(
            staged,
            run_id=context.run.run_id,
            expect=(night.TIMELINE, generation),
            bump=night.TIMELINE if months else None,
            also=remember,
        )
        for customer, key, wanted in found.dangling.iter_rows():
            context.log.warning(
                "%s: metadata %s names %s, which does not exist", customer, key, wanted
            )
        return dg.MaterializeResult(
            metadata={
                **{f"{each.table} rows": each.rows for each in staged},
                "links": dict(
                    found.account_link.group_by("status").len().sort("status").iter_rows()
                ),
                "excluded customers": len(left_out),
                "dangling metadata": found.dangling.height,
                # Dagster keeps what it is told for ever, and `forget` does not reach it.
                "preview": shown.rows(account.with_columns(name=None), ACCOUNT),
            }
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


def _paid(place: Place, links: pl.DataFrame) -> pl.LazyFrame:
    """Each account's closing MRR of every month, as `crm.with_first_paid` reads it."""
    calendar = place.calendar()
    months = calendar.months if calendar.first_month else []
    if not months:
        return MRR_MOVEMENT.empty().lazy()
    book = replace(inputs.book(place), account_link=links.lazy())
    return (
        mrr.snapshot(book, calendar, months, place.policy)
        .group_by("month", "account_id")
        .agg(closing_mrr=pl.col("mrr").sum())
        .with_columns(window_months=pl.lit(1, dtype=pl.Int64))
    )


def _touched(place: Place, links: pl.DataFrame) -> list[date]:
    """The months from the first one that a customer with another link was subscribed in."""
    calendar = place.calendar()
    if not place.lake.partitions(ACCOUNT_LINK):
        return []
    names = ["customer_id", "account_id"]
    before = place.lake.scan(ACCOUNT_LINK).select(names).collect()
    moved = before.join(links.select(names), on=names, how="anti", nulls_equal=True)
    began = (
        place.lake.scan(ITEM_TIMELINE)
        .join(moved.lazy(), on="customer_id", how="semi")
        .select(pl.col("valid_from").min())
        .collect()
        .item()
    )
    if began is None or calendar.first_month is None:
        return []
    month = Calendar(now=began, timezone=calendar.timezone).current
    return months_between(max(month, calendar.first_month), calendar.current)
