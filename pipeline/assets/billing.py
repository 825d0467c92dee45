"""Billing: the raw store becomes the item timeline.

Belongs here: folding, showing the fold under a new generation, and remembering which months it touches.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl
from sqlalchemy import Connection, insert

from pipeline import billing, mrr
from pipeline.assets import checked, evidence, folded, inputs, night, shown, touches
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.lake import StagedObject
from pipeline.months import Calendar, months_between
from pipeline.schemas import (
    COUPON,
    CUSTOMER,
    DATA_QUALITY,
    ITEM_TIMELINE,
    PRICE,
    PRODUCT,
    USAGE_CHARGE,
)

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
        left_out = set(inputs.excluded(place, lake.scan(CUSTOMER)))
        found = folded.write(lake, folded.fold(decoded, folded.before(lake)))
        changes = pl.concat([found.changes, left_out_otherwise(place, left_out, found)])
        since = billing.since(changes)
        new_settings = night.settings_changed(place.engine, in_force)
        first = first_month(place, found) if since or new_settings else None
        months = touched(place, first, since)
        settings = touched(place, first, ALWAYS) if new_settings else []
        if not decoded.before:
            # Another version of the code folds everything anew: what differs then is its doing, and no record's.
            months, settings = [], settings or months
        moved = bool(months or settings)
        by = touches.of(changes, "at", "proof", place.calendar())

        looked = [
            amounts_known(
                found.scan(ITEM_TIMELINE), found.scan(PRICE), context.run.run_id, place.calendar()
            ),
            readable(decoded, context.run.run_id, place.calendar()),
        ]
        metadata: dict[str, Any] = {
            **{f"{name} rows": rows for name, rows in _rows(found.staged).items()},
            "customers folded": found.customers,
            "evidence": _evidence(found.scan(ITEM_TIMELINE)),
            "touched since": since.isoformat() if since else "nothing",
            "preview": shown.rows(
                found.scan(ITEM_TIMELINE).head(shown.PREVIEW).collect(), ITEM_TIMELINE
            ),
        }

        def remember(connection: Connection) -> None:
            decoded.remember(connection)
            night.touch(connection, "evidence", months, generation + 1, by)
            night.touch(connection, "setting", settings, generation + 1)
            night.remember_settings(connection, in_force, generation + moved)
            connection.execute(insert(table_of(DATA_QUALITY)), [row for _, row in looked])

        lake.commit(
            [*decoded.staged, *found.staged],
            run_id=context.run.run_id,
            expect=(night.TIMELINE, generation),
            bump=night.TIMELINE if moved else None,
            also=remember,
        )
        for result, _ in looked:
            if not result.passed:
                context.log.warning("%s", result.description)
        yield dg.MaterializeResult(
            check_results=[result for result, _ in looked], metadata=metadata
        )

    return [item_timeline]


def amounts_known(
    timeline: pl.LazyFrame, price: pl.LazyFrame, run_id: str, calendar: Calendar
) -> tuple[dg.AssetCheckResult, dict[str, Any]]:
    """Which prices in use have amounts that no list gives: a warning, and a row of `data_quality`.

    Items that ended count as nothing too, but nobody can move them to another price: they do not warn for ever.
    """
    unknown = price.filter(pl.col("amount_known").not_()).select("price_id", "currency")
    used = (
        timeline.filter(pl.col("valid_to").is_null())
        .join(unknown, on=["price_id", "currency"])
        .group_by("price_id", "currency")
        .agg(items=pl.col("subscription_item_id").n_unique())
        .sort("price_id", "currency")
        .collect()
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


def left_out_otherwise(place: Place, before: set[str], found: folded.Written) -> pl.DataFrame:
    """`at, proof` of each customer whom another e-mail leaves out now, or lets in: since when they have items, and id.

    Which customers are left out holds for all months.

    Args:
        place: where.
        before: the customers that were left out.
        found: what is folded.
    """
    others = before ^ set(inputs.excluded(place, found.scan(CUSTOMER)))
    if not others:
        return found.changes.clear()
    return (
        found.scan(ITEM_TIMELINE)
        .filter(pl.col("customer_id").is_in(sorted(others)))
        .group_by(proof="customer_id")
        .agg(at=pl.col("valid_from").min())
        .select("at", "proof")
        .sort("proof")
        .collect()
    )


def touched(place: Place, first: date | None, since: datetime | None) -> list[date]:
    """The months, from the first one on, whose figures may differ because something is new from `since` on.

    The first one is `first`, or that of the history as it was.
    """
    if since is None or first is None:
        return []
    calendar = place.calendar()
    # Of customers who are left out now, months before the first one may have figures.
    first = min(first, calendar.first_month or first)
    from_month = first
    if since > calendar.start(first):
        from_month = Calendar(now=since, timezone=calendar.timezone).current
    return months_between(from_month, calendar.current)


def first_month(place: Place, found: folded.Written, spans: int = mrr.SPANS) -> date | None:
    """The first month of the history: that of the configuration, else that of the first counted MRR.

    Args:
        place: where.
        found: what is folded; it is valued in parts.
        spans: the most rows of the timeline of a part.
    """
    if place.settings.config.company.first_month:
        return place.settings.config.company.first_month
    excluded = inputs.excluded(place, found.scan(CUSTOMER))
    books = [
        mrr.Book(
            item_timeline=found.scan(ITEM_TIMELINE, share),
            usage_charge=found.scan(USAGE_CHARGE, share),
            price=found.scan(PRICE),
            coupon=found.scan(COUPON),
            product=found.scan(PRODUCT),
            account_link=mrr.empty_links(),
            fx_rate=pl.LazyFrame(),
            plans=place.settings.config.mrr.plans,
            excluded=excluded,
        )
        for share in found.shares
    ]
    firsts = [
        mrr.first_month(book.share(number, of), place.policy, place.calendar())
        for book in books
        for of in [mrr.shares(book, spans)]
        for number in range(of)
    ]
    return min((first for first in firsts if first), default=None)


def _rows(staged: Sequence[StagedObject]) -> dict[str, int]:
    """How many rows each table has."""
    rows: dict[str, int] = {}
    for each in staged:
        rows[each.table] = rows.get(each.table, 0) + each.rows
    return rows


def _evidence(timeline: pl.LazyFrame) -> dict[str, int]:
    counted = timeline.group_by("evidence").len().sort("evidence").collect()
    return dict(counted.iter_rows())
