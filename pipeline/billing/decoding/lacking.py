"""Records that decode and lack what figures rest on, or hold a word there that Stripe's API does not describe.

Belongs here: what each kind of record must say. Does not belong here: what becomes of those that do not (`unreadable`).
Source of the rule: Stripe's description of its API (required fields, enumerations); docs/method.md, "How sure we are".
"""

from collections.abc import Callable

import polars as pl

from pipeline import schemas
from pipeline.schemas import Table

STATUSES = (
    "active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid",
)  # fmt: skip
INTERVALS = ("day", "week", "month", "year")


def _null(*names: str) -> pl.Expr:
    return pl.any_horizontal(pl.col(name).is_null() for name in names)


def _null_inside(name: str, *fields: str) -> pl.Expr:
    """Whether any struct of a list lacks one of the fields."""
    nulls = pl.any_horizontal(pl.element().struct.field(each).is_null() for each in fields)
    return pl.col(name).list.eval(nulls).list.any().fill_null(value=False)


def _lines_of_nothing() -> pl.Expr:
    """Whether a line is of a subscription, and of no item of it; or of an item, and of no subscription or no price."""
    line = pl.element().struct
    nothing = line.field("line_item").is_null() & line.field("invoice_item_id").is_null()
    of = line.field("subscription_id").is_not_null() & nothing
    lost = pl.any_horizontal(line.field(each).is_null() for each in ("subscription_id", "price_id"))
    item = line.field("line_item").is_not_null()
    return pl.col("lines").list.eval(of | (item & lost)).list.any().fill_null(value=False)


def _other(name: str, *words: str) -> pl.Expr:
    """Whether a column has a word that is none of these."""
    return pl.col(name).is_in(words).not_().fill_null(value=False)


def _below_one(*names: str) -> pl.Expr:
    """Whether any column has a number that nothing can be divided by or counted in."""
    return pl.any_horizontal((pl.col(name) < 1).fill_null(value=False) for name in names)


def _no_id(name: str, prefix: str) -> pl.Expr:
    """Whether a column names something else than an object of a kind."""
    return pl.col(name).str.starts_with(prefix).not_().fill_null(value=False)


LISTED = pl.any_horizontal(
    pl.col(name).is_not_null() for name in ("billing_reason", "currency", "invoiced_at", "lines")
)
"""An invoice's record from a list; events tell its end only."""
RATES = _null_inside("tax_rates", "tax_rate_id", "ppm")
"""A tax rate that does not say what it is."""
UNBORN = (pl.col("side") == "before") & (pl.col("kind") == "created")
"""Before its creation a subscription has no state."""
SUBSCRIPTION = (
    _null("subscription_id", "at")
    | _other("status", *STATUSES)
    | RATES
    | (
        UNBORN.not_()
        & (
            _null(
                "customer_id", "currency", "status", "created_at", "items", "subscription_discounts"
            )
            | _null_inside("items", "id", "price_id", "created")
            # Before basil the period stood on the subscription.
            | (_null("subscription_period") & _null_inside("items", "period_start"))
        )
    )
)
"""When a row of OBSERVED_SUBSCRIPTION says too little."""
LINE = ("line_id", "amount", "period_start", "period_end", "reduced", "included", "proration")
PRORATION = ("subscription_id", "subscription_item_id", "price_id", "quantity", "period_end")
TERMS = ("currency", "interval", "interval_count", "billing_scheme")
NOBODYS = pl.col("one_off").fill_null(value=False).not_()
TIERED = pl.col("tiers").list.len().fill_null(0) > 0
WANTING: tuple[tuple[Table, pl.Expr], ...] = (
    (
        schemas.OBSERVED_INVOICE,
        _null("invoice_id", "invoice_status")
        | (LISTED & _null("customer_id", "currency", "invoiced_at", "lines", "invoice_discounts"))
        | _null_inside("lines", *LINE)
        | RATES
        | _lines_of_nothing(),
    ),
    (
        schemas.OBSERVED_INVOICE_ITEM,
        _null("customer_id", "currency", "changed_at", "amount", "proration")
        | (pl.col("proration") & _null(*PRORATION)),
    ),
    (
        schemas.OBSERVED_SCHEDULE,
        _null("schedule_id", "created_at")
        | (pl.col("starts_at").is_not_null() & _null("items"))
        | _null_inside("items", "price_id"),
    ),
    (
        schemas.OBSERVED_PRICE,
        pl.col("listed")
        & (
            _null(*TERMS)
            | (_null("unit") & TIERED.not_())
            | (_null("tiers_mode") & TIERED)
            | _null_inside("tiers", "unit", "flat")
            | _other("interval", *INTERVALS)
            | _below_one("interval_count", "divide_by")
            | _other("usage_type", "licensed", "metered")
            | _other("billing_scheme", "per_unit", "tiered")
            | _other("tiers_mode", "graduated", "volume")
            | _other("round", "up", "down")
        ),
    ),
    (
        schemas.OBSERVED_COUPON,
        _null("coupon_id", "duration")
        | _other("duration", "forever", "once", "repeating")
        | (_null("percent_ppm") == _null("amount_off"))
        | (_null("currency") & _null("percent_ppm")),
    ),
    (
        schemas.OBSERVED_DISCOUNT,
        _null("discount_id", "coupon_id", "start", "one_off")
        | _no_id("subscription_id", "su")
        | _no_id("subscription_item_id", "si")
        | (_null("customer_id") & _null("subscription_id") & _null("subscription_item_id") & NOBODYS),
    ),
)  # fmt: skip
"""Table -> when a row of it says too little."""


def lacking(frame: Callable[[Table], pl.LazyFrame]) -> pl.Expr | None:
    """Which RAW_RECORD rows say too little; null where none does.

    Args:
        frame: the rows of a table of `schemas.OBSERVED`.
    """
    states = frame(schemas.OBSERVED_SUBSCRIPTION).filter(SUBSCRIPTION)
    edits = frame(schemas.OBSERVED_PRICE_EDIT).filter(_null("price_id", "at"))
    listed = pl.col("kind") == "listing"
    events, lists, *others = pl.collect_all(
        [
            pl.concat([states.filter(listed.not_()).select("proof"), edits.select("proof")]),
            states.filter(listed).select(pl.concat_str("subscription_id", "proof", separator=" ")),
            *(frame(table).filter(wanting).select("hash") for table, wanting in WANTING),
        ]
    )
    hashes = pl.concat(others)
    if not max(events.height, lists.height, hashes.height):
        return None
    listing = pl.concat_str("id", "sync_id", separator=" ").is_in(lists.to_series().implode())
    return (
        pl.col("hash").is_in(hashes.to_series().implode())
        | ((pl.col("stream") == "event") & pl.col("id").is_in(events.to_series().implode()))
        | ((pl.col("stream") == "subscription") & listing)
    )
