"""Invoices, their lines and invoice items as they were before basil: no parents, whole prices.

What belongs here: the acacia shape (2025-02-24) of endive objects. What does not: when an account had
that version (`versions`).
"""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Price = Callable[[str], Json]


def invoice(obj: Json, discount: Json | None, price: Price) -> Json:
    """An invoice with its subscription, its one discount and its payment on top."""
    gone = ("parent", "total_taxes", "amount_overpaid", "status_details", "customer_account")
    details = (obj["parent"] or {}).get("subscription_details") or {}
    taxes = [_tax(each) for each in obj["total_taxes"]]
    lines = obj["lines"]
    return {
        **{name: value for name, value in obj.items() if name not in gone},
        "charge": None,
        "discount": discount,
        "lines": {**lines, "data": [line(each, price) for each in lines["data"]]},
        "paid": obj["status"] == "paid",
        "paid_out_of_band": False,
        "payment_intent": None,
        "quote": None,
        "subscription": details.get("subscription"),
        "subscription_details": {"metadata": details.get("metadata")},
        "tax": sum(each["amount"] for each in taxes) if taxes else None,
        "total_tax_amounts": taxes,
    }


def line(obj: Json, price: Price) -> Json:
    """A line with its price, its item and whether it is a proration on top."""
    gone = ("parent", "pricing", "taxes", "subtotal", "quantity_decimal")
    kind = obj["parent"]["type"].removesuffix("_details")
    details = obj["parent"][obj["parent"]["type"]]
    return {
        **{name: value for name, value in obj.items() if name not in gone},
        **_priced(obj, price),
        "invoice_item": details["invoice_item"],
        "proration": details["proration"],
        "proration_details": details["proration_details"],
        "subscription_item": details.get("subscription_item"),
        "tax_amounts": [_tax(each) for each in obj["taxes"]],
        "tax_rates": [],
        "type": "subscription" if kind == "subscription_item" else "invoiceitem",
        "unit_amount_excluding_tax": obj["pricing"]["unit_amount_decimal"],
    }


def invoice_item(obj: Json, price: Price) -> Json:
    """An invoice item with its price and its subscription on top."""
    gone = ("parent", "pricing", "net_amount", "quantity_decimal", "frozen_fields",
            "invoicing_rules", "proration_details", "customer_account")  # fmt: skip
    details = (obj["parent"] or {}).get("subscription_details") or {}
    unit = obj["pricing"]["unit_amount_decimal"]
    return {
        **{name: value for name, value in obj.items() if name not in gone},
        **_priced(obj, price),
        "subscription": details.get("subscription"),
        "subscription_item": details.get("subscription_item"),
        "unit_amount": None,
        "unit_amount_decimal": unit,
    }


def _priced(obj: Json, price: Price) -> Json:
    found = price(obj["pricing"]["price_details"]["price"])
    return {"plan": None, "price": found}


def _tax(each: Json) -> Json:
    return {
        "amount": each["amount"],
        "inclusive": each["tax_behavior"] == "inclusive",
        "tax_rate": (each.get("tax_rate_details") or {}).get("tax_rate"),
        "taxability_reason": each.get("taxability_reason"),
        "taxable_amount": each.get("taxable_amount"),
    }
