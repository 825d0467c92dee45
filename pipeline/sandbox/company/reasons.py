# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Why customers expand, where a company is asked to have reasons: people who need seats, and chance.

What belongs here: how many people of an account use the product, and how that moves what it wants. What does not: the
acts (`acts`). Everything is drawn from generators of its own, so that a company without reasons lives as it did.
"""

from dataclasses import dataclass
from datetime import date
from random import Random

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY, moment
from pipeline.sandbox.company.records import Subscription
from pipeline.sandbox.company.wishes import Wish

MONTH, WEEK = 30.4375 * DAY, 7 * DAY
FULL, ROOM = 0.97, 0.75
"""Shares of seats in use: from one on seats are wanted, below the other nobody thinks of them."""
DRIVEN = 3.2
"""How much likelier more seats are where all are in use; where there is room, as much less likely."""
SEATED = ("starter", "pro", "enterprise")
Use = tuple[str, date, str, float]
"""Customer, day, feature and value."""


@dataclass
class Team:
    """The people who use one subscription: so many at first, and more by a share every month."""

    people: float
    growth: float
    since: int

    def at(self, now: int) -> float:
        """How many there are."""
        grown: float = (1 + self.growth) ** ((now - self.since) / MONTH)
        return self.people * grown


class Reasons:
    """Teams that grow, use seats, and fill them.

    Attributes:
        used: the seats in use, once a week and customer: what a product would count.
        causes: subscription -> what its growth mostly comes from, `utilisation` or `chance`.
    """

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.seed = seed
        self.used: list[Use] = []
        self.causes: dict[str, str] = {}
        self._teams: dict[str, tuple[Subscription, Team]] = {}
        books.schedule(books.now + WEEK, Rank.PERSON, self._count)

    def watch(self, sub: Subscription) -> None:
        """A subscription begins: from now on its seats are counted."""
        rng = Random(f"{self.seed}/reasons/{sub.id}")  # noqa: S311
        grows = rng.random() < 0.35
        growth = rng.uniform(0.02, 0.08) if grows else rng.uniform(-0.015, 0.012)
        self.causes[sub.id] = "utilisation" if grows else "chance"
        people = self._seats(sub) * rng.uniform(0.55, 0.95)
        self._teams[sub.id] = (sub, Team(people, growth, self.books.now))

    def factor(self, wish: Wish, sub: Subscription) -> float:
        """How much likelier or less likely than usual the customer wants it now."""
        share = self.utilisation(sub)
        if wish.name == "more_seats":
            rising = min(1.0, max(0.0, (share - ROOM) / (FULL - ROOM)))
            return DRIVEN * rising + (1 - rising) / DRIVEN
        if wish.name == "fewer_seats":
            return 0.3 if share > ROOM else 1.5
        return 1.0

    def utilisation(self, sub: Subscription) -> float:
        """Seats in use over seats paid for; 0 without seats."""
        seats = self._seats(sub)
        return self._in_use(sub) / seats if seats else 0.0

    def _in_use(self, sub: Subscription) -> float:
        known = self._teams.get(sub.id)
        return min(self._seats(sub), known[1].at(self.books.now)) if known else 0.0

    def _seats(self, sub: Subscription) -> int:
        return sum(item.quantity or 0 for item in sub.items if item.price.key.startswith(SEATED))

    def _count(self) -> None:
        """All of a customer's seats in use today."""
        today = moment(self.books.now).date()
        found: dict[str, float] = {}
        for sub, _ in self._teams.values():
            if not sub.ended and not sub.customer.deleted and self._seats(sub):
                customer = sub.customer.id
                found[customer] = found.get(customer, 0.0) + round(self._in_use(sub))
        self.used += [(customer, today, "seats", value) for customer, value in found.items()]
        self.books.schedule(self.books.now + WEEK, Rank.PERSON, self._count)
