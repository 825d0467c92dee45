# ruff: noqa: PLR2004 - the numbers of this module are chances
"""How accounts become customers: the Stripe customers they have and what they buy first.

What belongs here: the first day of an account and of every later return. What does not: the months
after (`behaviour`).
"""

from collections.abc import Callable

from pipeline.sandbox.company import render
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.catalogue import CONNECTORS, Coupon
from pipeline.sandbox.company.crm import Crm
from pipeline.sandbox.company.people import Account
from pipeline.sandbox.company.pricing import Price
from pipeline.sandbox.company.records import Customer, Subscription
from pipeline.sandbox.company.subscriptions import Order, Subscriptions

SEATS = {"small": (1, 12), "middle": (6, 40), "large": (22, 130)}


class SignUp:
    """Turns accounts into customers with subscriptions."""

    def __init__(
        self, books: Books, crm: Crm, subscriptions: Subscriptions, features: frozenset[str]
    ) -> None:
        self.books = books
        self.crm = crm
        self.subscriptions = subscriptions
        self.features = features
        self.accounts: dict[int, Account] = {}
        self.owners: dict[str, int] = {}
        self.on_subscription: Callable[[Subscription], None] = lambda _sub: None
        self.mood: Callable[[int], float] = lambda _at: 1.0

    def account(self, sub: Subscription) -> Account:
        """The account behind a subscription."""
        return self.accounts[sub.customer.account]

    def meet(self, account: Account, signs_at: int) -> None:
        """Sales meets the company: it is in the CRM before it buys."""
        self.accounts[account.number] = account
        self.crm.add_account(account, self.books.now)
        deal = None
        if account.size != "small":
            amount = 1000 * account.rng.randint(3, 90)
            deal = self.crm.open_deal(account, self.books.now, "newbusiness", amount)
        self.books.schedule(signs_at, Rank.PERSON, self._sign, account, deal)

    def _sign(self, account: Account, deal: str | None) -> None:
        if deal is not None:
            self.crm.close_deal(deal, self.books.now, won=True)
        several = account.size != "small" and account.rng.random() < 0.14
        self.new_customer(account, "")
        self.crm.link_customers(account, self.books.now)
        self.subscribe(account, account.customers[0])
        if "several_customers" in self.features and several:
            for division in ("North", "Services")[: account.rng.randint(1, 2)]:
                at = self.books.now + account.rng.randint(3, 150) * DAY
                self.books.schedule(at, Rank.PERSON, self._division, account, division)

    def _division(self, account: Account, division: str) -> None:
        if account.rng.random() > self.mood(self.books.now):
            return
        customer = self.new_customer(account, division)
        self.crm.link_customers(account, self.books.now)
        self.subscribe(account, customer)

    def new_customer(self, account: Account, division: str = "") -> Customer:
        """A Stripe customer of the account; a large company has one per division."""
        customer_id = self.books.ids.new("cus")
        who = {
            "name": f"{account.name} {division}".strip(),
            "email": f"billing@{account.domain}",
            "country": account.country_code,
            "invoice_prefix": self.books.ids.letters("cus", 8).upper(),
            "metadata": {},
        }
        obj = render.customer(customer_id, self.books.now, self.crm.addressed(account, who))
        customer = Customer(customer_id, account.number, account.currency, obj)
        account.customers.append(customer)
        self.owners[customer_id] = account.number
        self.books.objects["customer"][customer_id] = obj
        self.books.log.emit("customer.created", self.books.now, dict(obj))
        return customer

    def subscribe(self, account: Account, customer: Customer, returning: bool = False) -> None:
        """A first subscription, or the one of a customer who comes back."""
        rng = account.rng
        plan = {"small": "starter", "middle": "pro", "large": "enterprise"}[account.size]
        if rng.random() < 0.12:
            plan = {"starter": "pro", "pro": "starter", "enterprise": "pro"}[plan]
        low, high = SEATS[account.size]
        seats = round(low + (high - low) * rng.random() ** 2)
        if len(account.customers) > 1:
            plan = {"enterprise": "pro"}.get(plan, "starter")
        if returning or len(account.customers) > 1:
            seats = max(1, round(seats * 0.6))
        interval = self._interval(account, plan, customer.currency)
        orders: list[Order] = [(self._price(f"{plan}/{interval}", customer), seats)]
        orders += self._extras(account, customer, interval)
        trial = 0
        if "trials" in self.features and not returning and rng.random() < 0.22:
            trial = rng.choice((7, 14, 14, 30))
        coupons = self._coupons(account, interval) if rng.random() < 0.2 else []
        sub = self.subscriptions.create(
            customer,
            orders,
            trial,
            coupons,
            promoted=rng.random() < 0.5,
            pauses_after_trial="pauses" in self.features and rng.random() < 0.1,
        )
        for item in sub.items:
            item.calls = rng.uniform(8_000, 120_000) * (3 if account.size == "large" else 1)
        if sub.pauses_after_trial:
            back = self.books.now + (trial + rng.randint(2, 60)) * DAY
            self.books.schedule(back, Rank.PERSON, self._after_trial_pause, sub, rng.random())
        elif trial and rng.random() < 0.3:
            self._leave_trial(account, sub, trial)
        self.on_subscription(sub)

    def _leave_trial(self, account: Account, sub: Subscription, days: int) -> None:
        """Not everybody converts: some ask to end with the trial, some leave in it, some pause."""
        at = self.books.now + account.rng.randint(1, days - 1) * DAY
        act = account.rng.choice(("later", "later", "now"))
        self.books.schedule(at, Rank.PERSON, self._quit_trial, sub, act)

    def _after_trial_pause(self, sub: Subscription, draw: float) -> None:
        """A payment method arrives, or the customer goes."""
        if sub.status == "paused" and draw < 0.6:
            self.subscriptions.resume(sub)
        elif sub.status == "paused":
            self.subscriptions.end(sub, "cancellation_requested", "unused")

    def _quit_trial(self, sub: Subscription, act: str) -> None:
        if sub.status != "trialing":
            return
        if act == "later":
            self.subscriptions.request_cancellation(sub, "unused")
        else:
            self.subscriptions.end(sub, "cancellation_requested", "unused")

    def _price(self, key: str, customer: Customer) -> Price:
        return self.books.catalogue.price(key, customer.currency)

    def _interval(self, account: Account, plan: str, currency: str) -> str:
        if "intervals" not in self.features:
            return "month"
        weights = {"month": 70, "year": 27}
        if currency == "usd":
            weights |= {"starter": {"week": 2}, "pro": {"quarter": 4}}.get(plan, {})
        return account.rng.choices(list(weights), weights=list(weights.values()))[0]

    def _extras(self, account: Account, customer: Customer, interval: str) -> list[Order]:
        rng = account.rng
        orders: list[Order] = []
        add_ons = "add_ons" in self.features and interval in {"month", "year"}
        if add_ons and rng.random() < 0.18:
            orders.append((self._price(f"support/{interval}", customer), 1))
        if add_ons and interval == "month" and rng.random() < 0.1:
            orders.append((self._price("retention/month", customer), rng.randint(1, 12)))
        if "usage" in self.features and rng.random() < 0.16 and interval in {"month", "year"}:
            orders.append((self._price("api/month", customer), None))
        many = "many_items" in self.features and account.size == "large" and interval == "month"
        if many and rng.random() < 0.12:
            orders += [
                (self._price(f"connector-{name.lower()}/month", customer), 1) for name in CONNECTORS
            ]
        return orders

    def _coupons(self, account: Account, interval: str) -> list[Coupon]:
        if "coupons" not in self.features:
            return []
        names = ["WELCOME20", "WELCOME20", "ANNUAL10", "LAUNCH30", "PARTNER25", "SAVE50",
                 "SORRY100", "FREEMONTHS", "PLANS12", "ONCE25"]  # fmt: skip
        if account.size == "small":
            names.append("COMMUNITY")
        if interval == "week":
            names = ["WELCOME20", "ANNUAL10", "ONCE25"]
        first = account.rng.choice(names)
        chosen = [self.books.catalogue.coupons[first]]
        if account.rng.random() < 0.15 and first != "ANNUAL10":
            chosen.append(self.books.catalogue.coupons["ANNUAL10"])
        return chosen
