"""The life of subscriptions: creation, renewals, changes with prorations, pauses, the end.

What belongs here: what Stripe does when asked to, and at period boundaries. What does not: who
asks and why (`behaviour`).
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

from pipeline.sandbox.company import invoices
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY, boundary, period_around
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.discounts import Discounts, service_period
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.invoicing import Invoicing
from pipeline.sandbox.company.pricing import Price, charge_lines
from pipeline.sandbox.company.prorations import Prorations
from pipeline.sandbox.company.records import (
    Customer,
    Item,
    ItemLedger,
    Subscription,
    Usage,
)

WHOLE = Fraction(1)
Order = tuple[Price, int | None]


class Subscriptions:
    """Stripe's side of every subscription.

    `usage(item, start, end)` says how much was used; those in `prepare` may change a new one before its first invoice.
    """

    def __init__(self, books: Books, discounts: Discounts, invoicing: Invoicing) -> None:
        self.books = books
        self.discounts = discounts
        self.invoicing = invoicing
        self.prorations = Prorations(books)
        self.prepare: list[Callable[[Subscription], None]] = []
        self.usage: Callable[[Item, int, int], int] = lambda _item, _start, _end: 0
        invoicing.end_subscription = self.end

    # creation

    def create(
        self,
        customer: Customer,
        orders: Sequence[Order],
        trial_days: int = 0,
        coupons: Sequence[Coupon] = (),
        promoted: bool = False,
        pauses_after_trial: bool = False,
    ) -> Subscription:
        """A subscription: active with a paid first invoice, trialing, or incomplete."""
        now = self.books.now
        trial_end = now + trial_days * DAY if trial_days else None
        sub = Subscription(
            id=self.books.ids.new("sub"),
            customer=customer,
            currency=customer.currency,
            created=now,
            anchor=trial_end or now,
            status="trialing" if trial_end else "active",
            trial_start=now if trial_end else None,
            trial_end=trial_end,
            pauses_after_trial=pauses_after_trial and trial_end is not None,
        )
        customer.subscriptions.append(sub)
        if customer.obj["currency"] is None:
            self.books.change_customer(customer, currency=customer.currency)
        for coupon in coupons:
            self.discounts.attach(coupon, customer, sub, promoted=promoted)
        for price, quantity in orders:
            end = trial_end or boundary(now, price.interval, price.interval_count, 1)
            self._new_item(sub, price, quantity, now, end)
        for prepare in self.prepare:
            prepare(sub)
        self._first_invoice(sub)
        self.books.commit(sub, "customer.subscription.created")
        if not trial_end and self.discounts.consume_once(sub):
            self.books.commit(sub)
        self._plan_renewal(sub)
        if trial_end and trial_end - 3 * DAY > now:
            self.books.schedule(trial_end - 3 * DAY, Rank.COLLECTION, self._trial_will_end, sub)
        return sub

    def _new_item(
        self, sub: Subscription, price: Price, quantity: int | None, start: int, end: int
    ) -> Item:
        item_id = self.books.ids.new("si")
        ledger = ItemLedger(item_id, sub.customer.id, sub.id, sub.currency)
        self.books.ledgers[item_id] = ledger
        amount = None if price.metered else quantity
        item = Item(item_id, price, amount, start, start, end, ledger)
        sub.items = [*sub.items, item]
        ledger.open_period(service_period(sub, item, start))
        return item

    def _first_invoice(self, sub: Subscription) -> None:
        lines, sub.first_lines = sub.first_lines, []
        for item in reversed(sub.items):
            if item.price.metered:
                continue
            parts = self._lines(sub, item)
            if sub.status == "trialing":
                parts = [{**parts[0], "amount": 0, "subtotal": 0, "description": "Free trial"}]
            lines += [(item, line) for line in parts]
        self.invoicing.make(sub, lines, "subscription_create", at_once=True)

    def _lines(self, sub: Subscription, item: Item) -> list[Json]:
        name = self.books.catalogue.names[item.price.product]
        period = (item.start, item.billed_until or item.end)
        parts = charge_lines(item.price, sub.currency, item.quantity or 0)
        return [
            invoices.period_line(sub, item, part.times(item.billed), period, name) for part in parts
        ]

    def _trial_will_end(self, sub: Subscription) -> None:
        if sub.status == "trialing":
            self.books.announce(sub, "customer.subscription.trial_will_end")

    # renewal

    def _plan_renewal(self, sub: Subscription) -> None:
        at = min(item.end for item in sub.items)
        if sub.renewal_at != at:
            sub.renewal_at = at
            self.books.schedule(at, Rank.RENEWAL, self._renew, sub, at)

    def _renew(self, sub: Subscription, at: int) -> None:
        """A period boundary: usage of the old period, the new period, one invoice, one event."""
        if sub.renewal_at != at or not sub.billing:
            return
        converting = sub.status == "trialing"
        if sub.cancel_at is not None and sub.cancel_at <= at:
            self._end_at_boundary(sub, at, converting)
            return
        if converting and sub.pauses_after_trial:
            self.pause(sub, "trial_end_without_payment_method")
            return
        if converting:
            sub.status = "active"
        lines = []
        for item in reversed([each for each in sub.items if each.end == at]):
            if item.price.metered and not converting:
                lines += [(item, line) for line in self._usage_lines(sub, item, at)]
            self._next_period(sub, item, at)
            if not item.price.metered and not item.prebilled:
                lines += [(item, line) for line in self._lines(sub, item)]
        if lines or sub.pending or not sub.billing_schedules:
            self.invoicing.make(sub, lines, "subscription_cycle", at_once=False)
            self.discounts.consume_once(sub)
        if not any(item.prebilled for item in sub.items):
            sub.billing_schedules = []
        self.books.commit(sub)
        self._plan_renewal(sub)

    def _next_period(self, sub: Subscription, item: Item, at: int) -> None:
        price = item.price
        _, end = period_around(sub.anchor, price.interval, price.interval_count, at)
        item.start, item.end, item.billed = at, end, WHOLE
        item.prebilled = tuple(each for each in item.prebilled if each[0] > at)
        if not item.prebilled:
            item.billed_until = None
        ahead = next((under for _, under in item.prebilled), service_period(sub, item, at))
        item.ledger.open_period(ahead._replace(start=at))

    def _usage_lines(self, sub: Subscription, item: Item, at: int) -> list[Json]:
        """What was used in `[item.start, at)`, in whole cents."""
        quantity = self.usage(item, item.start, at)
        name = self.books.catalogue.names[item.price.product]
        parts = charge_lines(item.price, sub.currency, quantity)
        lines = [invoices.period_line(sub, item, part, (item.start, at), name) for part in parts]
        cents = sum(line["amount"] for line in lines)
        _, own, above = service_period(sub, item, at)
        item.ledger.usages.append(Usage(item.start, at, cents, quantity, own, above))
        return lines

    def _end_at_boundary(self, sub: Subscription, at: int, converting: bool) -> None:
        lines = [
            (item, line)
            for item in reversed(sub.items)
            if item.price.metered and item.end == at and not converting
            for line in self._usage_lines(sub, item, at)
        ]
        if lines or sub.pending:
            self.invoicing.make(sub, lines, "subscription_cycle", at_once=False)
        self.end(sub, "cancellation_requested")

    # changes

    def change(
        self,
        sub: Subscription,
        item: Item,
        price: Price | None = None,
        quantity: int | None = None,
        behavior: str = "create_prorations",
    ) -> None:
        """Another price or quantity; another billing interval restarts the period."""
        price = price or item.price
        quantity = item.quantity if quantity is None else quantity
        old = item.price
        if (old.interval, old.interval_count) != (price.interval, price.interval_count):
            self.switch_interval(sub, {item: price}, quantity)
            return
        prorated = behavior != "none" and sub.status != "trialing" and not price.metered
        prorated = prorated and item.end > self.books.now
        if prorated:
            self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
        item.price, item.quantity = price, quantity
        if prorated:
            self.prorations.add(sub, item, price, quantity or 0, 1)
        self._after_change(sub, behavior)

    def add_item(
        self, sub: Subscription, price: Price, quantity: int | None, behavior: str
    ) -> Item:
        """One more item; its first service period runs from now to the boundary of its interval."""
        now = self.books.now
        if sub.status == "trialing":
            end = sub.trial_end or now
        else:
            _, end = period_around(sub.anchor, price.interval, price.interval_count, now)
        item = self._new_item(sub, price, quantity, now, end)
        if behavior != "none" and sub.status != "trialing" and not price.metered:
            self.prorations.add(sub, item, price, quantity or 0, 1)
        self._after_change(sub, behavior)
        return item

    def remove_item(self, sub: Subscription, item: Item, behavior: str) -> None:
        """An item leaves for good."""
        if behavior != "none" and sub.status != "trialing" and not item.price.metered:
            self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
        sub.items = [each for each in sub.items if each is not item]
        sub.removed.append(item)
        self._after_change(sub, behavior)

    def _after_change(self, sub: Subscription, behavior: str) -> None:
        if behavior == "always_invoice" and sub.pending:
            self.invoicing.make(sub, [], "subscription_update", at_once=True, direct=True)
        self.books.commit(sub)
        self._plan_renewal(sub)

    def switch_interval(
        self, sub: Subscription, prices: dict[Item, Price], quantity: int | None = None
    ) -> None:
        """New intervals restart every item's period now: credits, then ordinary lines, invoiced."""
        now = self.books.now
        if sub.status == "trialing":
            for item, price in prices.items():
                item.price = price
            self.books.commit(sub)
            return
        used = []
        for item in sub.items:
            if item.price.metered:
                used += [(item, line) for line in self._usage_lines(sub, item, now)]
            else:
                self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
        sub.anchor = now
        self._bill_nothing_ahead(sub)
        lines = []
        for item in reversed(sub.items):
            if item in prices:
                item.price = prices[item]
                item.quantity = item.quantity if quantity is None else quantity
            self._next_period(sub, item, now)
            if not item.price.metered:
                lines += [(item, line) for line in self._lines(sub, item)]
        self.invoicing.make(sub, lines + used, "subscription_update", at_once=True, direct=True)
        self.discounts.consume_once(sub)
        self.books.commit(sub)
        self._plan_renewal(sub)

    def _bill_nothing_ahead(self, sub: Subscription) -> None:
        """New periods begin now: what was billed beyond has been credited."""
        sub.billing_schedules = []
        for item in sub.items:
            item.billed_until, item.prebilled = None, ()

    # pauses

    def pause_collection(self, sub: Subscription, behavior: str, resumes_at: int | None) -> None:
        """Invoices are made but not collected; the status stays."""
        sub.pause_collection = {"behavior": behavior, "resumes_at": resumes_at}
        self.books.commit(sub)
        if resumes_at is not None:
            self.books.schedule(resumes_at, Rank.PHASE, self.resume_collection, sub)

    def resume_collection(self, sub: Subscription) -> None:
        """Collection goes on."""
        if sub.pause_collection is not None and not sub.ended:
            sub.pause_collection = None
            self.books.commit(sub)

    def pause(self, sub: Subscription, kind: str = "pause_requested") -> None:
        """Status `paused`: no invoices until it is resumed."""
        sub.status = "paused"
        sub.paused = {
            "subscription": {"type": kind},
            "transitioned_at": self.books.now,
            "type": "subscription",
        }
        self.books.commit(sub)
        self.books.announce(sub, "customer.subscription.paused")

    def resume(self, sub: Subscription) -> None:
        """Active again: a new period with its invoice starts now."""
        if sub.status != "paused":
            return
        now = self.books.now
        sub.status, sub.paused, sub.anchor, sub.renewal_at = "active", None, now, None
        self._bill_nothing_ahead(sub)
        lines = []
        for item in reversed(sub.items):
            self._next_period(sub, item, now)
            if not item.price.metered:
                lines += [(item, line) for line in self._lines(sub, item)]
        self.invoicing.make(sub, lines, "subscription_update", at_once=True)
        self.discounts.consume_once(sub)
        self.books.commit(sub)
        self.books.announce(sub, "customer.subscription.resumed")
        self._plan_renewal(sub)

    # the end

    def request_cancellation(self, sub: Subscription, feedback: str | None) -> None:
        """It ends when what is paid for has run out."""
        sub.cancel_at_period_end = True
        sub.cancel_at = max(item.end for item in sub.items)
        sub.canceled_at = self.books.now
        sub.cancellation = {"reason": "cancellation_requested", "feedback": feedback}
        self.books.commit(sub)

    def withdraw_cancellation(self, sub: Subscription) -> None:
        """The customer stays after all."""
        if sub.cancel_at_period_end and not sub.ended:
            sub.cancel_at_period_end = False
            sub.cancel_at = sub.canceled_at = sub.cancellation = None
            self.books.commit(sub)

    def end(self, sub: Subscription, reason: str, feedback: str | None = None) -> None:
        """Canceled for good, now."""
        if sub.ended:
            return
        now = self.books.now
        sub.status = "canceled"
        sub.ended_at = now
        sub.canceled_at = sub.canceled_at or now
        sub.paused = None
        if sub.cancellation is None:
            sub.cancellation = {"reason": reason, "feedback": feedback}
        self.books.commit(sub, "customer.subscription.deleted")
