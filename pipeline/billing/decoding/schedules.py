"""Decoding of subscription schedules: every event and every listing of one (OBSERVED_SCHEDULE)."""

from collections.abc import Callable

import polars as pl

from pipeline import schemas
from pipeline.billing.decoding import payload as p


def schedules(raw: pl.LazyFrame) -> pl.LazyFrame:
    """One row per record of a schedule and phase (OBSERVED_SCHEDULE)."""
    events = p.events(raw, "subscription_schedule.", p.EVENT_SCHEDULE)
    listed = p.decoded(p.stream(raw, "subscription_schedule"), p.SCHEDULE)
    told = (
        _fields(events, lambda *path: p.field("data", "object", *path)).with_columns(
            at="created",
            proof="id",
            turn=pl.when(p.field("type").str.ends_with(".created")).then(0).otherwise(1),
        ),
        _fields(listed, p.field).with_columns(
            at="observed_at", proof="sync_id", turn=pl.lit(2, dtype=pl.Int64)
        ),
    )
    return pl.concat([schemas.OBSERVED_SCHEDULE.conform(_phases(each)) for each in told])


def _fields(rows: pl.LazyFrame, get: Callable[..., pl.Expr]) -> pl.LazyFrame:
    stopped = [p.instant(get(name)) for name in ("released_at", "canceled_at", "completed_at")]
    return rows.with_columns(
        schedule_id=get("id"),
        customer_id=get("customer"),
        subscription_id=pl.coalesce(get("subscription"), get("released_subscription")),
        created_at=p.instant(get("created")),
        stopped_at=pl.min_horizontal(stopped),
        ends=(get("end_behavior") == "cancel").fill_null(value=False),
        phase=get("phases"),
    )


def _phases(records: pl.LazyFrame) -> pl.LazyFrame:
    phase, item = pl.col("phase").struct, pl.element().struct
    given = _coupons(phase.field("discounts"))
    # Before clover a phase had one coupon beside its list of discounts.
    alone = pl.concat_list(phase.field("coupon"))
    return records.explode("phase", empty_as_null=True, keep_nulls=True).with_columns(
        starts_at=p.instant(phase.field("start_date")),
        coupons=pl.when(phase.field("coupon").is_not_null() & (given.list.len().fill_null(0) == 0))
        .then(alone)
        .otherwise(given),
        # Before 2020 a phase had plans.
        items=pl.coalesce(phase.field("items"), phase.field("plans")).list.eval(
            pl.struct(
                price_id=pl.coalesce(item.field("price"), item.field("plan")),
                quantity=item.field("quantity"),
                coupons=_coupons(item.field("discounts")),
            )
        ),
    )


def _coupons(discounts: pl.Expr) -> pl.Expr:
    return discounts.list.eval(pl.element().struct.field("coupon"))
