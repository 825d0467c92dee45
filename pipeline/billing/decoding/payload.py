"""Reading payloads: the fields of Stripe's objects that MRR needs, by JSON shape.

Belongs here: Polars types of the payloads and their decoding. Does not belong here: what a field means.
Shapes are those of API 2026-10-28.endive with every reference an id (landing takes expansions apart), plus the fields
that older versions have in their place: an event's payload keeps the version of its creation. Before basil the period
stood on the subscription; before clover a discount held its coupon; before basil a subscription had one `discount`;
before prices there were plans with the same ids.
"""

from collections.abc import Sequence

import polars as pl

S, N, B = pl.String, pl.Int64, pl.Boolean

PERIOD = pl.Struct({"start": N, "end": N})

TAX_RATE = pl.Struct({"id": S, "inclusive": B, "percentage": pl.Float64})

ITEM = pl.Struct(
    {
        "id": S,
        "created": N,
        "quantity": N,
        "current_period_start": N,
        "discounts": pl.List(S),
        "price": pl.Struct({"id": S}),
        "plan": pl.Struct({"id": S}),
        "current_trial": pl.Struct({"start_date": N, "end_date": N}),
        "tax_rates": pl.List(TAX_RATE),
    }
)

SUBSCRIPTION = pl.Struct(
    {
        "id": S,
        "customer": S,
        "currency": S,
        "status": S,
        "created": N,
        "ended_at": N,
        "canceled_at": N,
        "cancel_at": N,
        "cancellation_details": pl.Struct({"reason": S}),
        "trial_start": N,
        "trial_end": N,
        "pause_collection": pl.Struct({"behavior": S, "resumes_at": N}),
        "discounts": pl.List(S),
        "discount": pl.Struct({"id": S}),
        "default_tax_rates": pl.List(TAX_RATE),
        "automatic_tax": pl.Struct({"enabled": B}),
        "current_period_start": N,
        "items": pl.Struct({"data": pl.List(ITEM), "has_more": B}),
    }
)

EVENT_SUBSCRIPTION = pl.Struct(
    {
        "type": S,
        "data": pl.Struct({"object": SUBSCRIPTION, "previous_attributes": SUBSCRIPTION}),
    }
)

PRICING = pl.Struct({"price_details": pl.Struct({"price": S, "product": S})})

LINE = pl.Struct(
    {
        "id": S,
        "amount": N,
        "subtotal": N,
        "quantity": N,
        "period": PERIOD,
        "pricing": PRICING,
        "parent": pl.Struct(
            {
                "type": S,
                "subscription_item_details": pl.Struct(
                    {"subscription_item": S, "proration": B, "subscription": S, "invoice_item": S}
                ),
                "invoice_item_details": pl.Struct(
                    {"invoice_item": S, "proration": B, "subscription": S}
                ),
            }
        ),
        "discount_amounts": pl.List(pl.Struct({"amount": N, "discount": S})),
        "discounts": pl.List(S),
        "taxes": pl.List(
            pl.Struct(
                {
                    "amount": N,
                    "tax_behavior": S,
                    "tax_rate_details": pl.Struct({"tax_rate": S}),
                }
            )
        ),
    }
)

INVOICE = pl.Struct(
    {
        "id": S,
        "customer": S,
        "status": S,
        "billing_reason": S,
        "created": N,
        "currency": S,
        "discounts": pl.List(S),
        "default_tax_rates": pl.List(TAX_RATE),
        "lines": pl.Struct({"data": pl.List(LINE)}),
    }
)

EVENT_INVOICE = pl.Struct(
    {
        "type": S,
        "data": pl.Struct({"object": pl.Struct({"id": S, "customer": S, "status": S})}),
    }
)
"""An event's lines are left out: ten at most, nothing expanded, and of the shape of their time."""

INVOICE_ITEM = pl.Struct(
    {
        "id": S,
        "customer": S,
        "currency": S,
        "date": N,
        "amount": N,
        "quantity": N,
        "proration": B,
        "period": PERIOD,
        "pricing": PRICING,
        "parent": pl.Struct(
            {"subscription_details": pl.Struct({"subscription": S, "subscription_item": S})}
        ),
    }
)

CUSTOMER = pl.Struct(
    {
        "id": S,
        "name": S,
        "email": S,
        "currency": S,
        "created": N,
        "deleted": B,
        "discount": S,
        "address": pl.Struct({"country": S}),
    }
)

PRODUCT = pl.Struct({"id": S, "name": S})

TIER = pl.Struct({"up_to": N, "unit_amount_decimal": S, "flat_amount_decimal": S})

PRICE_OPTION = pl.Struct({"unit_amount_decimal": S, "tiers": pl.List(TIER)})

