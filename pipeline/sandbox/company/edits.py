"""Further edits of a subscription: trials moved, anchors reset, ends at a chosen instant, items swapped.

What belongs here: what Stripe does when asked to, beside what `subscriptions` does. What does not:
who asks and why (`turns`).
"""

from pipeline.sandbox.company.books import Rank
from pipeline.sandbox.company.calendar import period_around
from pipeline.sandbox.company.discounts import service_period
from pipeline.sandbox.company.pricing import Price
from pipeline.sandbox.company.records import Item, Subscription
from pipeline.sandbox.company.subscriptions import Subscriptions


class Edits(Subscriptions):
    """Subscriptions whose customers ask for more than the usual."""

    # trials of the subscription

    def move_trial_end(self, sub: Subscription, trial_end: int) -> None:
        """A running trial ends at another instant, still to come."""
        sub.trial_end = sub.anchor = trial_end
        for item in sub.items:
            item.end = trial_end
        if sub.cancel_at_period_end:
            sub.cancel_at = trial_end
        self.books.commit(sub)
        self._plan_renewal(sub)

    def end_trial(self, sub: Subscription) -> None:
        """A running trial ends now: the first paid period begins, or the subscription pauses."""
        now = self.books.now
        sub.trial_end = sub.anchor = sub.renewal_at = now
        for item in sub.items:
            item.end = now
        if sub.cancel_at_period_end:
            sub.cancel_at = now
        self._renew(sub, now)

    def try_again(self, sub: Subscription, trial_end: int) -> None:
        """A paying subscription is on trial until `trial_end`: the rest of its period is credited."""
        now = self.books.now
        lines = []
        for item in reversed(sub.items):
            if item.price.metered:
                lines += [(item, line) for line in self._usage_lines(sub, item, now)]
            else:
                self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
        sub.status, sub.trial_start = "trialing", now
        sub.trial_end = sub.anchor = trial_end
        self._bill_nothing_ahead(sub)
        for item in sub.items:
            item.start, item.end = now, trial_end
            item.ledger.open_period(service_period(sub, item, now))
        self.invoicing.make(sub, lines, "subscription_update", at_once=True, direct=True)
        self.books.commit(sub)
        self._plan_renewal(sub)

    # trials of items

    def add_on_trial(self, sub: Subscription, price: Price, quantity: int, until: int) -> Item:
        """One more item, free until its trial ends; its first paid period begins then."""
        now = self.books.now
        item = self._new_item(sub, price, quantity, now, until)
        item.trial = (now, until)
        self.books.commit(sub)
        self._plan_renewal(sub)
        return item

    def _next_period(self, sub: Subscription, item: Item, at: int) -> None:
        item.trial = None
        super()._next_period(sub, item, at)

    # the billing cycle

    def reset_anchor(self, sub: Subscription) -> None:
        """Every item's period begins anew: the rest of the old one is credited, the new one billed."""
        self.switch_interval(sub, {})

    def cancel_on(self, sub: Subscription, at: int, feedback: str | None, behavior: str) -> None:
        """It ends at a chosen instant, whatever has been paid for."""
        sub.cancel_at, sub.canceled_at = at, self.books.now
        sub.cancellation = {"reason": "cancellation_requested", "feedback": feedback}
        self.books.commit(sub)
        self.books.schedule(at, Rank.PHASE, self._chosen_end, sub, at, behavior)

    def withdraw_end(self, sub: Subscription, at: int) -> None:
        """It does not end at that instant after all."""
        if sub.cancel_at == at and not sub.ended and not sub.cancel_at_period_end:
            sub.cancel_at = sub.canceled_at = sub.cancellation = None
            self.books.commit(sub)

    def _chosen_end(self, sub: Subscription, at: int, behavior: str) -> None:
        if sub.ended or sub.cancel_at != at or sub.cancel_at_period_end:
            return
        if behavior != "none" and sub.status in {"active", "past_due"}:
            for item in sub.items:
                if not item.price.metered and item.end > at:
                    self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
        self.end(sub, "cancellation_requested")

    # items

    def change_all(
        self, sub: Subscription, changes: dict[Item, tuple[Price, int | None]], behavior: str
    ) -> None:
        """One request gives several items another price (of the same interval) or quantity."""
        for item, (price, quantity) in changes.items():
            prorated = behavior != "none" and sub.status != "trialing" and not price.metered
            prorated = prorated and item.end > self.books.now
            if prorated:
                self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
            item.price, item.quantity = price, quantity
            if prorated:
                self.prorations.add(sub, item, price, quantity or 0, 1)
        self._after_change(sub, behavior)

    def swap_item(
        self, sub: Subscription, item: Item, price: Price, quantity: int, behavior: str
    ) -> Item:
        """One request takes an item off and puts another on, under another id."""
        now = self.books.now
        prorated = behavior != "none" and sub.status != "trialing"
        if prorated:
            self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
        _, end = period_around(sub.anchor, price.interval, price.interval_count, now)
        if sub.status == "trialing":
            end = sub.trial_end or now
        sub.items = [each for each in sub.items if each is not item]
        sub.removed.append(item)
        new = self._new_item(sub, price, quantity, now, end)
        if prorated:
            self.prorations.add(sub, new, price, quantity, 1)
        self._after_change(sub, behavior)
        return new

    # pauses

    def hold_collection(self, sub: Subscription, behavior: str, resumes_at: int | None) -> None:
        """Collection pauses, or a running pause gets another behaviour or end."""
        sub.pause_collection = {"behavior": behavior, "resumes_at": resumes_at}
        self.books.commit(sub)
        if resumes_at is not None:
            self.books.schedule(resumes_at, Rank.PHASE, self._collects_again, sub, resumes_at)

    def _collects_again(self, sub: Subscription, at: int) -> None:
        if (sub.pause_collection or {}).get("resumes_at") == at:
            self.resume_collection(sub)

    def resume_unchanged(self, sub: Subscription) -> None:
        """Active again within the period that was paused: nothing is billed, the anchor stays."""
        if sub.status == "paused" and all(item.end > self.books.now for item in sub.items):
            sub.status, sub.paused = "active", None
            self.books.commit(sub)
            self.books.announce(sub, "customer.subscription.resumed")
