"""When a component came about: the last change of its item in the month that made it.

What belongs here: reading the ledgers' states and usage bills within one month. What does not: their
values (`history`).
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator
from datetime import date

from pipeline.sandbox.company.records import ItemLedger, ItemState
from pipeline.sandbox.truth.history import counts
from pipeline.sandbox.truth.truth import Truth, shift

Aspect = Callable[[ItemState], Hashable]
PRICED = frozenset({"plan", "interval", "price"})


class Changes:
    """The changes of every item."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self._ledgers = {
            ledger.item: ledger
            for group in truth.history.subscriptions.values()
            for ledger in group
        }

    def made(self, item: str, kind: str, month: date) -> int:
        """The instant of the change that made a component of `kind`; without one the month's last second.

        What the item had at the opening and still has changed when its quantity, price or usage did.
        What came or went did so at its last change of any kind.
        """
        ledger = self._ledgers[item]
        opening, closing = self.truth.bound(shift(month, -1)), self.truth.bound(month)
        own = [at for at in self._of_kind(ledger, kind) if opening <= at < closing]
        every = [at for at in self._any(ledger) if opening <= at < closing]
        if own and self._held(ledger, opening):
            return max(own)
        return max(every, default=closing - 1)

    def scheduled(self, item: str, at: int) -> bool:
        """Whether a subscription schedule made the change."""
        return at in self._ledgers[item].scheduled

    def _held(self, ledger: ItemLedger, bound: int) -> bool:
        index = bisect_left(ledger.states, bound, key=lambda entry: entry[0]) - 1
        state = ledger.states[index][1] if index >= 0 else None
        return state is not None and counts(state)

    def _of_kind(self, ledger: ItemLedger, kind: str) -> Iterator[int]:
        if kind == "usage":
            yield from (usage.end - 1 for usage in ledger.used)
        elif kind == "seat":
            yield from self._where(ledger, lambda state: state.quantity)
        elif kind in PRICED:
            yield from self._where(ledger, lambda state: state.price)

    def _any(self, ledger: ItemLedger) -> Iterator[int]:
        yield from (usage.end - 1 for usage in ledger.used)
        before: Hashable = None
        for at, state in ledger.states:
            now = (state.price, state.quantity) if state is not None and counts(state) else None
            if now != before:
                yield at
            before = now

    @staticmethod
    def _where(ledger: ItemLedger, aspect: Aspect) -> Iterator[int]:
        """When an aspect became another than it last was while the item counted."""
        before: Hashable = None
        for at, state in ledger.states:
            if state is None or not counts(state):
                continue
            if before is not None and aspect(state) != before:
                yield at
            before = aspect(state)
