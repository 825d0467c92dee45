"""Stripe's shapes (API 2026-10-28.endive) of catalogue, customers, subscriptions, discounts.

What belongs here: records in, canonical objects out. Canonical objects hold what a server would
only include on request (`tiers`, `currency_options`, `applies_to`); `unexpanded` leaves it out.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.events import cut
from pipeline.sandbox.company.pricing import Amounts, Price
from pipeline.sandbox.company.records import Customer, Discount, Item, Subscription
from pipeline.sandbox.company.taxes import tax_rates

Json = dict[str, Any]
INCLUDABLE = {
    "price": ("tiers", "currency_options"),
    "coupon": ("applies_to", "currency_options"),
}


def minor(decimal: str | None) -> int | None:
    """`unit_amount` of a `unit_amount_decimal`: null when it is no whole number."""
    if decimal is None:
        return None
    number = Decimal(decimal)
    return int(number) if number == number.to_integral_value() else None


def unexpanded(obj: Json) -> Json:
    """The object as a list, an event or another object shows it."""
    hidden = INCLUDABLE.get(obj["object"])
    return {k: v for k, v in obj.items() if k not in hidden} if hidden else dict(obj)


def product(product_id: str, name: str, unit_label: str | None, created: int) -> Json:
    """A product."""
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": created,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "tax_details": None,
        "type": "service",
        "unit_label": unit_label,
        "updated": created,
        "url": None,
    }


def _tiers(amounts: Amounts) -> list[Json] | None:
    if not amounts.tiers:
        return None
    return [
        {
            "flat_amount": minor(tier.flat),
            "flat_amount_decimal": tier.flat,
            "unit_amount": minor(tier.unit),
            "unit_amount_decimal": tier.unit,
            "up_to": tier.up_to,
        }
        for tier in amounts.tiers
    ]


def _option(amounts: Amounts, behavior: str) -> Json:
    return {
        "custom_unit_amount": None,
        "tax_behavior": behavior,
        "tiers": _tiers(amounts),
        "unit_amount": minor(amounts.unit),
        "unit_amount_decimal": amounts.unit,
    }


def currency_options(record: Price) -> Json:
    """What a price charges in each currency."""
    options = {record.currency: record.amounts, **record.options}
    return {
        code: _option(amounts, record.tax_behavior)
        for code, amounts in options.items()
        if code not in record.hidden
    }


def price(record: Price) -> Json:
    """A price with its tiers and currency options."""
    transform = None
    if record.divide_by:
        transform = {"divide_by": record.divide_by, "round": record.rounding}
    return {
        "id": record.id,
        "object": "price",
        "active": True,
        "billing_scheme": record.scheme,
        "created": record.created,
        "currency": record.currency,
        "currency_options": currency_options(record),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": record.lookup_key,
        "metadata": {},
        "nickname": record.key,
        "product": record.product,
        "recurring": {
            "interval": record.interval,
            "interval_count": record.interval_count,
            "meter": record.meter,
            "trial_period_days": None,
            "usage_type": record.usage_type,
        },
        "tax_behavior": record.tax_behavior,
        "tiers": _tiers(record.amounts),
        "tiers_mode": record.tiers_mode,
        "transform_quantity": transform,
        "type": "recurring",
        "unit_amount": minor(record.amounts.unit),
        "unit_amount_decimal": record.amounts.unit,
    }


@lru_cache(maxsize=4096)
def _plan(record: Price) -> Json:
    transform = None
    if record.divide_by:
        transform = {"divide_by": record.divide_by, "round": record.rounding}
    return {
        "id": record.id,
        "object": "plan",
        "active": True,
        "amount": minor(record.amounts.unit),
        "amount_decimal": record.amounts.unit,
        "billing_scheme": record.scheme,
        "created": record.created,
        "currency": record.currency,
        "interval": record.interval,
        "interval_count": record.interval_count,
        "livemode": False,
        "metadata": {},
        "meter": record.meter,
        "nickname": record.key,
        "product": record.product,
        "tiers_mode": record.tiers_mode,
        "transform_usage": transform,
        "trial_period_days": None,
        "usage_type": record.usage_type,
    }


def coupon(record: Coupon) -> Json:
    """A coupon with its products and currency options."""
    currencies = list(record.amount_off)
    own = currencies[0] if currencies else None
    return {
        "id": record.id,
        "object": "coupon",
        "amount_off": record.amount_off[own] if own else None,
        "applies_to": {"products": list(record.products)} if record.products else None,
        "created": record.created,
        "currency": own,
        "currency_options": {
            code: {"amount_off": amount} for code, amount in record.amount_off.items()
        },
        "duration": record.duration,
        "duration_in_months": record.months,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": record.name,
        "percent_off": float(record.percent_off) if record.percent_off else None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }


def promotion_code(code_id: str, record: Coupon) -> Json:
    """The promotion code of a coupon that has one."""
    return {
        "id": code_id,
        "object": "promotion_code",
        "active": True,
        "code": record.code,
        "created": record.created,
        "customer": None,
        "customer_account": None,
        "expires_at": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "promotion": {"coupon": record.id, "type": "coupon"},
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
        "times_redeemed": 0,
    }


def discount(record: Discount) -> Json:
    """A discount; its coupon is an id."""
    return {
        "id": record.id,
        "object": "discount",
        "checkout_session": None,
        "customer": record.customer,
        "customer_account": None,
        "end": record.end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": record.promotion_code,
        "source": {"coupon": record.coupon.id, "type": "coupon"},
        "start": record.start,
        "subscription": record.subscription,
        "subscription_item": record.item,
    }


def customer(customer_id: str, created: int, who: Json) -> Json:
    """A customer; `who` has name, email, country, invoice_prefix, metadata."""
    empty = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))
    return {
        "id": customer_id,
        "object": "customer",
        "address": {**empty, "country": who["country"]},
        "balance": 0,
        "business_name": None,
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": who["email"],
        "individual_name": None,
        "invoice_prefix": who["invoice_prefix"],
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": who["metadata"],
        "name": who["name"],
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def item(record: Item, subscription: str, price_object: Json) -> Json:
    """A subscription item around its price object."""
    return {
        "id": record.id,
        "object": "subscription_item",
        "billed_until": None if record.price.metered else record.billed_until or record.end,
        "billing_thresholds": None,
        "created": record.created,
        "current_period_end": record.end,
        "current_period_start": record.start,
        "current_trial": _trial(record),
        "discounts": [each.id for each in record.discounts],
        "metadata": {},
        "plan": _plan(record.price),
        "price": price_object,
        "quantity": record.quantity,
        "subscription": subscription,
        "tax_rates": tax_rates(record.tax_rates),
    }


def _trial(record: Item) -> Json | None:
    if record.trial is None:
        return None
    start, end = record.trial
    return {"end_date": end, "start_date": start, "trial_offer": f"to_{record.id[3:]}"}


def subscription(record: Subscription, items: list[Json]) -> Json:
    """A subscription with all its items."""
    canceled = record.cancellation or {}
    paused = record.paused
    return {
        "id": record.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": automatic_tax(record),
        "billing_cycle_anchor": record.anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": BILLING_MODE,
        "billing_schedules": record.billing_schedules,
        "billing_thresholds": None,
        "cancel_at": record.cancel_at,
        "cancel_at_period_end": record.cancel_at_period_end,
        "canceled_at": record.canceled_at,
        "cancellation_details": {
            "comment": None,
            "feedback": canceled.get("feedback"),
            "feedback_option": None,
            "reason": canceled.get("reason"),
        },
        "collection_method": "charge_automatically",
        "created": record.created,
        "currency": record.currency,
        "customer": record.customer.id,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": tax_rates(record.default_tax_rates),
        "description": None,
        "discounts": [each.id for each in record.discounts],
        "ended_at": record.ended_at,
        "invoice_settings": INVOICE_SETTINGS,
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={record.id}",
        },
        "latest_invoice": record.latest_invoice,
        "livemode": False,
        "managed_payments": None,
        "metadata": record.metadata,
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": record.pause_collection,
        "payment_settings": PAYMENT_SETTINGS,
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": record.pending_update,
        "presentment_details": None,
        "schedule": record.schedule,
        "start_date": record.start_date or record.created,
        "status": record.status,
        "status_details": {"paused": paused} if paused else None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": record.trial_end,
        "trial_settings": PAUSING_TRIAL if record.pauses_after_trial else TRIAL_SETTINGS,
        "trial_start": record.trial_start,
    }


def subscription_snapshot(obj: Json, prices: dict[str, Json]) -> Json:
    """A subscription as an event shows it: `prices` without tiers, ten items at most."""
    items = cut(obj["items"])
    data = [{**each, "price": prices[each["price"]["id"]]} for each in items["data"]]
    return {**obj, "items": {**items, "data": data}}


def customer_snapshot(record: Customer) -> Json:
    """A customer as an event shows it."""
    return dict(record.obj)


def automatic_tax(record: Subscription) -> Json:
    """Whether Stripe computes the subscription's taxes."""
    return COMPUTED_TAX if record.automatic_tax else AUTOMATIC_TAX


AUTOMATIC_TAX = {"disabled_reason": None, "enabled": False, "liability": None}
COMPUTED_TAX = {
    "disabled_reason": None,
    "enabled": True,
    "liability": {"account": None, "type": "self"},
}
BILLING_MODE = {
    "flexible": {"proration_discounts": "included"},
    "type": "flexible",
    "updated_at": None,
}
INVOICE_SETTINGS = {
    "account_tax_ids": None,
    "custom_fields": None,
    "description": None,
    "footer": None,
    "issuer": {"account": None, "type": "self"},
}
PAYMENT_SETTINGS = {
    "payment_method_options": None,
    "payment_method_types": None,
    "save_default_payment_method": "off",
}
TRIAL_SETTINGS = {
    "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}
}
PAUSING_TRIAL = {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "pause"}}
