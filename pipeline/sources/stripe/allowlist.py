"""Which fields of a Stripe object are kept: what bills, and what links. Everything else never reaches the disk.

Belongs here: the lists, and the filter. A field that is not listed is removed on landing: no phones, streets, payment
methods, descriptions, shipping. Names and e-mails of customers are kept for links and messages, unless a setting
removes them.
"""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


class Whole:
    """A value that is kept as it is, whatever it holds."""


class Leaf:
    """A plain value: text, number, list of those; of an expanded object only the id."""


WHOLE = Whole()
LEAF = Leaf()
Shape = Mapping[str, Any]
"""Field -> LEAF, WHOLE, or the shape of the object, list or array that stands there."""


def _shape(fields: str, **nested: Any) -> dict[str, Any]:
    return {**dict.fromkeys(fields.split(), LEAF), **nested}


_AMOUNTS = _shape("amount discount")
_TAXES = _shape(
    "amount tax_behavior taxable_amount taxability_reason type", tax_rate_details=_shape("tax_rate")
)
_TAX_RATE = _shape(
    "id object active created inclusive percentage effective_percentage rate_type",
    flat_amount=WHOLE,
)
_TIER = _shape("up_to flat_amount flat_amount_decimal unit_amount unit_amount_decimal")
_RECURRING = _shape("interval interval_count meter usage_type trial_period_days aggregate_usage")

PRODUCT = _shape(
    "id object active created updated default_price name type unit_label deleted", metadata=WHOLE
)
PRICE = _shape(
    "id object active billing_scheme created currency lookup_key nickname product tax_behavior tiers_mode type "
    "unit_amount unit_amount_decimal deleted",
    currency_options=WHOLE,
    custom_unit_amount=WHOLE,
    metadata=WHOLE,
    recurring=_RECURRING,
    tiers=_TIER,
    transform_quantity=_shape("divide_by round"),
)
PLAN = _shape(
    "id object active aggregate_usage amount amount_decimal billing_scheme created currency interval interval_count "
    "meter nickname product tiers_mode trial_period_days usage_type deleted",
    metadata=WHOLE,
    tiers=_TIER,
    transform_usage=_shape("divide_by round"),
)
COUPON = _shape(
    "id object amount_off created currency duration duration_in_months max_redemptions name percent_off redeem_by "
    "times_redeemed valid deleted",
    applies_to=_shape("products"),
    currency_options=WHOLE,
    metadata=WHOLE,
)
PROMOTION_CODE = _shape(
    "id object active code created customer expires_at max_redemptions times_redeemed coupon",
    promotion=_shape("type", coupon=COUPON),
    metadata=WHOLE,
)
DISCOUNT = _shape(
    "id object customer end invoice invoice_item promotion_code start subscription subscription_item deleted",
    coupon=COUPON,
    source=_shape("type", coupon=COUPON),
)
CUSTOMER = _shape(
    "id object created currency deleted email name test_clock tax_exempt",
    address=_shape("country"),
    discount=DISCOUNT,
    metadata=WHOLE,
)
SUBSCRIPTION_ITEM = _shape(
    "id object billed_until created current_period_end current_period_start quantity subscription deleted",
    current_trial=WHOLE,
    discounts=DISCOUNT,
    metadata=WHOLE,
    plan=PLAN,
    price=PRICE,
    tax_rates=_TAX_RATE,
)
SUBSCRIPTION = _shape(
    "id object billing_cycle_anchor cancel_at cancel_at_period_end canceled_at collection_method created currency "
    "current_period_end current_period_start customer days_until_due ended_at latest_invoice quantity schedule "
    "start start_date status tax_percent test_clock trial_end trial_start",
    automatic_tax=_shape("enabled"),
    billing_mode=WHOLE,
    billing_schedules=WHOLE,
    cancellation_details=_shape("reason feedback"),
    default_tax_rates=_TAX_RATE,
    discount=DISCOUNT,
    discounts=DISCOUNT,
    items=SUBSCRIPTION_ITEM,
    metadata=WHOLE,
    pause_collection=_shape("behavior resumes_at"),
    pending_update=_shape(
        "billing_cycle_anchor expires_at trial_end trial_from_plan",
        subscription_items=SUBSCRIPTION_ITEM,
    ),
    plan=PLAN,
    status_details=WHOLE,
)
_PRICING = _shape("type unit_amount_decimal", price_details=_shape("price product"))
_PRORATION_DETAILS = _shape(
    "",
    credited_items=_shape("invoice invoice_line_items invoice_item"),
    discount_amounts=_AMOUNTS,
)
_DETAILS = _shape(
    "invoice_item proration subscription subscription_item", proration_details=_PRORATION_DETAILS
)
_LINE_PARENT = _shape("type", invoice_item_details=_DETAILS, subscription_item_details=_DETAILS)
LINE = _shape(
    "id object amount amount_excluding_tax currency discountable invoice invoice_item proration quantity "
    "quantity_decimal subscription subscription_item subtotal type unit_amount_excluding_tax",
    discount_amounts=_AMOUNTS,
    discounts=DISCOUNT,
    parent=_LINE_PARENT,
    period=_shape("start end"),
    plan=PLAN,
    pretax_credit_amounts=_shape("amount discount type"),
    price=PRICE,
    pricing=_PRICING,
    proration_details=_PRORATION_DETAILS,
    tax_amounts=_shape("amount inclusive tax_rate taxable_amount"),
    tax_rates=_TAX_RATE,
    taxes=_TAXES,
)
_SUBSCRIPTION_DETAILS = _shape("subscription subscription_proration_date")
INVOICE = _shape(
    "id object amount_due amount_paid amount_remaining attempt_count attempted auto_advance billing_reason "
    "collection_method created currency customer due_date effective_at ending_balance latest_revision "
    "next_payment_attempt number paid period_end period_start post_payment_credit_notes_amount "
    "pre_payment_credit_notes_amount starting_balance status subscription subscription_proration_date subtotal "
    "subtotal_excluding_tax test_clock total total_excluding_tax deleted",
    default_tax_rates=_TAX_RATE,
    discount=DISCOUNT,
    discounts=DISCOUNT,
    from_invoice=_shape("action invoice"),
    lines=LINE,
    parent=_shape(
        "type",
        subscription_details=_SUBSCRIPTION_DETAILS,
        quote_details=_shape("quote"),
        billing_cadence_details=_shape("billing_cadence"),
    ),
    status_details=WHOLE,
    status_transitions=_shape("finalized_at marked_uncollectible_at paid_at voided_at"),
    total_discount_amounts=_AMOUNTS,
    total_pretax_credit_amounts=_shape("amount discount type"),
    total_tax_amounts=_shape("amount inclusive tax_rate taxable_amount"),
    total_taxes=_TAXES,
)
INVOICEITEM = _shape(
    "id object amount currency customer date discountable invoice net_amount proration quantity quantity_decimal "
    "subscription subscription_item test_clock unit_amount unit_amount_decimal deleted",
    discounts=DISCOUNT,
    parent=_shape("type", subscription_details=_shape("subscription subscription_item")),
    period=_shape("start end"),
    plan=PLAN,
    price=PRICE,
    pricing=_PRICING,
    proration_details=_PRORATION_DETAILS,
    tax_rates=_TAX_RATE,
)
CREDIT_NOTE = _shape(
    "id object amount created currency customer discount_amount effective_at invoice number out_of_band_amount "
    "post_payment_amount pre_payment_amount reason status subtotal subtotal_excluding_tax total total_excluding_tax "
    "type voided_at",
    discount_amounts=_AMOUNTS,
    lines=_shape(
        "id object amount discount_amount invoice_line_item quantity type unit_amount unit_amount_decimal",
        discount_amounts=_AMOUNTS,
        taxes=_TAXES,
    ),
    total_taxes=_TAXES,
)
_PHASE_DISCOUNT = _shape("coupon discount promotion_code")
SCHEDULE = _shape(
    "id object canceled_at completed_at created customer end_behavior released_at released_subscription status "
    "subscription test_clock",
    billing_mode=WHOLE,
    current_phase=_shape("start_date end_date"),
    metadata=WHOLE,
    pause_schedules=WHOLE,
    phases=_shape(
        "billing_cycle_anchor coupon currency end_date proration_behavior start_date trial trial_end iterations",
        discounts=_PHASE_DISCOUNT,
        default_tax_rates=_TAX_RATE,
        items=_shape(
            "plan price quantity", discounts=_PHASE_DISCOUNT, metadata=WHOLE, tax_rates=_TAX_RATE
        ),
        plans=_shape("plan quantity"),
        metadata=WHOLE,
    ),
)

