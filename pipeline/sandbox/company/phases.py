"""Subscription schedules of several phases: what each phase makes of the subscription, and the end.

What belongs here: what Stripe does at the start of a phase and after the last. What does not: what
the phases are (`turns`), and the usual schedules of two phases (`schedules`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.edits import Edits
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.pricing import Price
from pipeline.sandbox.company.records import Customer, Item, Subscription
from pipeline.sandbox.company.schedules import phase, phase_item, schedule
from pipeline.sandbox.company.subscriptions import Order


@dataclass(frozen=True)
class Phase:
    """From `start` to `end` some items have another price or quantity, a coupon, or nothing to pay."""

    start: int
    end: int
    changes: dict[Item, tuple[Price, int | None]] = field(default_factory=dict)
    coupon: Coupon | None = None
    trial: bool = False
    behavior: str = "create_prorations"


class PhasedSchedules:
    """Plans several changes; `on_start(sub)` is told of every subscription that a schedule begins."""

    def __init__(self, books: Books, edits: Edits) -> None:
        self.books = books
        self.edits = edits
        self.discounts = edits.discounts
        self.on_start: Callable[[Subscription], None] = lambda _sub: None

    def plan(self, sub: Subscription, phases: list[Phase], end_behavior: str) -> Json:
        """A schedule whose first phase is what there is; after the last it is released or cancelled."""
        now = self.books.now
        shown: list[Json] = []
        changes: dict[str, tuple[Price, int | None]] = {}
        for each in phases:
            changes |= {item.id: what for item, what in each.changes.items()}
            shown.append(_shown(sub, each, changes))
        obj = schedule(self.books.ids.new("sub_sched"), sub, now, shown)
        obj["end_behavior"] = end_behavior
        self.books.objects["subscription_schedule"][obj["id"]] = obj
        self.books.log.emit("subscription_schedule.created", now, dict(obj))
        sub.schedule = obj["id"]
        self.books.commit(sub)
        for each in phases[1:]:
            self.books.schedule(each.start, Rank.PHASE, self._enter, sub, obj, each)
        self.books.schedule(phases[-1].end, Rank.PHASE, self._finish, sub, obj)
        return obj

    def start_later(self, customer: Customer, orders: list[Order], at: int, end: int) -> Json:
        """A subscription that begins in the future: until then there is only its schedule."""
        now = self.books.now
        draft = Subscription("", customer, customer.currency, now, at)
        obj = schedule(self.books.ids.new("sub_sched"), draft, now, [phase(draft, at, end, {})])
        rows = [phase_item(price, quantity) for price, quantity in orders]
        obj["phases"][0]["items"] = rows
        obj.update(subscription=None, status="not_started", current_phase=None)
        self.books.objects["subscription_schedule"][obj["id"]] = obj
        self.books.log.emit("subscription_schedule.created", now, dict(obj))
        self.books.schedule(at, Rank.PHASE, self._start, customer, orders, obj)
        return obj

    def _start(self, customer: Customer, orders: list[Order], obj: Json) -> None:
        if customer.deleted or obj["status"] != "not_started":
            return
        with self.books.by_schedule():
            sub = self.edits.create(customer, orders)
        sub.schedule = obj["id"]
        first = obj["phases"][0]
        current = {"end_date": first["end_date"], "start_date": first["start_date"]}
        self.books.change(
            "subscription_schedule.updated",
            obj,
            status="active",
            subscription=sub.id,
            current_phase=current,
        )
        self.books.commit(sub)
        self.books.schedule(first["end_date"], Rank.PHASE, self._finish, sub, obj)
        self.on_start(sub)

    def _enter(self, sub: Subscription, obj: Json, each: Phase) -> None:
        if obj["status"] != "active" or self._over(sub, obj):
            return
        current = {"end_date": each.end, "start_date": each.start}
        self.books.change("subscription_schedule.updated", obj, current_phase=current)
        if sub.status in {"active", "past_due", "trialing"}:
            with self.books.by_schedule():
                self._apply(sub, each)

    def _apply(self, sub: Subscription, each: Phase) -> None:
        """One update of the subscription, as Stripe makes at the start of a phase."""
        if each.coupon is not None:
            for record in list(sub.discounts):
                self.discounts.detach(record, sub.customer, sub, None)
            self.discounts.attach(each.coupon, sub.customer, sub)
        here = {item: what for item, what in each.changes.items() if item in sub.items}
        intervals = {
            item: price
            for item, (price, _) in here.items()
            if (price.interval, price.interval_count)
            != (item.price.interval, item.price.interval_count)
        }
        if intervals:
            self.edits.switch_interval(sub, intervals)
        elif here:
            self.edits.change_all(sub, here, each.behavior)
        else:
            self.books.commit(sub)
        if each.trial and sub.status == "active":
            self.edits.try_again(sub, each.end)

    def release(self, sub: Subscription, obj: Json) -> None:
        """The subscription goes on by itself."""
        if obj["status"] != "active" or self._over(sub, obj):
            return
        self._close(obj, "released", released_at=self.books.now, released_subscription=sub.id)
        sub.schedule = None
        self.books.commit(sub)

    def cancel(self, sub: Subscription, obj: Json) -> None:
        """The schedule is cancelled, and its subscription with it, at once."""
        if obj["status"] == "active" and not self._over(sub, obj):
            self._close(obj, "canceled", canceled_at=self.books.now, subscription=sub.id)
            self.edits.end(sub, "cancellation_requested")

    def _finish(self, sub: Subscription, obj: Json) -> None:
        if obj["status"] != "active" or self._over(sub, obj):
            return
        if obj["end_behavior"] == "release":
            self.release(sub, obj)
        else:
            self._close(obj, "completed", completed_at=self.books.now, subscription=sub.id)
            self.edits.end(sub, "cancellation_requested")

    def _over(self, sub: Subscription, obj: Json) -> bool:
        """Whether the subscription ended, which cancels the schedule."""
        if sub.ended:
            self._close(obj, "canceled", canceled_at=sub.ended_at, subscription=sub.id)
        return sub.ended

    def _close(self, obj: Json, status: str, **values: object) -> None:
        obj.update({"subscription": None, "current_phase": None, "status": status, **values})
        self.books.log.emit(f"subscription_schedule.{status}", self.books.now, dict(obj))


def _shown(sub: Subscription, each: Phase, changes: dict[str, tuple[Price, int | None]]) -> Json:
    obj = phase(sub, each.start, each.end, changes)
    obj["proration_behavior"] = each.behavior
    if each.coupon is not None:
        coupon = {"coupon": each.coupon.id, "discount": None, "promotion_code": None}
        obj["discounts"] = [coupon]
    if each.trial:
        obj["trial_end"] = each.end
    return obj
