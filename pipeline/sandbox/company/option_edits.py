# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Edits of what prices charge in other currencies than their own: feature `option_edits`.

What belongs here: options that are edited, edited back, removed, and given again, while subscriptions pay by them. What
such a subscription pays follows from its next bill on; after a removal it pays what the option was last.
"""

from random import Random

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.currencies import times
from pipeline.sandbox.company.pricing import Amounts, Price

FACTORS = ("0.9", "1.1", "1.25")


class OptionEdits:
    """Edits an option that somebody pays by every few weeks."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books = books
        self._rng = Random(f"{seed}/option_edits")  # noqa: S311
        self._later()

    def _later(self) -> None:
        at = self.books.now + int(self._rng.uniform(4, 40) * DAY)
        self.books.schedule(at, Rank.PERSON, self._take)

    def _take(self) -> None:
        if held := self._held():
            price, currency = self._rng.choice(held)
            self._edit(price, currency)
        self._later()

    def _held(self) -> list[tuple[Price, str]]:
        """Prices and currencies of running subscriptions, other than the price's own."""
        found = {
            (item["price"]["id"], sub["currency"])
            for sub in self.books.objects["subscription"].values()
            if sub["ended_at"] is None
            for item in sub["items"]["data"]
        }
        prices = self.books.catalogue.by_id
        return [
            (prices[price], currency)
            for price, currency in sorted(found)
            if currency in prices[price].options
        ]

    def _edit(self, price: Price, currency: str) -> None:
        draw, before = self._rng.random(), price.options[currency]
        if draw < 0.2 and currency not in price.hidden:
            self.books.set_option(price, currency, None)
            return
        self.books.set_option(price, currency, times(before, self._rng.choice(FACTORS), 2))
        if draw > 0.75:
            at = self.books.now + int(self._rng.choice((0.05, 2, 9)) * DAY)
            self.books.schedule(at, Rank.PERSON, self._back, price, currency, before)

    def _back(self, price: Price, currency: str, before: Amounts) -> None:
        """It was a mistake."""
        if currency not in price.hidden:
            self.books.set_option(price, currency, before)
