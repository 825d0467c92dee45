"""Discounts: attaching coupons, ending them, and what they take off the lines of an invoice.

What belongs here: everything between a coupon and an amount. Item-level discounts come first, then
the subscription's (the customer's if it has none), in the order in which they were attached.
"""

from fractions import Fraction

from pipeline.sandbox.company import render
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import add_months
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.pricing import whole_cents
from pipeline.sandbox.company.records import Customer, Discount, Item, ServicePeriod, Subscription


class Discounts:
    """Attaches and ends discounts."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def attach(
        self,
        coupon: Coupon,
        customer: Customer,
        sub: Subscription | None = None,
        item: Item | None = None,
        promoted: bool = False,
    ) -> Discount:
        """Puts a coupon on an item, else on a subscription, else on the customer.

        The caller commits the subscription afterwards.
        """
        record, obj = self.record(coupon, customer, sub, item, promoted)
        self.books.log.emit("customer.discount.created", self.books.now, dict(obj))
        if item is not None:
            item.discounts = [*item.discounts, record]
        elif sub is not None:
            sub.discounts = [*sub.discounts, record]
        else:
            customer.discount = record
            self.books.change_customer(customer, discount=obj)
        self.end_in_time(record, customer, sub, item)
        return record

    def record(
        self,
        coupon: Coupon,
        customer: Customer,
        sub: Subscription | None = None,
        item: Item | None = None,
        promoted: bool = False,
    ) -> tuple[Discount, Json]:
        """A discount that is in the books, on nothing yet."""
        now = self.books.now
        months = coupon.months
        record = Discount(
            id=self.books.ids.new("di"),
            coupon=coupon,
            start=now,
            end=None if months is None else add_months(now, months),
            customer=customer.id,
            subscription=sub.id if sub else None,
            item=item.id if item else None,
            promotion_code=self.books.promotion_codes.get(coupon.id) if promoted else None,
        )
        self.books.discounts[record.id] = record
        obj = render.discount(record)
        self.books.objects["discount"][record.id] = obj
        stored = self.books.objects["coupon"][coupon.id]
        stored["times_redeemed"] += 1
        return record, obj

    def end_in_time(
        self, record: Discount, customer: Customer, sub: Subscription | None, item: Item | None
    ) -> None:
        """A repeating discount will be taken off when it has run its months."""
        if record.end is not None:
            self.books.schedule(
                record.end, Rank.DISCOUNT_END, self.expire, record, customer, sub, item
            )

    def expire(
        self, record: Discount, customer: Customer, sub: Subscription | None, item: Item | None
    ) -> None:
        """A repeating discount has run its months."""
        if self.detach(record, customer, sub, item) and sub is not None:
            self.books.commit(sub)

    def detach(
        self, record: Discount, customer: Customer, sub: Subscription | None, item: Item | None
    ) -> bool:
        """Takes a discount off; False when it is no longer there. The caller commits."""
        if customer.deleted or (sub is not None and sub.ended):
            return False
        if item is not None and sub is not None:
            if item not in sub.items or record not in item.discounts:
                return False
            item.discounts = [each for each in item.discounts if each is not record]
        elif sub is not None:
            if record not in sub.discounts:
                return False
            sub.discounts = [each for each in sub.discounts if each is not record]
        elif customer.discount is not record:
            return False
        self.books.log.emit("customer.discount.deleted", self.books.now, render.discount(record))
        if sub is None:
            customer.discount = None
            self.books.change_customer(customer, discount=None)
        return True

    def consume_once(self, sub: Subscription) -> bool:
        """Takes off the once discounts that an invoice has used; True when there were any."""
        used = False
        for item in sub.items:
            for record in item.discounts:
                if record.coupon.duration == "once":
                    used |= self.detach(record, sub.customer, sub, item)
        for record in sub.discounts:
            if record.coupon.duration == "once":
                used |= self.detach(record, sub.customer, sub, None)
        own = sub.customer.discount
        if own is not None and own.coupon.duration == "once" and not sub.discounts and not used:
            self.detach(own, sub.customer, None, None)
        return used


def above_items(sub: Subscription, at: int) -> list[Discount]:
    """The discounts in force above the items: the subscription's, else the customer's."""
    own = [each for each in sub.discounts if each.in_force(at)]
    if own or sub.customer.discount is None:
        return own
    return [sub.customer.discount] if sub.customer.discount.in_force(at) else []


def on_item(item: Item, at: int) -> list[Discount]:
    """The item's own discounts in force."""
    return [each for each in item.discounts if each.in_force(at)]


def service_period(sub: Subscription, item: Item, at: int) -> ServicePeriod:
    """The item's service period that begins at `at`, with what is in force then."""
    return ServicePeriod(
        at,
        tuple(each.id for each in on_item(item, at)),
        tuple(each.id for each in above_items(sub, at)),
    )


def applies(coupon: Coupon, product: str) -> bool:
    """Whether the coupon is for this product."""
    return not coupon.products or product in coupon.products


def take_off(lines: list[Json], discounts: list[Discount], left: list[int], currency: str) -> None:
    """Reduces the lines by each discount in turn; `left` holds what each line has left."""
    for record in discounts:
        coupon = record.coupon
        chosen = [i for i, line in enumerate(lines) if _reducible(line, coupon)]
        if coupon.percent_off is not None:
            share = Fraction(coupon.percent_off) / 100
            amounts = {i: whole_cents(left[i] * share) for i in chosen}
        else:
            amounts = _spread(coupon.amount_off[currency], {i: left[i] for i in chosen})
        for i, amount in amounts.items():
            left[i] -= amount
            lines[i]["discount_amounts"].append({"amount": amount, "discount": record.id})


def _reducible(line: Json, coupon: Coupon) -> bool:
    return bool(line["discountable"]) and applies(
        coupon, line["pricing"]["price_details"]["product"]
    )


def _spread(amount: int, left: dict[int, int]) -> dict[int, int]:
    """Shares an amount of cents in proportion to what is left, never more than that."""
    total = sum(left.values())
    amount = min(amount, total)
    if amount <= 0:
        return dict.fromkeys(left, 0)
    shares = {i: amount * each // total for i, each in left.items()}
    for i in sorted(left, key=lambda i: -(amount * left[i] % total))[
        : amount - sum(shares.values())
    ]:
        shares[i] += 1
    return shares