STREAMS: dict[str, Shape] = {
    "customer": CUSTOMER,
    "product": PRODUCT,
    "price": PRICE,
    "coupon": COUPON,
    "promotion_code": PROMOTION_CODE,
    "subscription": SUBSCRIPTION,
    "invoice": INVOICE,
    "invoiceitem": INVOICEITEM,
    "credit_note": CREDIT_NOTE,
    "subscription_schedule": SCHEDULE,
}
"""Stream -> what is kept of its objects."""

EVENT_OBJECTS: dict[str, Shape] = {**STREAMS, "plan": PLAN, "discount": DISCOUNT}
"""`data.object.object` -> what is kept of it; events about anything else are not stored."""

PERSONAL = frozenset({"name", "email"})
"""Fields of a customer that a setting removes."""


def shapes(*, keep_names: bool) -> dict[str, Shape]:
    """The shapes by object, without customers' names and e-mails unless `keep_names`."""
    if keep_names:
        return EVENT_OBJECTS
    customer = {name: shape for name, shape in CUSTOMER.items() if name not in PERSONAL}
    return {**EVENT_OBJECTS, "customer": customer}


def allowed(value: Any, shape: Any) -> Any:
    """`value` with only what `shape` lists; values of another type than expected are kept if they are plain."""
    if isinstance(shape, Whole):
        return value
    if isinstance(shape, Leaf) or not isinstance(value, dict | list):
        return _plain(value)
    if isinstance(value, list):
        return [allowed(each, shape) for each in value]
    if isinstance(value.get("data"), list) and "data" not in shape:
        return _list(value, shape)
    return {name: allowed(each, shape[name]) for name, each in value.items() if name in shape}


def _list(value: Json, shape: Shape) -> Json:
    kept: Json = {name: value[name] for name in ("object", "has_more", "url") if name in value}
    return {**kept, "data": [allowed(each, shape) for each in value["data"]]}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        found = value.get("id")
        return found if isinstance(found, str) else None
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
