"""Changes that wait for their payment: `pending_update`, applied when it is paid, else dropped.

What belongs here: what Stripe does when a change is asked for with `pending_if_incomplete`. What does
not: who asks (`turns`).
"""

from pipeline.sandbox.company import render
from pipeline.sandbox.company.books import Rank
from pipeline.sandbox.company.calendar import HOUR
from pipeline.sandbox.company.edits import Edits
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.pricing import Price
from pipeline.sandbox.company.records import Item, Subscription

HOURS_TO_PAY = 23
State = tuple[Price, int | None]


class PendingUpdates(Edits):
    """Subscriptions that can be asked for a change which is only made when it is paid for."""

    def change_when_paid(
        self, sub: Subscription, item: Item, to: State, paid_after: int | None
    ) -> None:
        """Prorations and their invoice now, the change after `paid_after` hours; None: never.

        The invoice must come to more than nothing, else nothing would wait.
        """
        now, was, credited = self.books.now, (item.price, item.quantity), item.credited
        self.prorations.add(sub, item, item.price, item.quantity or 0, -1)
        item.price, item.quantity = to
        self.prorations.add(sub, item, item.price, item.quantity or 0, 1)
        views = self.books.price_views
        proposed = [render.item(each, sub.id, views[each.price.id]) for each in sub.items]
        item.price, item.quantity = was
        item.credited = credited
        expires = now + HOURS_TO_PAY * HOUR
        sub.pending_update = _pending_update(proposed, expires)
        sub.awaits_payment = True
        inv = self.invoicing.make(sub, [], "subscription_update", at_once=True, direct=True)
        sub.awaits_payment = False
        self.books.commit(sub)
        at = expires if paid_after is None else min(expires, now + paid_after * HOUR)
        act = self._drop if paid_after is None else self._apply
        self.books.schedule(at, Rank.COLLECTION, act, sub, item, inv, (was, to))

    def end(self, sub: Subscription, reason: str, feedback: str | None = None) -> None:
        """Canceled for good, now; what waits is forgotten."""
        if not sub.ended:
            sub.pending_update = None
        super().end(sub, reason, feedback)

    def _apply(self, sub: Subscription, item: Item, inv: Json, states: tuple[State, State]) -> None:
        was, to = states
        here = item in sub.items and (item.price, item.quantity) == was
        if not here or sub.status != "active" or sub.pending_update is None:
            self._drop(sub, item, inv, states)
            return
        self.invoicing.pay(sub, inv)
        item.price, item.quantity = to
        sub.pending_update = None
        self.books.commit(sub)
        self.books.announce(sub, "customer.subscription.pending_update_applied")

    def _drop(
        self, sub: Subscription, _item: Item, inv: Json, _states: tuple[State, State]
    ) -> None:
        self.invoicing.void(inv)
        if not sub.ended and sub.pending_update is not None:
            sub.pending_update = None
            self.books.commit(sub)
            self.books.announce(sub, "customer.subscription.pending_update_expired")


def _pending_update(items: list[Json], expires_at: int) -> Json:
    """What a subscription's items become once it is paid for."""
    return {
        "billing_cycle_anchor": None,
        "cancel_at_period_end": None,
        "discount": None,
        "discounts": None,
        "expires_at": expires_at,
        "metadata": None,
        "subscription_items": items,
        "trial_end": None,
        "trial_from_plan": None,
    }
