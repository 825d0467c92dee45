"""Stripe's shapes (API 2026-10-28.endive) of what is sold: products, prices, coupons, promotion codes.

What belongs here: records in, canonical objects out. Canonical objects hold what a server would
only include on request (`tiers`, `currency_options`, `applies_to`); `unexpanded` leaves it out.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.pricing import Amounts, Price

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


def _packs(record: Price) -> Json | None:
    if not record.divide_by:
        return None
    return {"divide_by": record.divide_by, "round": record.rounding}


def price(record: Price) -> Json:
    """A price with its tiers and currency options."""
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
        "transform_quantity": _packs(record),
        "type": "recurring",
        "unit_amount": minor(record.amounts.unit),
        "unit_amount_decimal": record.amounts.unit,
    }


@lru_cache(maxsize=4096)
def plan(record: Price) -> Json:
    """The plan that a price was before there were prices."""
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
        "transform_usage": _packs(record),
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
