"""Billing: the raw store becomes the item timeline.

Belongs here: folding, showing the fold under a new generation, and remembering which months it touches.
"""

from datetime import UTC, date, datetime

import dagster as dg
import polars as pl
from sqlalchemy import Connection

from pipeline import billing, mrr
from pipeline.assets import evidence, inputs, night, shown
from pipeline.assets.place import Place
from pipeline.months import Calendar, months_between
from pipeline.schemas import ITEM_TIMELINE

GROUP = "billing"
ALWAYS = datetime.min.replace(tzinfo=UTC)


def billing_assets() -> list[dg.AssetsDefinition]:
    """`item_timeline`, with the dimensions and usage charges that it refers to."""

    @dg.asset(
        group_name=GROUP,
        deps=["stripe_records"],
        kinds={"polars"},
        description=shown.description(ITEM_TIMELINE),
        metadata=shown.columns(ITEM_TIMELINE),
    )
    def item_timeline(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        lake, config = place.lake, place.settings.config
        generation = lake.generation(night.TIMELINE)
        decoded = evidence.decode_new(lake)
        found = evidence.fold(decoded, inputs.billing(lake))
        folded, since = found.billing, found.since
        staged = [lake.write(table, getattr(folded, table.name)) for table in inputs.BILLING]
        new_settings = night.settings_changed(place.engine, config)
        months = touched(place, folded, since)
        settings = touched(place, folded, ALWAYS) if new_settings else []
        moved = bool(months or settings)

        def remember(connection: Connection) -> None:
            decoded.remember(connection)
            night.touch(connection, "evidence", months, generation + 1)
            night.touch(connection, "setting", settings, generation + 1)
            night.remember_settings(connection, config, generation + moved)

        lake.commit(
            [*decoded.staged, *staged],
            run_id=context.run.run_id,
            expect=(night.TIMELINE, generation),
            bump=night.TIMELINE if moved else None,
            also=remember,
        )
        return dg.MaterializeResult(
            metadata={
                **{f"{each.table} rows": each.rows for each in staged},
                "customers folded": found.customers,
                "evidence": _evidence(folded.item_timeline),
                "touched since": since.isoformat() if since else "nothing",
                "preview": shown.rows(folded.item_timeline, ITEM_TIMELINE),
            }
        )

    return [item_timeline]


def touched(place: Place, folded: billing.Billing, since: datetime | None) -> list[date]:
    """The months whose figures may differ because something is new from `since` on."""
    if since is None:
        return []
    calendar = place.calendar()
    first = place.settings.config.company.first_month or _first_paid(place, folded, calendar)
    if first is None:
        return []
    from_month = first
    if since > calendar.start(first):
        from_month = Calendar(now=since, timezone=calendar.timezone).current
    return months_between(from_month, calendar.current)


def _first_paid(place: Place, folded: billing.Billing, calendar: Calendar) -> date | None:
    frames = {
        name: getattr(folded, name).lazy()
        for name in ("item_timeline", "usage_charge", "price", "coupon", "product")
    }
    book = mrr.Book(
        **frames,
        account_link=mrr.empty_links(),
        fx_rate=pl.LazyFrame(),
        plans=place.settings.config.mrr.plans,
        excluded=inputs.excluded(place, folded.customer.lazy()),
    )
    return mrr.first_month(book, place.policy, calendar)


def _evidence(timeline: pl.DataFrame) -> dict[str, int]:
    counted = timeline.group_by("evidence").len().sort("evidence")
    return dict(counted.iter_rows())
