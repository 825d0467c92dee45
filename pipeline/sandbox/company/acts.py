# ruff: noqa: PLR2004 - the numbers of this module are chances
"""The acts of customers: one method per wish, by the wish's name.

What belongs here: what exactly a customer does once it has decided to. What does not: how often
(`wishes`) and when (`behaviour`).
"""

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY, month_start
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.crm import Crm
from pipeline.sandbox.company.discounts import service_period
from pipeline.sandbox.company.records import Item, Subscription
from pipeline.sandbox.company.schedules import Schedules
from pipeline.sandbox.company.signup import SignUp

FEEDBACK = ("too_expensive", "missing_features", "switched_service", "unused", "other", None)


class Acts:
    """Carries out what customers want."""

    def __init__(self, books: Books, crm: Crm, sign_up: SignUp, features: frozenset[str]) -> None:
        self.books = books
        self.crm = crm
        self.sign_up = sign_up
        self.subscriptions = sign_up.subscriptions
        self.discounts = self.subscriptions.discounts
        self.invoicing = self.subscriptions.invoicing
        self.schedules = Schedules(books, self.subscriptions)
        self.features = features

    def _just_renewed(self, sub: Subscription) -> bool:
        """Whether a period of it began in this very second: what it was billed for is settled."""
        return any(item.start == self.books.now for item in sub.items)

    def _manner(self, sub: Subscription) -> str:
        """How a change is prorated."""
        kinds = ["create_prorations", "always_invoice", "none"]
        silent = "unprorated" in self.features and not self._just_renewed(sub)
        weights = [70, 20, 10 if silent else 0]
        return self.sign_up.account(sub).rng.choices(kinds, weights=weights)[0]

    def _plan_item(self, sub: Subscription) -> Item | None:
        """The item that holds the plan, or the product of a second subscription."""
        for item in sub.items:
            if item.quantity is not None and not item.price.key.startswith(
                ("support", "connector", "retention")
            ):
                return item
        return None

    def more_seats(self, sub: Subscription) -> None:
        """Between a few and half as many seats more, sometimes through a deal."""
        item = self._plan_item(sub)
        if item is None or item.quantity is None:
            return
        rng = self.sign_up.account(sub).rng
        low, high = {"small": (0.1, 0.5)}.get(self.sign_up.account(sub).size, (0.05, 0.2))
        more = max(1, round(item.quantity * rng.uniform(low, high)))
        self._with_deal(sub, item, item.price.key, item.quantity + more)

    def fewer_seats(self, sub: Subscription) -> None:
        """Some seats less."""
        item = self._plan_item(sub)
        if item is not None and (item.quantity or 0) > 1:
            rng = self.sign_up.account(sub).rng
            fewer = max(1, round((item.quantity or 0) * (1 - rng.uniform(0.08, 0.3))))
            self.subscriptions.change(sub, item, None, fewer, self._manner(sub))

    def upgrade(self, sub: Subscription) -> None:
        """The next larger plan."""
        self._move(sub, {"starter": "pro", "pro": "enterprise"})

    def downgrade(self, sub: Subscription) -> None:
        """The next smaller plan."""
        self._move(sub, {"pro": "starter", "enterprise": "pro"})

    def _move(self, sub: Subscription, ladder: dict[str, str]) -> None:
        item = self._plan_item(sub)
        if item is None:
            return
        plan, _, rest = item.price.key.partition("/")
        interval = rest.split("/", maxsplit=1)[0]
        target = f"{ladder.get(plan, '')}/{interval}"
        if plan not in ladder or not self.books.catalogue.sells(target, sub.currency):
            return
        rng = self.sign_up.account(sub).rng
        quantity = item.quantity or 1
        if rng.random() < 0.3:
            quantity = max(1, round(quantity * rng.uniform(0.8, 1.3)))
        self._with_deal(sub, item, target, quantity)

    def _with_deal(self, sub: Subscription, item: Item, key: str, quantity: int) -> None:
        """Now, or through a sales deal that closes in some weeks, or a schedule."""
        account = self.sign_up.account(sub)
        rng = account.rng
        price = self.books.catalogue.price(key, sub.currency)
        if price.key == item.price.key:
            price = item.price
        if "schedules" in self.features and sub.schedule is None and rng.random() < 0.05:
            at = self.books.now + rng.randint(5, 50) * DAY
            if rng.random() < 0.4:
                at = month_start(at)
            if at > self.books.now:
                self.schedules.create(sub, item, at, price, quantity)
                return
        if account.size != "small" and rng.random() < 0.5:
            amount = 500 * rng.randint(2, 60)
            deal = self.crm.open_deal(account, self.books.now, "existingbusiness", amount)
            days = rng.randint(3, 40)
            won = rng.random() < 0.8
            at = self.books.now + days * DAY + rng.randint(0, DAY)
            self.books.schedule(
                at, Rank.PERSON, self._deal_closes, sub, item, deal, (key, quantity, won)
            )
            return
        self.subscriptions.change(sub, item, price, quantity, self._manner(sub))

    def _deal_closes(
        self, sub: Subscription, item: Item, deal: str, what: tuple[str, int, bool]
    ) -> None:
        key, quantity, won = what
        possible = sub.status == "active" and item in sub.items and not sub.cancel_at_period_end
        won = (
            won
            and possible
            and self.sign_up.account(sub).rng.random() < self.sign_up.mood(self.books.now)
        )
        self.crm.close_deal(deal, self.books.now, won)
        if won:
            price = self.books.catalogue.price(key, sub.currency)
            same = price.key == item.price.key
            self.subscriptions.change(
                sub, item, item.price if same else price, quantity, self._manner(sub)
            )

    def take_add_on(self, sub: Subscription) -> None:
        """Support, retention, Insights or usage beside the plan."""
        item = self._plan_item(sub)
        if item is None:
            return
        held = {each.price.product for each in sub.items}
        rng = self.sign_up.account(sub).rng
        keys = ["support/month", "retention/month", "insights/month"]
        if item.price.interval == "year":
            keys = ["support/year", "support/year", "insights/year"]
            if rng.random() < 0.3:
                keys.append("retention/month")
        if "usage" in self.features and rng.random() < 0.25:
            keys = ["api/month"]
        price = self.books.catalogue.price(rng.choice(keys), sub.currency)
        if price.product in held or price.product == item.price.product:
            return
        quantity = {"retention": rng.randint(1, 24), "insights": rng.randint(2, 30)}
        plan = self.books.catalogue.plan_of(price)
        added = self.subscriptions.add_item(sub, price, quantity.get(plan, 1), self._manner(sub))
        added.calls = rng.uniform(5_000, 90_000)
        if "coupons" in self.features and rng.random() < 0.12 and not price.metered:
            coupon = self.books.catalogue.coupons["ADDON30"]
            self.discounts.attach(coupon, sub.customer, sub, added)
            added.ledger.open_period(service_period(sub, added, self.books.now))
            self.books.commit(sub)

    def drop_add_on(self, sub: Subscription) -> None:
        """Whatever is held beside the plan."""
        main = self._plan_item(sub)
        others = [i for i in sub.items if i is not main and not i.price.metered]
        if main is not None and others:
            item = self.sign_up.account(sub).rng.choice(others)
            self.subscriptions.remove_item(sub, item, self._manner(sub))

    def grow_add_on(self, sub: Subscription) -> None:
        """More (seldom less) data retention."""
        for item in sub.items:
            if item.price.key.startswith("retention"):
                more = (item.quantity or 1) + self.sign_up.account(sub).rng.randint(-2, 6)
                self.subscriptions.change(sub, item, None, max(1, more), self._manner(sub))
                return

    def go_yearly(self, sub: Subscription) -> None:
        """Monthly items become yearly where they are sold so."""
        self._switch(sub, "month", "year")

    def go_monthly(self, sub: Subscription) -> None:
        """Yearly items become monthly where they are sold so."""
        self._switch(sub, "year", "month")

    def _switch(self, sub: Subscription, old: str, new: str) -> None:
        prices = {}
        for item in sub.items:
            product, _, rest = item.price.key.partition("/")
            target = f"{product}/{new}"
            sold = self.books.catalogue.sells(target, sub.currency)
            if rest.split("/", maxsplit=1)[0] == old and not item.price.metered and sold:
                prices[item] = self.books.catalogue.price(target, sub.currency)
        main = self._plan_item(sub)
        if main in prices and sub.schedule is None:
            self.subscriptions.switch_interval(sub, prices)

    def second_subscription(self, sub: Subscription) -> None:
        """Insights in a subscription of its own."""
        if any(not each.ended for each in sub.customer.subscriptions if each is not sub):
            return
        rng = self.sign_up.account(sub).rng
        key = rng.choice(("insights/month", "insights/30days", "insights/year", "insights/month"))
        orders = [(self.books.catalogue.price(key, sub.currency), rng.randint(3, 40))]
        second = self.subscriptions.create(sub.customer, orders)
        self.sign_up.on_subscription(second)

    def coupon(self, sub: Subscription) -> None:
        """A coupon on the subscription, now and then on the customer."""
        if sub.discounts or any(item.discounts for item in sub.items) or self._just_renewed(sub):
            return
        rng = self.sign_up.account(sub).rng
        names = ["LOYAL15", "ANNUAL10", "SAVE50", "LAUNCH30", "SORRY100", "ONCE25", "PLANS12",
                 "PARTNER25", "FREEMONTHS"]  # fmt: skip
        coupon = self.books.catalogue.coupons[rng.choice(names)]
        if rng.random() < 0.12 and sub.customer.discount is None and coupon.duration != "once":
            self.discounts.attach(coupon, sub.customer)
            return
        self.discounts.attach(coupon, sub.customer, sub)
        if rng.random() < 0.1:
            other: Coupon = self.books.catalogue.coupons["LOYAL15"]
            if other is not coupon:
                self.discounts.attach(other, sub.customer, sub)
        self.books.commit(sub)

    def lose_coupon(self, sub: Subscription) -> None:
        """A coupon is taken back before it ends."""
        for record in [] if self._just_renewed(sub) else sub.discounts:
            if self.discounts.detach(record, sub.customer, sub, None):
                self.books.commit(sub)
                return

    def pause_collection(self, sub: Subscription) -> None:
        """Invoices go on without being collected."""
        rng = self.sign_up.account(sub).rng
        usual = rng.choices(("void", "keep_as_draft", "mark_uncollectible"), weights=(6, 2, 2))[0]
        metered = any(item.price.metered for item in sub.items)
        if metered or sub.schedule is not None or sub.status != "active":
            return
        resumes = self.books.now + rng.randint(10, 80) * DAY
        announced = rng.random() < 0.5
        self.subscriptions.pause_collection(sub, usual, resumes if announced else None)
        if not announced:
            self.books.schedule(resumes, Rank.PERSON, self.subscriptions.resume_collection, sub)

    def pause(self, sub: Subscription) -> None:
        """Status `paused`; most come back."""
        metered = any(item.price.metered for item in sub.items)
        if metered or sub.schedule is not None or sub.status != "active":
            return
        self.subscriptions.pause(sub)
        rng = self.sign_up.account(sub).rng
        at = self.books.now + rng.randint(8, 75) * DAY
        comes_back = rng.random() < 0.75
        self.books.schedule(at, Rank.PERSON, self._end_of_pause, sub, comes_back)

    def _end_of_pause(self, sub: Subscription, comes_back: bool) -> None:
        if comes_back:
            self.subscriptions.resume(sub)
        elif sub.status == "paused":
            self.subscriptions.end(sub, "cancellation_requested")

    def cancel_later(self, sub: Subscription) -> None:
        """At the end of what is paid for; a quarter changes its mind."""
        rng = self.sign_up.account(sub).rng
        self.subscriptions.request_cancellation(sub, rng.choice(FEEDBACK))
        if rng.random() < 0.25:
            days = (min(item.end for item in sub.items) - self.books.now) // DAY
            at = self.books.now + rng.randint(1, max(2, min(days, 40))) * DAY
            self.books.schedule(at, Rank.PERSON, self.subscriptions.withdraw_cancellation, sub)
        else:
            self.perhaps_return(sub)

    def cancel_now(self, sub: Subscription) -> None:
        """At once."""
        rng = self.sign_up.account(sub).rng
        self.subscriptions.end(sub, "cancellation_requested", rng.choice(FEEDBACK))
        self.perhaps_return(sub)

    def perhaps_return(self, sub: Subscription) -> None:
        """Some who left are back within half a year."""
        rng = self.sign_up.account(sub).rng
        if "returns" in self.features and rng.random() < 0.3:
            at = max(self.books.now, sub.cancel_at or 0) + rng.randint(12, 190) * DAY
            self.books.schedule(at, Rank.PERSON, self._return, sub)

    def _return(self, sub: Subscription) -> None:
        customer = sub.customer
        if sub.ended and not customer.deleted and all(s.ended for s in customer.subscriptions):
            self.sign_up.subscribe(self.sign_up.account(sub), customer, returning=True)

    def goodwill(self, sub: Subscription) -> None:
        """A credit note over a quarter of the latest invoice."""
        inv = self.books.objects["invoice"].get(sub.latest_invoice or "")
        fresh = inv is not None and inv["post_payment_credit_notes_amount"] == 0
        if inv is not None and fresh and inv["amount_paid"] > 1000:
            self.invoicing.credit(inv, inv["amount_paid"] // 4, "product_unsatisfactory")

    def rename(self, sub: Subscription) -> None:
        """Another address for invoices."""
        customer = sub.customer
        domain = self.sign_up.account(sub).domain
        self.books.change_customer(customer, email=f"accounts@{domain}")

    def delete(self, sub: Subscription) -> None:
        """The customer and its only subscription are deleted."""
        if len(sub.customer.subscriptions) == 1:
            self.schedules.delete_customer(sub.customer)

    def new_list_price(self, sub: Subscription) -> None:
        """The customer is moved to the current price of what it has, without proration."""
        for item in sub.items:
            key = item.price.key
            current = self.books.catalogue.by_key[key]
            new = current is not item.price and item.start != self.books.now
            if new and item.quantity is not None:
                self.subscriptions.change(sub, item, current, None, "none")
                return
