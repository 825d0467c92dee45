"""Outreach: somebody asks customers whether they want more seats, and persuades a share of them.

What belongs here: whom asking persuaded, and when they buy. What does not: who is asked. It draws from generators of
its own, so that a company that nobody asks lives as it did.
"""

from collections.abc import Collection
from random import Random

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.records import Customer, Item, Subscription
from pipeline.sandbox.company.subscriptions import Subscriptions

SEATED = ("starter", "pro", "enterprise")
LEAST, SHARE = 5, 0.2
"""Who is persuaded buys so many seats more, and this share of those that there are."""
SOON, LATE = 3, 75
"""Days after they were asked."""


class Outreach:
    """Asking customers for more.

    Attributes:
        bought: the customers who bought because they were asked, with the instant.
    """

    def __init__(self, books: Books, subscriptions: Subscriptions, seed: int) -> None:
        self.books = books
        self.subscriptions = subscriptions
        self.seed = seed
        self.bought: dict[str, int] = {}

    def ask(self, customers: Collection[Customer], persuaded: float) -> None:
        """Ask each of them now; a share of them is persuaded, and buys within weeks if it still has seats then."""
        for customer in customers:
            rng = Random(f"{self.seed}/outreach/{customer.id}/{self.books.now}")  # noqa: S311
            days = rng.uniform(SOON, LATE)
            if rng.random() < persuaded:
                at = self.books.now + int(days * DAY)
                self.books.schedule(at, Rank.PERSON, self._buy, customer)

    def _buy(self, customer: Customer) -> None:
        for sub in customer.subscriptions:
            item = _seats(sub)
            if item is not None and not customer.deleted:
                more = max(LEAST, round((item.quantity or 0) * SHARE))
                self.subscriptions.change(sub, item, None, (item.quantity or 0) + more)
                self.bought[customer.id] = self.books.now
                return


def _seats(sub: Subscription) -> Item | None:
    """The item of an active subscription that counts seats."""
    if sub.status != "active" or sub.cancel_at_period_end:
        return None
    return next((each for each in sub.items if each.price.key.startswith(SEATED)), None)
