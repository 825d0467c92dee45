"""Taxes on lines, and what they leave of a price.

What belongs here: what Stripe does with tax rates and automatic tax. Who pays which tax is in `taxpayers`.
An item's own rates hold instead of the subscription's; without both, automatic tax if it is on. Inclusive rates are
part of the price: together they leave 100 / (100 + their sum) of it, and exclusive rates come on top of that.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from pipeline.sandbox.company.pricing import whole_cents
from pipeline.sandbox.company.records import Item, Subscription, TaxRate

Json = dict[str, Any]
WHOLE = Fraction(1)


def rates_of(sub: Subscription, own: Sequence[TaxRate], at: int) -> tuple[TaxRate, ...]:
    """The rates that a line is taxed by; `own` are those of its item."""
    if own or sub.default_tax_rates:
        return tuple(own) or sub.default_tax_rates
    return (sub.automatic_tax.at(at),) if sub.automatic_tax else ()


def kept(rates: Sequence[TaxRate]) -> Fraction:
    """The share of a price that is left when inclusive tax is taken out."""
    included = sum(Fraction(rate.percent) for rate in rates if rate.inclusive)
    return Fraction(100) / (100 + included) if included else WHOLE


def net(sub: Subscription, item: Item) -> Fraction | None:
    """What is left of the item's price now: by rates, else by its latest line; None: each usage bill has its own."""
    if item.tax_rates or sub.default_tax_rates:
        return kept(item.tax_rates or sub.default_tax_rates)
    if sub.automatic_tax is None:
        return WHOLE
    if item.price.metered:
        return None
    if item.line_net is not None:
        return item.line_net
    return kept([sub.automatic_tax.at(item.start)])


def reduced(line: Json) -> int:
    """A line's amount after its discounts."""
    parts: list[Json] = line["discount_amounts"]
    return int(line["amount"] - sum(part["amount"] for part in parts))


def put_on(line: Json, rates: Sequence[TaxRate]) -> None:
    """Writes `taxes` of a line that its discounts have been taken off."""
    gross = reduced(line)
    divisor = 100 + sum(Fraction(rate.percent) for rate in rates if rate.inclusive)
    inside = {
        rate.id: whole_cents(gross * Fraction(rate.percent) / divisor)
        for rate in rates
        if rate.inclusive
    }
    base = gross - sum(inside.values())
    line["taxes"] = [
        {
            "amount": inside.get(rate.id, whole_cents(base * Fraction(rate.percent) / 100)),
            "tax_behavior": "inclusive" if rate.inclusive else "exclusive",
            "tax_rate_details": {"tax_rate": rate.id},
            "taxability_reason": "standard_rated" if rate.managed else "not_available",
            "taxable_amount": base,
            "type": "tax_rate_details",
        }
        for rate in rates
    ]


def line_net(lines: Sequence[Json]) -> Fraction | None:
    """Net over gross of lines of an item above zero; None without any."""
    taxed = [line for line in lines if reduced(line) > 0]
    gross = sum(reduced(line) for line in taxed)
    inside = sum(
        tax["amount"]
        for line in taxed
        for tax in line["taxes"]
        if tax["tax_behavior"] == "inclusive"
    )
    if not inside:
        return WHOLE if taxed else None
    return Fraction(gross - inside, gross)


def tax_rate(rate: TaxRate) -> Json:
    """Stripe's shape of a tax rate."""
    return {
        "id": rate.id,
        "object": "tax_rate",
        "active": True,
        "country": rate.country,
        "created": rate.created,
        "description": None,
        "display_name": "VAT" if rate.inclusive else "Sales tax",
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": rate.inclusive,
        "jurisdiction": rate.country,
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": {},
        "percentage": float(rate.percent),
        "rate_type": "percentage",
        "state": None,
        "tax_type": "vat" if rate.inclusive else "sales_tax",
    }


def tax_rates(rates: Sequence[TaxRate]) -> list[Json]:
    """Tax rates as other objects hold them: in full."""
    return [tax_rate(rate) for rate in rates]


def total_taxes(lines: Sequence[Json]) -> list[Json]:
    """The taxes of an invoice: one entry a rate."""
    found: dict[str, Json] = {}
    for line in lines:
        for tax in line["taxes"]:
            entry = found.setdefault(
                tax["tax_rate_details"]["tax_rate"], {**tax, "amount": 0, "taxable_amount": 0}
            )
            entry["amount"] += tax["amount"]
            entry["taxable_amount"] += tax["taxable_amount"]
    return list(found.values())
