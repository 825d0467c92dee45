"""Coupons that come and go, and customers whose discount is switched.

What belongs here: what Stripe does with a customer's discount and with a coupon that is deleted. What
does not: what a discount takes off (`discounts`) and who asks (`turns`).
"""

from pipeline.sandbox.company import render, render_catalogue
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.discounts import Discounts
from pipeline.sandbox.company.events import previous_attributes
from pipeline.sandbox.company.records import Customer


class Promotions(Discounts):
    """Discounts whose coupons may be deleted and which may be switched."""

    def issue(self, coupon: Coupon) -> None:
        """A coupon for one occasion."""
        self.books.catalogue.coupons[coupon.id] = coupon
        self.books.list_coupon(coupon)

    def withdraw(self, coupon: Coupon) -> None:
        """The coupon is deleted: nobody new gets it, the discounts it gave live on."""
        obj = self.books.objects["coupon"][coupon.id]
        gone = {**obj, "valid": False}
        self.books.log.emit("coupon.deleted", self.books.now, render_catalogue.unexpanded(gone))
        self.books.objects["coupon"][coupon.id] = {**gone, "deleted": True}

    def deactivate(self, coupon: Coupon) -> None:
        """Nobody new can enter the coupon's promotion code."""
        code = self.books.objects["promotion_code"][self.books.promotion_codes[coupon.id]]
        self.books.change("promotion_code.updated", code, active=False)

    def switch(self, customer: Customer, coupon: Coupon, promoted: bool = False) -> None:
        """The customer's discount becomes another coupon's: told by one event."""
        old = customer.discount
        if old is None:
            self.attach(coupon, customer, promoted=promoted)
            return
        record, obj = self.record(coupon, customer, promoted=promoted)
        previous = previous_attributes(render.discount(old), obj)
        self.books.log.emit("customer.discount.updated", self.books.now, dict(obj), previous)
        customer.discount = record
        self.books.change_customer(customer, discount=obj)
        self.end_in_time(record, customer, None, None)
