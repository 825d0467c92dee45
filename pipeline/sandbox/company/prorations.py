"""Prorations: credits and debits for the rest of a service period, pending until an invoice.

What belongs here: what a change in the middle of a period costs. The period's percentages are taken
off (Stripe's `proration_discounts: included`); amounts off do not depend on what is bought.
"""

from fractions import Fraction

from pipeline.sandbox.company import invoices
from pipeline.sandbox.company.books import Books
from pipeline.sandbox.company.calendar import period_around
from pipeline.sandbox.company.discounts import applies
from pipeline.sandbox.company.pricing import Price, charge, whole_cents
from pipeline.sandbox.company.records import Item, ServicePeriod, Subscription
from pipeline.sandbox.company.taxes import tax_rates


class Prorations:
    """Writes pending invoice items."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def add(self, sub: Subscription, item: Item, price: Price, quantity: int, sign: int) -> None:
        """A pending credit (`sign` -1) or debit for the rest of the item's service period."""
        now = self.books.now
        start, end = self._grid_period(sub, item)
        until = item.billed_until or end
        share = Fraction(until - now, end - start) * sign
        gross = charge(price, sub.currency, quantity) if item.trial is None else Fraction(0)
        taken = self._taken(item, price, gross)
        amount = whole_cents((gross - sum(taken.values())) * share)
        units = price.in_currency(sub.currency).unit
        verb = "Unused time on" if sign < 0 else "Remaining time on"
        what = {
            "amount": amount,
            "date": now,
            "end": until,
            "unit": units,
            "quantity": quantity,
            "text": f"{verb} {quantity} × {self.books.catalogue.names[price.product]}",
            "credited": item.credited if sign < 0 else None,
            "discounts": [
                {"amount": whole_cents(cents * share), "discount": discount}
                for discount, cents in taken.items()
            ],
        }
        pending = invoices.invoice_item(sub, item, self.books.ids.new("ii"), what)
        pending["tax_rates"] = tax_rates(item.tax_rates)
        self.books.objects["invoiceitem"][pending["id"]] = pending
        sub.pending.append(pending)
        if sign > 0:
            item.credited = {
                "invoice_item": pending["id"],
                "invoice_line_item_details": None,
                "type": "invoice_item",
            }
        self.books.log.emit("invoiceitem.created", now, dict(pending))

    def _grid_period(self, sub: Subscription, item: Item) -> tuple[int, int]:
        """The whole billing period that the item's service period belongs to."""
        price = item.price
        now = self.books.now
        start, end = period_around(sub.anchor, price.interval, price.interval_count, now)
        return (start, end) if end == item.end else (min(item.start, now), item.end)

    def _taken(self, item: Item, price: Price, gross: Fraction) -> dict[str, Fraction]:
        """What the service period's percentages take off `gross`; amounts do not depend on it."""
        period: ServicePeriod = item.ledger.periods[-1]
        taken: dict[str, Fraction] = {}
        left = gross
        for discount_id in (*period.item_discounts, *period.discounts):
            coupon = self.books.discounts[discount_id].coupon
            if coupon.percent_off is not None and applies(coupon, price.product):
                taken[discount_id] = left * Fraction(coupon.percent_off) / 100
                left -= taken[discount_id]
        return taken
