"""Stripe's shapes of invoices, their lines, invoice items and credit notes.

What belongs here: building these objects. What does not: when they are made (`invoicing`).
"""

from typing import Any

from pipeline.sandbox.company.events import cut
from pipeline.sandbox.company.pricing import ChargeLine, whole_cents
from pipeline.sandbox.company.records import Customer, Item, Subscription
from pipeline.sandbox.company.render import PAYMENT_SETTINGS, automatic_tax
from pipeline.sandbox.company.taxes import tax_rates, total_taxes

Json = dict[str, Any]


def snapshot(obj: Json) -> Json:
    """An invoice or credit note as an event shows it: ten lines at most."""
    return {**obj, "lines": cut(obj["lines"])}


def pricing(item: Item, unit: str | None) -> Json:
    """`pricing` of a line or an invoice item."""
    return {
        "price_details": {"price": item.price.id, "product": item.price.product},
        "type": "price_details",
        "unit_amount_decimal": unit,
    }


def period_line(
    sub: Subscription, item: Item, part: ChargeLine, period: tuple[int, int], name: str
) -> Json:
    """A line that bills a service period of an item; ids are set when the invoice is made."""
    cents = whole_cents(part.cents)
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": sub.id,
        "subscription_item": item.id,
    }
    return {
        "id": "",
        "object": "line_item",
        "amount": cents,
        "currency": sub.currency,
        "description": f"{part.quantity} × {name}{part.label}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [each.id for each in item.discounts],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": pricing(item, part.unit),
        "quantity": part.quantity,
        "quantity_decimal": str(part.quantity),
        "subscription": sub.id,
        "subtotal": cents,
        "taxes": [],
    }


def pending_line(pending: Json, direct: bool) -> Json:
    """The line of a pending invoice item; `direct` names the subscription item in its parent."""
    parent = (pending["parent"] or {}).get("subscription_details") or {}
    direct = direct and parent.get("subscription_item") is not None
    credited = (pending["proration_details"] or {}).get("credited_items")
    details: Json = {
        "invoice_item": pending["id"],
        "proration": pending["proration"],
        "proration_details": {
            "credited_items": credited["invoice_line_item_details"] if credited else None
        },
        "subscription": parent.get("subscription"),
    }
    kind = "subscription_item_details" if direct else "invoice_item_details"
    if direct:
        details["subscription_item"] = parent["subscription_item"]
    return {
        "id": "",
        "object": "line_item",
        "amount": pending["amount"],
        "currency": pending["currency"],
        "description": pending["description"],
        "discount_amounts": [],
        "discountable": pending["discountable"],
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": None,
            kind: details,
            "type": kind,
        },
        "period": pending["period"],
        "pretax_credit_amounts": [],
        "pricing": pending["pricing"],
        "quantity": pending["quantity"],
        "quantity_decimal": pending["quantity_decimal"],
        "subscription": parent.get("subscription"),
        "subtotal": pending["amount"],
        "taxes": [],
    }


def invoice_item(sub: Subscription, item: Item, item_id: str, what: Json) -> Json:
    """A pending proration; `what` has amount, date, end, unit, quantity, text, discounts."""
    return {
        "id": item_id,
        "object": "invoiceitem",
        "amount": what["amount"],
        "currency": sub.currency,
        "customer": sub.customer.id,
        "customer_account": None,
        "date": what["date"],
        "description": what["text"],
        "discountable": False,
        "discounts": [],
        "frozen_fields": [],
        "invoice": None,
        "invoicing_rules": [],
        "livemode": False,
        "metadata": {},
        "net_amount": what["amount"],
        "parent": {
            "subscription_details": {"subscription": sub.id, "subscription_item": item.id},
            "type": "subscription_details",
        },
        "period": {"end": what["end"], "start": what["date"]},
        "pricing": pricing(item, what["unit"]),
        "proration": True,
        "proration_details": {
            "credited_items": what["credited"],
            "discount_amounts": what["discounts"],
        },
        "quantity": what["quantity"],
        "quantity_decimal": str(what["quantity"]),
        "tax_rates": [],
        "test_clock": None,
    }


def totals(lines: list[Json]) -> Json:
    """What the lines add up to."""
    subtotal = sum(line["amount"] for line in lines)
    taken: dict[str, int] = {}
    for line in lines:
        for part in line["discount_amounts"]:
            taken[part["discount"]] = taken.get(part["discount"], 0) + part["amount"]
    taxes = total_taxes(lines)
    inside = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    on_top = sum(tax["amount"] for tax in taxes) - inside
    total = subtotal - sum(taken.values()) + on_top
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inside,
        "total": total,
        "total_discount_amounts": [
            {"amount": amount, "discount": discount} for discount, amount in taken.items()
        ],
        "total_excluding_tax": total - inside - on_top,
        "total_pretax_credit_amounts": [],
        "total_taxes": taxes,
    }


def invoice(
    invoice_id: str,
    at: int,
    sub: Subscription,
    lines: list[Json],
    discounts: list[str],
    reason: str,
) -> Json:
    """A draft invoice."""
    customer: Customer = sub.customer
    sums = totals(lines)
    due = max(0, sums["total"])
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Simulated company",
        "account_tax_ids": None,
        "amount_due": due,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": None,
        "amount_remaining": due,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            **automatic_tax(sub),
            "provider": "stripe" if sub.automatic_tax else None,
            "status": "complete" if sub.automatic_tax else None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": at,
        "currency": sub.currency,
        "custom_fields": None,
        "customer": customer.id,
        "customer_account": None,
        "customer_address": customer.obj["address"],
        "customer_email": customer.obj["email"],
        "customer_name": customer.obj["name"],
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": tax_rates(sub.default_tax_rates),
        "description": None,
        "discounts": discounts,
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"account": None, "type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": sub.metadata,
                "subscription": sub.id,
                "subscription_proration_date": None,
            },
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": PAYMENT_SETTINGS["payment_method_options"],
            "payment_method_types": None,
        },
        "period_end": at,
        "period_start": at,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_details": None,
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "test_clock": None,
        "threshold_reason": None,
        "webhooks_delivered_at": at,
        **sums,
    }


def credit_note(note_id: str, line_id: str, at: int, inv: Json, amount: int, reason: str) -> Json:
    """A credit note after payment over `amount` of an invoice."""
    line = {
        "id": line_id,
        "object": "credit_note_line_item",
        "amount": amount,
        "description": "Goodwill credit",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    return {
        "id": note_id,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": at,
        "currency": inv["currency"],
        "customer": inv["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": at,
        "invoice": inv["id"],
        "lines": {
            "object": "list",
            "data": [line],
            "has_more": False,
            "url": f"/v1/credit_notes/{note_id}/lines",
        },
        "livemode": False,
        "memo": None,
        "metadata": {},
        "number": f"{inv['number']}-CN-01",
        "out_of_band_amount": None,
        "pdf": f"https://pay.stripe.com/credit_notes/{note_id}/pdf",
        "post_payment_amount": amount,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": reason,
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": "post_payment",
        "voided_at": None,
    }
