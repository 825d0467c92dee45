# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Several months billed in advance (`billing_schedules`): feature `prebilling`.

What belongs here: when monthly subscriptions are billed ahead. One line covers all the months; the items' periods go
on from month to month without invoices until the day they are billed until. A change in that time is prorated until
then. The discounts that reduced the line count for every period that it covers.
"""

from fractions import Fraction
from random import Random

from pipeline.sandbox.company import invoices
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY, period_around
from pipeline.sandbox.company.discounts import Discounts, service_period
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.invoicing import Invoicing
from pipeline.sandbox.company.pricing import charge_lines
from pipeline.sandbox.company.records import Item, Subscription


class Prebilling:
    """Bills some subscriptions ahead, at once or in the middle of a period."""

    def __init__(self, books: Books, seed: int, invoicing: Invoicing, discounts: Discounts) -> None:
        self.books = books
        self.seed = seed
        self.invoicing = invoicing
        self.discounts = discounts

    def prepare(self, sub: Subscription) -> None:
        """A new subscription may pay its first months together, any may pay ahead later."""
        rng = Random(f"{self.seed}/prebilling/{sub.id}")  # noqa: S311
        fresh = sub.status == "active" and sub.start_date is None
        if rng.random() < 0.25 and fresh and self._possible(sub):
            months = rng.randint(2, 4)
            for item in sub.items:
                self._cover(sub, item, item.start, months)
                item.billed = Fraction(months)
            self._announce(sub, months)
        self._plan(sub, rng)

    def _plan(self, sub: Subscription, rng: Random) -> None:
        at = self.books.now + rng.randint(12, 120) * DAY + rng.randint(0, DAY)
        self.books.schedule(at, Rank.PERSON, self._perhaps, sub, rng)

    def _possible(self, sub: Subscription) -> bool:
        return all(
            (item.price.interval, item.price.interval_count) == ("month", 1)
            and not item.price.metered
            for item in sub.items
        )

    def _perhaps(self, sub: Subscription, rng: Random) -> None:
        """Pays the next months ahead if nothing stands against it."""
        if sub.ended or sub.customer.deleted:
            return
        calm = sub.status == "active" and not sub.cancel_at_period_end and not sub.pause_collection
        # New items wait for their first period's end, paid months for the last of them.
        held = any(item.start == self.books.now or item.prebilled for item in sub.items)
        if calm and not held and sub.schedule is None and self._possible(sub):
            self.bill_ahead(sub, rng.randint(2, 4))
        self._plan(sub, rng)

    def bill_ahead(self, sub: Subscription, months: int) -> None:
        """One line an item for the months after what is billed already, on an invoice of its own."""
        lines: list[tuple[Item, Json]] = []
        for item in reversed(sub.items):
            begin = item.billed_until or item.end
            self._cover(sub, item, begin, months)
            name = self.books.catalogue.names[item.price.product]
            lines += [
                (
                    item,
                    invoices.period_line(
                        sub,
                        item,
                        part.times(Fraction(months)),
                        (begin, item.billed_until or 0),
                        name,
                    ),
                )
                for part in charge_lines(item.price, sub.currency, item.quantity or 0)
            ]
        self._announce(sub, months)
        self.invoicing.make(sub, lines, "subscription_update", at_once=True, direct=True)
        self.discounts.consume_once(sub)
        self.books.commit(sub)

    def _cover(self, sub: Subscription, item: Item, begin: int, months: int) -> None:
        """The item is billed for so many months from `begin` on."""
        until = begin
        for _ in range(months):
            _, until = period_around(sub.anchor, "month", 1, until)
        item.billed_until = until
        item.prebilled += ((until, service_period(sub, item, self.books.now)),)

    def _announce(self, sub: Subscription, months: int) -> None:
        untils = [item.billed_until for item in sub.items if item.billed_until]
        sub.billing_schedules = [
            {
                "applies_to": None,
                "bill_until": {
                    "computed_timestamp": max(untils),
                    "duration": {"interval": "month", "interval_count": months},
                    "timestamp": None,
                    "type": "duration",
                },
                "key": f"ahead-{max(untils)}",
            }
        ]
