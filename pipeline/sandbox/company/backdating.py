# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Subscriptions that begin before they were created (`backdate_start_date`), as in flexible billing mode.

What belongs here: feature `backdating`. Every billing cycle since the backdated start has a line of its own on the
first invoice, the first of them cut to what lies after the start; the anchor is the creation, or a day soon after it
on which the next cycle begins. With proration behaviour `none` nothing is billed for the past.
"""

from fractions import Fraction
from random import Random

from pipeline.sandbox.company import invoices
from pipeline.sandbox.company.books import Books
from pipeline.sandbox.company.calendar import DAY, period_around
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.pricing import charge_lines
from pipeline.sandbox.company.records import Item, Subscription


class Backdating:
    """Gives some new subscriptions a start in the past."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self.seed = seed

    def prepare(self, sub: Subscription) -> None:
        """Before its first invoice; a trial is never backdated."""
        rng = Random(f"{self.seed}/backdating/{sub.id}")  # noqa: S311
        if sub.status == "trialing" or rng.random() < 0.4:
            return
        now = self.books.now
        sub.start_date = now - rng.randint(3, 75) * DAY - rng.randint(0, DAY)
        kind = rng.choice(("billed", "carried_over", "carried_over", "free"))
        if kind == "carried_over":
            self.carry_over(sub, now + rng.randint(1, 6) * DAY)
        if kind != "free":
            sub.first_lines = [pair for item in sub.items for pair in self._past(sub, item)]

    def carry_over(self, sub: Subscription, anchor: int) -> None:
        """The next cycle begins at `anchor`: the present one began before the subscription was created."""
        sub.anchor = anchor
        for item in sub.items:
            start, item.end = self._cycle(sub, item, self.books.now)
            item.start = max(start, sub.start_date or start)
            item.billed = Fraction(item.end - item.start, item.end - start)

    def _cycle(self, sub: Subscription, item: Item, at: int) -> tuple[int, int]:
        price = item.price
        return period_around(sub.anchor, price.interval, price.interval_count, at)

    def _past(self, sub: Subscription, item: Item) -> list[tuple[Item, Json]]:
        """The lines of the cycles before the present one, oldest first."""
        found: list[tuple[Item, Json]] = []
        end = item.start
        name = self.books.catalogue.names[item.price.product]
        while not item.price.metered and sub.start_date is not None and end > sub.start_date:
            start, whole_end = self._cycle(sub, item, end - 1)
            begin = max(start, sub.start_date)
            share = Fraction(end - begin, whole_end - start)
            lines = [
                invoices.period_line(sub, item, part.times(share), (begin, end), name)
                for part in charge_lines(item.price, sub.currency, item.quantity or 0)
            ]
            found = [(item, line) for line in lines] + found
            end = begin
        return found
