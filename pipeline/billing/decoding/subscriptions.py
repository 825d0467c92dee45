"""Decoding of subscriptions: both sides of every event, and every listing (OBSERVED_SUBSCRIPTION)."""

from collections.abc import Callable

import polars as pl

from pipeline import schemas
from pipeline.billing.decoding import payload as p
from pipeline.billing.decoding import tax_rates

EVENT_ITEMS = 10
"""An event lists at most so many items; where previous attributes do not say whether there were more, ten may be."""

DISCOUNTS_SINCE = "2025-03-31.basil"
"""From this version on items surely have a list of discounts; they got it in the year before."""


def _fields(rows: pl.LazyFrame, get: Callable[..., pl.Expr]) -> pl.LazyFrame:
    """The columns of a subscription's state, each read by `get(*path)`."""
    return rows.with_columns(
        customer_id=get("customer"),
        currency=get("currency"),
        status=get("status"),
        created_at=p.instant(get("created")),
        ended_at=p.instant(get("ended_at")),
        cancel_requested_at=p.instant(get("canceled_at")),
        cancel_at=p.instant(get("cancel_at")),
        cancel_reason=get("cancellation_details", "reason"),
        trial_start=p.instant(get("trial_start")),
        trial_end=p.instant(get("trial_end")),
        collection_paused=get("pause_collection").is_not_null(),
        subscription_discounts=pl.when(
            _tells_discounts().not_() | get("discounts").is_not_null()
        ).then(pl.coalesce(get("discounts"), _one(get("discount", "id")))),
        subscription_period=p.instant(get("current_period_start")),
        items=pl.when(_tells_discounts().not_() | _all_told(get("items", "data"))).then(
            _items(get("items", "data"))
        ),
        default_tax_ppm=tax_rates.inclusive(get("default_tax_rates")),
        automatic_tax=get("automatic_tax", "enabled"),
        tax_rates=tax_rates.rates(
            get("default_tax_rates"),
            get("items", "data").list.eval(
                pl.element()
                .struct.field("tax_rates")
                .explode(empty_as_null=False, keep_nulls=False)
            ),
        ),
        more=get("items", "has_more")
        .fill_null(get("items", "data").list.len() >= EVENT_ITEMS)
        .fill_null(value=False),
    )


def _tells_discounts() -> pl.Expr:
    """Whether a record has a version in which a subscription and its items list their discounts, if only none."""
    new = (pl.col("api_version") >= DISCOUNTS_SINCE).fill_null(value=False)
    return (pl.col("stream") != "event") | new


def _all_told(items: pl.Expr) -> pl.Expr:
    """Whether every item lists its discounts."""
    told = pl.element().struct.field("discounts").is_not_null()
    return items.list.eval(told).list.all()


def _one(value: pl.Expr) -> pl.Expr:
    """A list of the value; empty where it is null."""
    return (
        pl.when(value.is_null())
        .then(pl.lit([], dtype=pl.List(pl.String)))
        .otherwise(pl.concat_list(value))
    )


def _items(items: pl.Expr) -> pl.Expr:
    item = pl.element().struct
    trial = item.field("current_trial").struct
    return items.list.eval(
        pl.struct(
            id=item.field("id"),
            # Items of the oldest versions have a plan of the same id.
            price_id=pl.coalesce(
                item.field("price").struct.field("id"), item.field("plan").struct.field("id")
            ),
            quantity=item.field("quantity"),
            discounts=item.field("discounts"),
            period_start=p.instant(item.field("current_period_start")),
            created=p.instant(item.field("created")),
            trial_start=p.instant(trial.field("start_date")),
            trial_end=p.instant(trial.field("end_date")),
            tax_ppm=tax_rates.inclusive(item.field("tax_rates")),
        )
    )


def _events(raw: pl.LazyFrame) -> pl.LazyFrame:
    return p.events(raw, "customer.subscription.", p.EVENT_SUBSCRIPTION).with_columns(
        subscription_id=p.field("data", "object", "id"),
        kind=p.field("type").str.strip_prefix("customer.subscription."),
        at=pl.col("created"),
        proof=pl.col("id"),
        changed=pl.col("previous_keys").list.len().fill_null(0) > 0,
    )


def _after(events: pl.LazyFrame) -> pl.LazyFrame:
    return _fields(events, lambda *path: p.field("data", "object", *path)).with_columns(
        side=pl.lit("after"), checked=pl.lit(value=True)
    )


def _before(events: pl.LazyFrame) -> pl.LazyFrame:
    """The state before: `object` with `previous_attributes` laid over it."""

    def read(*path: str) -> pl.Expr:
        before = p.field("data", "previous_attributes", *path)
        after = p.field("data", "object", *path)
        if path[0] == "items":
            # Of the list, too, only what changed: its data, or whether there are more.
            before = pl.coalesce(before, after)
        changed = pl.col("previous_keys").list.contains(path[0])
        return pl.when(changed).then(before).otherwise(after)

    keys = pl.col("previous_keys").list
    singular = keys.contains("discount") & keys.contains("discounts").not_()
    known = pl.col("changed") | pl.col("kind").is_in(
        ["created", "trial_will_end", "pending_update_applied", "pending_update_expired"]
    )
    return (
        _fields(events, read)
        .with_columns(side=pl.lit("before"), checked=known)
        .with_columns(  # before basil a change of the one discount may come without the list
            subscription_discounts=pl.when(singular.fill_null(value=False))
            .then(_one(p.field("data", "previous_attributes", "discount", "id")))
            .otherwise("subscription_discounts")
        )
        .with_columns(  # of a nested object only what changed is among the previous attributes
            automatic_tax=pl.col("automatic_tax").fill_null(
                p.field("data", "object", "automatic_tax", "enabled")
            )
        )
        .with_columns(  # nothing existed before its creation
            items=pl.when(pl.col("kind") == "created").then(None).otherwise(pl.col("items")),
            status=pl.when(pl.col("kind") == "created").then(None).otherwise(pl.col("status")),
        )
    )


def subscriptions(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Both sides of every event, and every listing (OBSERVED_SUBSCRIPTION)."""
    events = _events(raw).collect().lazy()
    listed = p.decoded(p.stream(raw, "subscription"), p.SUBSCRIPTION).with_columns(
        subscription_id="id",
        kind=pl.lit("listing"),
        at="observed_at",
        proof="sync_id",
        side=pl.lit("both"),
        checked=pl.lit(value=True),
    )
    sides = (_before(events), _after(events), _fields(listed, p.field))
    return pl.concat([schemas.OBSERVED_SUBSCRIPTION.conform(side) for side in sides])
