# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Turns that concern a customer or its account: discounts, coupons, deletion, mergers, currencies.

What belongs here: decisions, as in `turns`. What does not: what Stripe does (`promotions`,
`schedules`) and the CRM's records (`crm`).
"""

from random import Random

from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.pending import PendingUpdates
from pipeline.sandbox.company.people import Account
from pipeline.sandbox.company.promotions import Promotions
from pipeline.sandbox.company.records import Customer, Subscription
from pipeline.sandbox.company.schedules import Schedules
from pipeline.sandbox.company.signup import SignUp
from pipeline.sandbox.company.turns import Turn, Turns

SWITCHED = ("ANNUAL10", "LOYAL15", "PARTNER25", "SAVE50", "LAUNCH30", "PLANS12", "WELCOME20")
OTHER = {"usd": "eur", "eur": "usd"}


class ClientTurns(Turns):
    """Every turn there is."""

    def __init__(
        self,
        sign_up: SignUp,
        edits: PendingUpdates,
        promotions: Promotions,
        features: frozenset[str],
        seed: int,
    ) -> None:
        self.promotions = promotions
        self.schedules = Schedules(sign_up.books, edits)
        super().__init__(sign_up, edits, features, seed)

    def _by_feature(self) -> dict[str, Turn]:
        return super()._by_feature() | {
            "customer_discounts": self.switch_discount,
            "deleted_coupons": self.use_a_coupon_once,
            "deleted_customers": self.disappear,
            "mergers": self.merge,
            "mixed_currencies": self.pay_in_another_currency,
        }

    # discounts

    def switch_discount(self, sub: Subscription, rng: Random) -> None:
        """The customer gets a discount, another one in its place, or loses it before its end."""
        customer = sub.customer
        old = customer.discount
        if old is not None and rng.random() < 0.35:
            self.promotions.detach(old, customer, None, None)
            return
        coupon = self.books.catalogue.coupons[rng.choice(SWITCHED)]
        if old is None or old.coupon is not coupon:
            self.promotions.switch(customer, coupon, promoted=rng.random() < 0.3)

    def use_a_coupon_once(self, sub: Subscription, rng: Random) -> None:
        """A coupon made for one customer, on whatever it has, and deleted while it still counts."""
        amount = rng.randint(2, 40) * 100
        percent = rng.random() < 0.6
        duration = rng.choice(("forever", "repeating", "once"))
        products = (sub.items[0].price.product,) if rng.random() < 0.2 else ()
        letters = self.books.ids.new("coup").removeprefix("coup_")
        coupon = Coupon(
            id=letters[:8],
            name="A deal",
            duration=duration,
            months=rng.randint(1, 8) if duration == "repeating" else None,
            percent_off=str(rng.randint(3, 90)) if percent else None,
            amount_off={} if percent else {"usd": amount, sub.currency: amount, "eur": amount - 50},
            products=products,
            created=self.books.now,
            code=letters[-6:].upper() if rng.random() < 0.3 else None,
        )
        self.promotions.issue(coupon)
        self._grant(sub, coupon, rng)
        if coupon.code:
            self._after(rng.uniform(0, 20), self.promotions.deactivate, coupon)
        self._after(rng.choice((0, rng.uniform(0, 100))), self.promotions.withdraw, coupon)

    def _grant(self, sub: Subscription, coupon: Coupon, rng: Random) -> None:
        level = rng.choice(("subscription", "subscription", "item", "customer"))
        items = self._licensed(sub)
        if level == "customer" and coupon.duration != "once" and sub.customer.discount is None:
            self.promotions.attach(coupon, sub.customer)
        elif level == "item" and items and coupon.percent_off is not None:
            self.promotions.attach(coupon, sub.customer, sub, rng.choice(items))
            self.books.commit(sub)
        elif not sub.discounts:
            self.promotions.attach(coupon, sub.customer, sub, promoted=coupon.code is not None)
            self.books.commit(sub)

    # customers and accounts

    def disappear(self, sub: Subscription, rng: Random) -> None:
        """The customer is deleted with all that it has."""
        if rng.random() < 0.2:
            self.schedules.delete_customer(sub.customer)

    def merge(self, sub: Subscription, rng: Random) -> None:
        """The CRM learns that two of its companies are one."""
        account = self.sign_up.account(sub)
        others = [
            each
            for each in self.sign_up.accounts.values()
            if each.crm_id != account.crm_id and each.customers and not each.unlinked
        ]
        if account.unlinked or not others or rng.random() > 0.1:
            return
        other = rng.choice(others)
        self._fuse(account, other)

    def _fuse(self, kept: Account, gone: Account) -> None:
        lost = gone.crm_id
        everybody = [*kept.customers, *gone.customers]
        self.sign_up.crm.merge(kept, gone, self.books.now)
        for each in self.sign_up.accounts.values():
            if each.crm_id in {lost, kept.crm_id}:
                each.crm_id, each.customers = kept.crm_id, everybody
        self.sign_up.crm.link_customers(kept, self.books.now)

    def pay_in_another_currency(self, sub: Subscription, rng: Random) -> None:
        """A division abroad pays in its own currency; or the customer ends all and begins anew."""
        account, customer = self.sign_up.account(sub), sub.customer
        seats = rng.randint(1, 9)
        if rng.random() < 0.4 and len(account.customers) < 4:
            abroad = self.sign_up.new_customer(account, "Abroad")
            abroad.currency = OTHER.get(customer.currency, "usd")
            self.sign_up.crm.link_customers(account, self.books.now)
            self._subscribe(abroad, seats, rng)
            return
        alone = [each for each in customer.subscriptions if not each.ended] == [sub]
        owes = customer.obj["balance"] or sub.pending or sub.status != "active"
        if alone and not owes and self._at_work(sub) and rng.random() < 0.4:
            self.edits.end(sub, "cancellation_requested")
            days = rng.choice((0, rng.uniform(0, 40)))
            self._after(days, self._begin_abroad, customer, seats, rng)

    def _begin_abroad(self, customer: Customer, seats: int, rng: Random) -> None:
        promised = any(
            each["customer"] == customer.id and each["status"] == "not_started"
            for each in self.books.objects["subscription_schedule"].values()
        )
        if customer.deleted or promised or any(not each.ended for each in customer.subscriptions):
            return
        customer.currency = OTHER.get(customer.currency, "usd")
        self.books.change_customer(customer, currency=customer.currency)
        self._subscribe(customer, seats, rng)

    def _subscribe(self, customer: Customer, seats: int, rng: Random) -> None:
        key = rng.choice(("starter/month", "pro/month", "pro/year", "enterprise/month"))
        price = self.books.catalogue.price(key, customer.currency)
        sub = self.edits.create(customer, [(price, seats)])
        self.sign_up.on_subscription(sub)
