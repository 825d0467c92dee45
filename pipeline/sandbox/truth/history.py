"""The ledgers read at an instant: which items exist, which count, what reduces them.

What belongs here: the state just before an instant `bound` (a state holds if it began before the
bound and did not end before it). What does not: money in the reporting currency (`snapshot`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline.sandbox.company.books import Books
from pipeline.sandbox.company.pricing import Price
from pipeline.sandbox.company.records import Discount, ItemLedger, ItemState
from pipeline.sandbox.truth.value import (
    Amount,
    Percent,
    Reduction,
    days_like,
    half_even,
    list_micros,
    micros,
    monthly,
    native_values,
    remaining,
)
from pipeline.sandbox.truth.value import shares as share_out

COUNTING = frozenset({"active", "past_due"})
RECURRING = frozenset({"forever", "repeating"})


@dataclass(frozen=True)
class Standing:
    """An item that counts at an instant, with its value in native micro-units per month."""

    ledger: ItemLedger
    price: Price
    state: ItemState
    cents: int | None
    reductions: tuple[Reduction, ...]
    net: Fraction
    list_native: int
    discount_native: int

    @property
    def native(self) -> int:
        """Net monthly value."""
        return self.list_native - self.discount_native


@dataclass
class _Draft:
    """An item on its way to a `Standing`."""

    ledger: ItemLedger
    price: Price
    state: ItemState
    cents: int | None
    exact: Fraction
    own: list[Discount]
    above: list[Discount]
    net: Fraction


class History:
    """The ledgers of a company, by subscription."""

    def __init__(self, books: Books) -> None:
        self.prices = books.catalogue.by_id
        self.discounts = books.discounts
        self.subscriptions: dict[str, list[ItemLedger]] = {}
        for ledger in books.ledgers.values():
            self.subscriptions.setdefault(ledger.subscription, []).append(ledger)

    def exists(self, ledger: ItemLedger, bound: float) -> bool:
        """Whether the item was there just before `bound`, counting or not."""
        return _state(ledger, bound) is not None

    def standing(self, bound: float) -> Iterator[Standing]:
        """Every item that counts just before `bound`."""
        for ledgers in self.subscriptions.values():
            yield from self.of_subscription(ledgers, bound)

    def of_subscription(self, ledgers: list[ItemLedger], bound: float) -> list[Standing]:
        """The counting items of one subscription just before `bound`."""
        drafts = []
        for ledger in ledgers:
            state = _state(ledger, bound)
            if state is not None and counts(state):
                drafts.append(self._draft(ledger, state, bound))
        amounts = self._shared_amounts(drafts)
        return [self._value(draft, amounts) for draft in drafts]

    def planned(
        self, ledgers: list[ItemLedger], items: Sequence[tuple[str, int | None]], bound: int
    ) -> list[Standing]:
        """The items that a phase gives a subscription which counts, as if it had them just before `bound`.

        Args:
            ledgers: the subscription's.
            items: price and quantity of each; one of a price that it has is that item, in order of their ids.
            bound: whose prices and discounts hold.
        """
        held = [
            (ledger, state)
            for ledger in sorted(ledgers, key=lambda each: each.item)
            if (state := _state(ledger, bound)) is not None and counts(state)
        ]
        free, drafts = list(held), []
        for number, (price, quantity) in enumerate(items):
            same = next((each for each in free if each[1].price == price), None)
            if same:
                free.remove(same)
                ledger, state = same
            else:
                first, state = min(held, key=lambda each: self.prices[each[1].price].metered)
                bare = [each._replace(item_discounts=()) for each in first.periods]
                ledger = replace(first, item=f"to come {number}", periods=bare, usages=[])
            state = state._replace(price=price, quantity=quantity)
            drafts.append(self._draft(ledger, state, bound))
        amounts = self._shared_amounts(drafts)
        return [self._value(draft, amounts) for draft in drafts]

    def _draft(self, ledger: ItemLedger, state: ItemState, bound: float) -> _Draft:
        price = self.prices[state.price].just_before(bound)
        cents = None
        net = _net(ledger, bound)
        period = ledger.periods[bisect_left(ledger.periods, bound, key=lambda p: p.start) - 1]
        own, above = period.item_discounts, period.discounts
        if price.metered:
            used = ledger.used
            index = bisect_right(used, bound, key=lambda usage: usage.end) - 1
            cents = 0
            if index >= 0:
                usage = used[index]
                cents, own, above = usage.cents, usage.item_discounts, usage.discounts
                net = usage.net if net is None else net
            elif used and used[0].start < bound:  # billed later
                own, above = used[0].item_discounts, used[0].discounts
        exact = list_micros(price, ledger.currency, state.quantity, cents)
        return _Draft(
            ledger, price, state, cents, exact, self._recurring(own, price),
            self._recurring(above, price), Fraction(1) if net is None else net,
        )  # fmt: skip

    def _recurring(self, ids: tuple[str, ...], price: Price) -> list[Discount]:
        found = []
        for discount_id in ids:
            record = self.discounts[discount_id]
            products = record.coupon.products
            if record.coupon.duration in RECURRING and (not products or price.product in products):
                found.append(record)
        return found

    def _shared_amounts(self, drafts: list[_Draft]) -> dict[tuple[str, str], int]:
        """Micro-units per month of every amount-off discount above the items, by item."""
        weights = {
            draft.ledger.item: half_even(
                remaining(draft.exact, tuple(_own(each, draft) for each in draft.own))
            )
            for draft in drafts
        }
        reduced: dict[str, list[_Draft]] = {}
        for draft in drafts:
            for record in draft.above:
                if record.coupon.percent_off is None:
                    reduced.setdefault(record.id, []).append(draft)
        amounts = {}
        for discount_id, members in reduced.items():
            shortest = min((draft.price for draft in members), key=days_like)
            cents = self.discounts[discount_id].coupon.amount_off[members[0].ledger.currency]
            total = half_even(
                Fraction(cents) * micros(members[0].ledger.currency) * monthly(shortest)
            )
            own = {draft.ledger.item: weights[draft.ledger.item] for draft in members}
            for item, share in share_out(total, own).items():
                amounts[item, discount_id] = share
        return amounts

    def _value(self, draft: _Draft, amounts: dict[tuple[str, str], int]) -> Standing:
        reductions = [_own(each, draft) for each in draft.own]
        for record in draft.above:
            if record.coupon.percent_off is not None:
                reductions.append(Percent(Fraction(record.coupon.percent_off)))
            else:
                reductions.append(Amount(amounts[draft.ledger.item, record.id]))
        listed, discount = native_values(draft.exact, tuple(reductions), draft.net)
        return Standing(
            draft.ledger,
            draft.price,
            draft.state,
            draft.cents,
            tuple(reductions),
            draft.net,
            listed,
            discount,
        )

    def changes(self, ledgers: list[ItemLedger]) -> set[int]:
        """The seconds in which a subscription's value may change: half a second later it did."""
        found = set()
        for ledger in ledgers:
            found |= {start for start, _ in ledger.states}
            found |= {start for start, _ in ledger.nets}
            found |= {period.start for period in ledger.periods}
            found |= {usage.end for usage in ledger.used}
            for price in {state.price for _, state in ledger.states if state is not None}:
                found |= {until for until, *_ in self.prices[price].earlier}
        return found

    def first_paid(self, ledgers: list[ItemLedger]) -> int | None:
        """The first bound at which a subscription had a value over zero."""
        bounds = set()
        for ledger in ledgers:
            bounds |= {start + 1 for start, _ in ledger.states}
            bounds |= {period.start + 1 for period in ledger.periods}
            bounds |= {usage.end for usage in ledger.used}
            for price in {state.price for _, state in ledger.states if state is not None}:
                bounds |= {until + 1 for until, *_ in self.prices[price].earlier}
        for bound in sorted(bounds):
            if any(each.native > 0 for each in self.of_subscription(ledgers, bound)):
                return bound
        return None


def counts(state: ItemState) -> bool:
    """Whether an item in this state counts."""
    return state.status in COUNTING and not state.collection_paused and not state.in_trial


def _own(record: Discount, draft: _Draft) -> Reduction:
    """An item-level discount: its amount is per cycle of that very item."""
    coupon = record.coupon
    if coupon.percent_off is not None:
        return Percent(Fraction(coupon.percent_off))
    cents = Fraction(coupon.amount_off[draft.ledger.currency])
    return Amount(half_even(cents * micros(draft.ledger.currency) * monthly(draft.price)))


def _state(ledger: ItemLedger, bound: float) -> ItemState | None:
    index = bisect_left(ledger.states, bound, key=lambda entry: entry[0]) - 1
    return ledger.states[index][1] if index >= 0 else None


def _net(ledger: ItemLedger, bound: float) -> Fraction | None:
    """What inclusive tax leaves of the price; None: each usage bill tells it."""
    index = bisect_left(ledger.nets, bound, key=lambda entry: entry[0]) - 1
    return ledger.nets[index][1] if index >= 0 else Fraction(1)
