"""What schedules are to change, from a simulated company's ledgers and the schedules that it made.

What belongs here: which schedules stand at a month's end. Their items are valued by `history`.
"""

from collections import Counter
from datetime import date
from typing import Any

from pipeline.sandbox.company import Company
from pipeline.sandbox.truth.history import Standing
from pipeline.sandbox.truth.truth import Truth

OVER = ("released_at", "canceled_at", "completed_at")


class Scheduled:
    """The changes that are scheduled at months' ends.

    Args:
        company: whose schedules never change but for their end.
        truth: its months.
    """

    def __init__(self, company: Company, truth: Truth) -> None:
        self.truth = truth
        self.schedules = list(company.objects["subscription_schedule"].values())
        self.ends: dict[str, list[tuple[int, int | None]]] = {}
        for event in company.objects["event"].values():
            if event["type"].startswith("customer.subscription."):
                obj = event["data"]["object"]
                told = self.ends.setdefault(obj["id"], [])
                told.append((event["created"], obj["cancel_at"]))

    def of(self, month: date) -> dict[str, int]:
        """By subscription what it has more or less once its last phase has begun, where that is not nothing."""
        bound = self.truth.bound(month)
        found: dict[str, int] = {}
        history = self.truth.history
        paid: Counter[str] = Counter()
        for item in self.truth.snapshot(month).values():
            paid[item.account_id] += item.mrr
        for schedule in self.schedules:
            subscription = schedule["subscription"] or schedule["released_subscription"]
            if not _pending(schedule, bound) or self._ending(subscription, bound):
                continue
            ledgers = history.subscriptions[subscription]
            now = history.of_subscription(ledgers, bound)
            if now and paid[self.truth.valued(now[0], month).account_id] > 0:
                last = schedule["phases"][-1]["items"]
                items = [(each["price"], each["quantity"]) for each in last]
                then = history.planned(ledgers, items, bound)
                change = self._worth(then, month) - self._worth(now, month)
                found |= {subscription: change} if change else {}
        return found

    def _worth(self, standing: list[Standing], month: date) -> int:
        return sum(self.truth.valued(each, month).mrr for each in standing)

    def _ending(self, subscription: str, bound: int) -> bool:
        known = [end for at, end in self.ends[subscription] if at < bound]
        return bool(known) and known[-1] is not None


def _pending(schedule: dict[str, Any], bound: int) -> bool:
    over = [schedule[name] for name in OVER if schedule[name] is not None]
    last = schedule["phases"][-1]["start_date"]
    return bool(schedule["created"] < bound <= min([*over, last]))
