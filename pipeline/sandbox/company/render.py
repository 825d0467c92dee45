"""Stripe's shapes (API 2026-10-28.endive) of customers, subscriptions, items and discounts: records in, objects out."""

from typing import Any

from pipeline.sandbox.company.events import cut
from pipeline.sandbox.company.records import Customer, Discount, Item, Subscription
from pipeline.sandbox.company.render_catalogue import plan
from pipeline.sandbox.company.taxes import tax_rates

Json = dict[str, Any]


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
        "plan": plan(record.price),
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
