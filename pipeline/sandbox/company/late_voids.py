"""Invoices that are voided long after they were made.

What belongs here: feature `late_voids`. What does not: the life of an invoice before (`invoicing`).
"""

from random import Random

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.invoicing import Invoicing
from pipeline.sandbox.company.records import Subscription

AGE = 41 * DAY
"""Nobody lists invoices of this age any more."""


class LateVoids:
    """Voids what a subscription was not paid for, once it is old."""

    def __init__(self, books: Books, seed: int, invoicing: Invoicing) -> None:
        self.books = books
        self.seed = seed
        self.invoicing = invoicing

    def prepare(self, sub: Subscription) -> None:
        """The subscription's bills are looked through from time to time, also after its end."""
        rng = Random(f"{self.seed}/voids/{sub.customer.account}/{len(sub.customer.subscriptions)}")  # noqa: S311
        self._plan(sub, rng)

    def _plan(self, sub: Subscription, rng: Random) -> None:
        at = self.books.now + rng.randint(20, 90) * DAY + rng.randint(0, DAY)
        self.books.schedule(at, Rank.PERSON, self._look_through, sub, rng)

    def _look_through(self, sub: Subscription, rng: Random) -> None:
        for inv in list(self.books.objects["invoice"].values()):
            details = (inv["parent"] or {}).get("subscription_details") or {}
            old = inv["created"] < self.books.now - AGE
            if details.get("subscription") == sub.id and old and rng.random() < 0.7:  # noqa: PLR2004
                self._void(inv)
        self._plan(sub, rng)

    def _void(self, inv: Json) -> None:
        """Usage that an invoice charged is charged no more."""
        if inv["status"] not in {"open", "uncollectible"}:
            return
        self.invoicing.void(inv)
        for line in inv["lines"]["data"]:
            details = line["parent"]["subscription_item_details"]
            if details is None or details["proration"]:
                continue
            ledger = self.books.ledgers[details["subscription_item"]]
            period = (line["period"]["start"], line["period"]["end"])
            ledger.usages = [each for each in ledger.usages if (each.start, each.end) != period]
