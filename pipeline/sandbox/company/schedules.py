"""Subscription schedules with two phases, and the deletion of customers.

What belongs here: what reaches subscriptions from outside their own life.
"""

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.pricing import Price
from pipeline.sandbox.company.records import Customer, Item, Subscription
from pipeline.sandbox.company.render import AUTOMATIC_TAX, BILLING_MODE
from pipeline.sandbox.company.subscriptions import Subscriptions


class Schedules:
    """Plans a change for later."""

    def __init__(self, books: Books, subscriptions: Subscriptions) -> None:
        self.books = books
        self.subscriptions = subscriptions

    def create(
        self, sub: Subscription, item: Item, at: int, price: Price, quantity: int | None
    ) -> None:
        """Phase one is what the subscription has; phase two, from `at`, another price or quantity."""
        now = self.books.now
        end = at + 90 * DAY
        phases = [
            phase(sub, now, at, {}),
            phase(sub, at, end, {item.id: (price, quantity)}),
        ]
        schedule_id = self.books.ids.new("sub_sched")
        obj = schedule(schedule_id, sub, now, phases)
        self.books.objects["subscription_schedule"][schedule_id] = obj
        self.books.log.emit("subscription_schedule.created", now, dict(obj))
        sub.schedule = schedule_id
        self.books.commit(sub)
        self.books.schedule(at, Rank.PHASE, self._enter, sub, item, obj, (price, quantity))
        self.books.schedule(end, Rank.PHASE, self._release, sub, obj)

    def _enter(
        self, sub: Subscription, item: Item, obj: Json, what: tuple[Price, int | None]
    ) -> None:
        if self._void(sub, obj):
            return
        second = obj["phases"][1]
        current = {"end_date": second["end_date"], "start_date": second["start_date"]}
        self.books.change("subscription_schedule.updated", obj, current_phase=current)
        if item in sub.items and sub.status in {"active", "past_due"}:
            price, quantity = what
            with self.books.by_schedule():
                self.subscriptions.change(sub, item, price, quantity)

    def _release(self, sub: Subscription, obj: Json) -> None:
        if self._void(sub, obj):
            return
        obj.update(
            status="released",
            released_at=self.books.now,
            released_subscription=sub.id,
            subscription=None,
            current_phase=None,
        )
        self.books.log.emit("subscription_schedule.released", self.books.now, dict(obj))
        sub.schedule = None
        self.books.commit(sub)

    def _void(self, sub: Subscription, obj: Json) -> bool:
        """Whether the subscription ended, which cancels the schedule."""
        if sub.ended and obj["status"] == "active":
            obj.update(status="canceled", canceled_at=sub.ended_at, current_phase=None)
            self.books.log.emit("subscription_schedule.canceled", self.books.now, dict(obj))
        return sub.ended

    def delete_customer(self, customer: Customer) -> None:
        """Ends every subscription of the customer at once and leaves a stub."""
        for sub in customer.subscriptions:
            self.subscriptions.end(sub, "cancellation_requested")
        self.books.log.emit("customer.deleted", self.books.now, dict(customer.obj))
        customer.deleted = True
        stub = {"id": customer.id, "object": "customer", "deleted": True}
        self.books.objects["customer"][customer.id] = stub


def phase_item(price: Price, quantity: int | None) -> Json:
    """An item of a phase."""
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": {},
        "plan": price.id,
        "price": price.id,
        "quantity": quantity,
        "tax_rates": [],
    }


def phase(
    sub: Subscription, start: int, end: int, changes: dict[str, tuple[Price, int | None]]
) -> Json:
    """A phase in which some items have another price or quantity."""
    items = [phase_item(*changes.get(item.id, (item.price, item.quantity))) for item in sub.items]
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "automatic_tax": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": sub.currency,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": items,
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }


def schedule(schedule_id: str, sub: Subscription, now: int, phases: list[Json]) -> Json:
    """A schedule whose first phase begins now."""
    first = phases[0]
    return {
        "id": schedule_id,
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": BILLING_MODE,
        "canceled_at": None,
        "completed_at": None,
        "created": now,
        "current_phase": {"end_date": first["end_date"], "start_date": first["start_date"]},
        "customer": sub.customer.id,
        "customer_account": None,
        "default_settings": {
            "application_fee_percent": None,
            "automatic_tax": AUTOMATIC_TAX,
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {
                "account_tax_ids": None,
                "custom_fields": None,
                "days_until_due": None,
                "description": None,
                "footer": None,
                "issuer": {"account": None, "type": "self"},
            },
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": "release",
        "livemode": False,
        "metadata": {},
        "pause_schedules": [],
        "phases": phases,
        "released_at": None,
        "released_subscription": None,
        "status": "active",
        "subscription": sub.id,
        "test_clock": None,
    }
