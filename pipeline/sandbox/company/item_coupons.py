# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Coupons on single items, amounts and percentages, in every currency: feature `item_coupons`.

What belongs here: which coupons there are for items and who gets them. What a discount takes off is in `discounts`.
"""

from random import Random

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.discounts import Discounts, service_period
from pipeline.sandbox.company.records import Item, Subscription


class ItemCoupons:
    """Puts coupons on items and takes them off again, drawn apart from the usual life."""

    def __init__(self, books: Books, seed: int, discounts: Discounts) -> None:
        self.books = books
        self.seed = seed
        self.discounts = discounts
        shop = books.catalogue
        amounts = {"usd": 700, "eur": 650}
        large = {"usd": 250_000, "eur": 230_000}
        rows = [
            Coupon("ITEM7", "7 off an item", "forever", amount_off=amounts),
            Coupon("ITEM7X3", "7 off an item for 3 months", "repeating", 3, amount_off=amounts),
            Coupon("ITEMGONE", "An item free for 2 months", "repeating", 2, amount_off=large),
            Coupon("ITEM15", "15% off an item", "forever", percent_off="15"),
            Coupon("ITEM33", "33.3% off an item for 2 months", "repeating", 2, "33.3"),
            Coupon("ITEMONCE", "7 off an item once", "once", amount_off=amounts),
            Coupon("ITEMPRO", "7 off Pro", "forever", None, None, amounts, (shop.products["pro"],)),
        ]
        self.names = [row.id for row in rows]
        for row in rows:
            shop.coupons[row.id] = Coupon(**{**vars(row), "created": shop.created})

    def prepare(self, sub: Subscription) -> None:
        """Some items have one from the start; any may get or lose one later."""
        rng = Random(f"{self.seed}/item-coupons/{sub.id}")  # noqa: S311
        for item in sub.items:
            if rng.random() < 0.25:
                self._attach(sub, item, rng)
                if rng.random() < 0.3:
                    self._attach(sub, item, rng)
                item.ledger.open_period(service_period(sub, item, self.books.now))
        self._plan(sub, rng)

    def _plan(self, sub: Subscription, rng: Random) -> None:
        at = self.books.now + rng.randint(5, 80) * DAY + rng.randint(0, DAY)
        self.books.schedule(at, Rank.PERSON, self._act, sub, rng)

    def _act(self, sub: Subscription, rng: Random) -> None:
        if sub.ended or sub.customer.deleted:
            return
        fresh = any(item.start == self.books.now for item in sub.items)
        if sub.status in {"active", "past_due"} and not fresh:
            item = rng.choice(sub.items)
            if not item.discounts:
                self._attach(sub, item, rng)
                self.books.commit(sub)
            elif self.discounts.detach(item.discounts[0], sub.customer, sub, item):
                self.books.commit(sub)
        self._plan(sub, rng)

    def _attach(self, sub: Subscription, item: Item, rng: Random) -> None:
        coupon = self.books.catalogue.coupons[rng.choice(self.names)]
        self.discounts.attach(coupon, sub.customer, sub, item)
