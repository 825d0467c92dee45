"""Billing: the raw store becomes the item timeline.

Belongs here: folding, showing the fold under a new generation, and remembering which months it touches.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl
from sqlalchemy import Connection, insert

from pipeline import billing, mrr
from pipeline.assets import checked, evidence, inputs, night, shown, touches
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.months import Calendar, months_between
from pipeline.schemas import DATA_QUALITY, ITEM_TIMELINE

GROUP = "billing"
AMOUNTS = dg.AssetCheckSpec(
    "amounts_known",
    asset=ITEM_TIMELINE.name,
    description="Every price in use has amounts: a list gives them, or the items that have it show them.",
)
READABLE = dg.AssetCheckSpec(
    "records_readable",
    asset=ITEM_TIMELINE.name,
    description="Every record says what figures rest on, in the form that Stripe's API describes.",
)
ALWAYS = datetime.min.replace(tzinfo=UTC)


def billing_assets() -> list[dg.AssetsDefinition]:
    """`item_timeline`, with the dimensions and usage charges that it refers to."""

    @dg.asset(
        group_name=GROUP,
        deps=["stripe_records"],
        kinds={"polars"},
        description=shown.description(ITEM_TIMELINE),
        metadata=shown.columns(ITEM_TIMELINE),
        check_specs=[AMOUNTS, READABLE],
    )
    def item_timeline(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> Iterator[dg.MaterializeResult[None]]:
        lake, in_force = place.lake, night.fingerprint(place.settings.config)
        generation = lake.generation(night.TIMELINE)
        decoded = evidence.decode_new(lake)
        found = evidence.fold(decoded, inputs.billing(lake))
        folded, since = found.billing, found.since
        staged = [lake.write(table, getattr(folded, table.name)) for table in inputs.BILLING]
        new_settings = night.settings_changed(place.engine, in_force)
        months = touched(place, folded, since)
        settings = touched(place, folded, ALWAYS) if new_settings else []
        if not decoded.before:
            # Another version of the code folds everything anew: what differs then is its doing, and no record's.
            months, settings = [], settings or months
        moved = bool(months or settings)
        by = touches.of(found.changes, "at", "proof", place.calendar())

        looked = [
            amounts_known(folded, context.run.run_id, place.calendar()),
            readable(decoded, context.run.run_id, place.calendar()),
        ]

        def remember(connection: Connection) -> None:
            decoded.remember(connection)
            night.touch(connection, "evidence", months, generation + 1, by)
            night.touch(connection, "setting", settings, generation + 1)
            night.remember_settings(connection, in_force, generation + moved)
            connection.execute(insert(table_of(DATA_QUALITY)), [row for _, row in looked])

        lake.commit(
            [*decoded.staged, *staged],
            run_id=context.run.run_id,
            expect=(night.TIMELINE, generation),
            bump=night.TIMELINE if moved else None,
            also=remember,
        )
        for result, _ in looked:
            if not result.passed:
                context.log.warning("%s", result.description)
        yield dg.MaterializeResult(
            check_results=[result for result, _ in looked],
            metadata={
                **{f"{each.table} rows": each.rows for each in staged},
                "customers folded": found.customers,
                "evidence": _evidence(folded.item_timeline),
                "touched since": since.isoformat() if since else "nothing",
                "preview": shown.rows(folded.item_timeline, ITEM_TIMELINE),
            },
        )

    return [item_timeline]


def amounts_known(
    folded: billing.Billing, run_id: str, calendar: Calendar
) -> tuple[dg.AssetCheckResult, dict[str, Any]]:
    """Which prices in use have amounts that no list gives: a warning, and a row of `data_quality`.

    Items that ended count as nothing too, but nobody can move them to another price: they do not warn for ever.
    """
    unknown = folded.price.filter(pl.col("amount_known").not_()).select("price_id", "currency")
    used = (
        folded.item_timeline.filter(pl.col("valid_to").is_null())
        .join(unknown, on=["price_id", "currency"])
        .group_by("price_id", "currency")
        .agg(items=pl.col("subscription_item_id").n_unique())
        .sort("price_id", "currency")
    )
    figures = {"prices": used.height, "items": int(used.get_column("items").sum())}
    examples = [
        f"{price} {currency}" for price, currency, _ in used.head(checked.EXAMPLES).iter_rows()
    ]
    result = dg.AssetCheckResult(
        asset_key=ITEM_TIMELINE.name,
        check_name=AMOUNTS.name,
        passed=used.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"Prices whose amounts or tiers no list gives: {figures['prices']} ({', '.join(examples)}). Their "
            f"{figures['items']} items count as nothing, inferred. Deleted plans are such prices: move their "
            f"subscriptions to a price that exists."
        )
        if examples
        else AMOUNTS.description,
        metadata={**figures, "examples": ", ".join(examples)},
    )
    return result, checked.noted(result, run_id, calendar.current, figures, examples)


def readable(
    decoded: evidence.Decoded, run_id: str, calendar: Calendar
) -> tuple[dg.AssetCheckResult, dict[str, Any]]:
    """Which records could not be decoded: a warning, and a row of `data_quality`."""
    aside = pl.concat([decoded.known().unreadable, decoded.fresh().unreadable])
    found = aside.sort("observed_at", descending=True).collect()
    figures = dict(found.group_by("stream").len().sort("stream").iter_rows())
    examples = [
        f"{stream} {id_}: {reason}"
        for stream, id_, reason in found.select("stream", "record_id", "reason").iter_rows()
    ][: checked.EXAMPLES]
    result = dg.AssetCheckResult(
        asset_key=ITEM_TIMELINE.name,
        check_name=READABLE.name,
        passed=found.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{found.height} records cannot be read: {'; '.join(examples)}. "
            f"They are kept; the figures that rest on them are bounded, not exact. "
            f"Please report the ids and which field it is (Stripe's dashboard shows the record by its id)."
        )
        if examples
        else READABLE.description,
        metadata={**figures, "examples": "; ".join(examples)},
    )
    return result, checked.noted(result, run_id, calendar.current, figures, examples)


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