PRICE_FIELDS: dict[str, type[pl.DataType] | pl.DataType] = {
    "id": S,
    "currency": S,
    "product": S,
    "lookup_key": S,
    "billing_scheme": S,
    "tiers_mode": S,
    "unit_amount_decimal": S,
    "tiers": pl.List(TIER),
    "recurring": pl.Struct({"interval": S, "interval_count": N, "usage_type": S}),
    "transform_quantity": pl.Struct({"divide_by": N, "round": S}),
    "created": N,
}

PLAN = pl.Struct(
    {
        "id": S,
        "currency": S,
        "product": S,
        "billing_scheme": S,
        "tiers_mode": S,
        "amount": N,
        "amount_decimal": S,
        "tiers": pl.List(TIER),
        "interval": S,
        "interval_count": N,
        "usage_type": S,
        "transform_usage": pl.Struct({"divide_by": N, "round": S}),
        "created": N,
    }
)

PRICED_ITEMS = pl.Struct(
    {"data": pl.List(pl.Struct({"price": pl.Struct(PRICE_FIELDS), "plan": PLAN}))}
)
"""Items of a subscription with what they show of their prices."""

COUPON_FIELDS: dict[str, type[pl.DataType] | pl.DataType] = {
    "id": S,
    "percent_off": pl.Float64,
    "amount_off": N,
    "currency": S,
    "duration": S,
    "duration_in_months": N,
    "applies_to": pl.Struct({"products": pl.List(S)}),
    "created": N,
    "embedded": B,
}

_PHASE_DISCOUNTS = pl.List(pl.Struct({"coupon": S, "discount": S, "promotion_code": S}))

_PHASE_ITEM = pl.Struct({"price": S, "plan": S, "quantity": N, "discounts": _PHASE_DISCOUNTS})

SCHEDULE = pl.Struct(
    {
        "id": S,
        "customer": S,
        "subscription": S,
        "released_subscription": S,
        "created": N,
        "released_at": N,
        "canceled_at": N,
        "completed_at": N,
        "end_behavior": S,
        "phases": pl.List(
            pl.Struct(
                {
                    "start_date": N,
                    "coupon": S,
                    "discounts": _PHASE_DISCOUNTS,
                    "items": pl.List(_PHASE_ITEM),
                    "plans": pl.List(_PHASE_ITEM),
                }
            )
        ),
    }
)

EVENT_SCHEDULE = pl.Struct({"type": S, "data": pl.Struct({"object": SCHEDULE})})

DISCOUNT = pl.Struct(
    {
        "id": S,
        "customer": S,
        "subscription": S,
        "subscription_item": S,
        "invoice": S,
        "invoice_item": S,
        "start": N,
        "end": N,
        "source": pl.Struct({"coupon": S}),
        "coupon": pl.Struct({"id": S}),
    }
)


def option_currencies(raw: pl.LazyFrame) -> list[str]:
    """The currencies in which any price or coupon has options; JSON keys are data, a Polars type needs them."""
    listed = pl.col("stream").is_in(["price", "coupon"])
    found = (
        raw.filter((pl.col("source") == "stripe") & listed)
        .select(pl.col("payload").str.extract_all(r'"[a-z]{3}":\{').explode(empty_as_null=False))
        .collect()
    )
    return sorted(found.to_series().drop_nulls().str.slice(1, 3).unique().to_list())


def instant(seconds: pl.Expr) -> pl.Expr:
    """Stripe's epoch seconds as an instant in UTC."""
    return pl.from_epoch(seconds, time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")


def stream(raw: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The raw records of one stream of Stripe."""
    return raw.filter((pl.col("source") == "stripe") & (pl.col("stream") == name))


def events(raw: pl.LazyFrame, prefix: str, dtype: pl.Struct) -> pl.LazyFrame:
    """The events whose type begins with `prefix`, decoded; only their payloads are."""
    found = stream(raw, "event").filter(
        pl.col("payload").str.contains(f'"type":"{prefix}', literal=True)
    )
    return decoded(found, dtype).filter(field("type").str.starts_with(prefix))


def events_of(raw: pl.LazyFrame, types: Sequence[str], dtype: pl.Struct) -> pl.LazyFrame:
    """The events of these types, decoded; only their payloads are."""
    of_type = (pl.col("payload").str.contains(f'"type":"{each}"', literal=True) for each in types)
    found = stream(raw, "event").filter(pl.any_horizontal(of_type))
    return decoded(found, dtype).filter(field("type").is_in(types))


def decoded(rows: pl.LazyFrame, dtype: pl.Struct) -> pl.LazyFrame:
    """`rows` with their payload decoded into the column `o`."""
    return rows.with_columns(o=pl.col("payload").str.json_decode(dtype)).drop("payload")


def inside(value: pl.Expr, *path: str) -> pl.Expr:
    """The field of a struct at `path`."""
    for name in path:
        value = value.struct.field(name)
    return value


def field(*path: str) -> pl.Expr:
    """The field of `o` at `path`."""
    return inside(pl.col("o"), *path)
