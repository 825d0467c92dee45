"""`Truth`: the months of a simulated company, from its ledgers, under the default policy.

What belongs here: months, rates and accounts around the pure parts.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from pipeline.sandbox.company import Company
from pipeline.sandbox.company.records import ItemLedger
from pipeline.sandbox.truth.components import Component, Pairing, components_of
from pipeline.sandbox.truth.history import History, Standing
from pipeline.sandbox.truth.movements import AccountEnds, AccountMovement, movement_of
from pipeline.sandbox.truth.snapshot import ItemValue, item_value
from pipeline.sandbox.truth.within import Activity, activity_of

Rates = Callable[[date, str], Decimal]


class Truth:
    """What the product must find.

    Args:
        company: as far as its clock has run; a later advance needs a new `Truth`.
        rates: the exchange rate of a month (its first day) into the reporting currency.
        accounts: account id by Stripe customer; None: every customer is its own account.
        timezone: where months begin.
        plans: plan by price id or product id; the product by default.
    """

    def __init__(
        self,
        company: Company,
        rates: Rates,
        accounts: dict[str, str] | None = None,
        timezone: str = "UTC",
        plans: dict[str, str] | None = None,
    ) -> None:
        self.rates = rates
        self.accounts = accounts or {}
        self.zone = ZoneInfo(timezone)
        self.plans = plans or {}
        self.now = company.books.now
        self.history = History(company.books)
        self._valued: dict[tuple[date, date], dict[str, ItemValue]] = {}

    # months

    @cached_property
    def current_month(self) -> date:
        """The month that the company's clock stands in."""
        here = datetime.fromtimestamp(self.now, self.zone)
        return date(here.year, here.month, 1)

    def bound(self, month: date) -> int:
        """The first instant after the month; one second from now for the current month."""
        after = shift(month, 1)
        midnight = datetime(after.year, after.month, 1, tzinfo=self.zone)
        return min(int(midnight.timestamp()), self.now + 1)

    def months(self) -> list[date]:
        """The first month with a counting item up to the current one."""
        starts = [
            start
            for ledgers in self.history.subscriptions.values()
            for ledger in ledgers
            for start, _ in ledger.states
        ]
        if not starts:
            return []
        first = datetime.fromtimestamp(min(starts), self.zone)
        month = date(first.year, first.month, 1)
        while month < self.current_month and not self.snapshot(month):
            month = shift(month, 1)
        found: list[date] = []
        while month <= self.current_month and (found or self.snapshot(month)):
            found.append(month)
            month = shift(month, 1)
        return found

    # figures

    def snapshot(self, month: date) -> dict[str, ItemValue]:
        """The items that count at the end of the month, by item id."""
        return self._at(month, month)

    def _at(self, month: date, rates_of: date) -> dict[str, ItemValue]:
        key = (month, rates_of)
        if key not in self._valued:
            self._valued[key] = {
                each.ledger.item: self.valued(each, rates_of)
                for each in self.history.standing(self.bound(month))
            }
        return self._valued[key]

    def valued(self, standing: Standing, rates_of: date) -> ItemValue:
        """A counting item at the rates of a month."""
        customer, currency = standing.ledger.customer, standing.ledger.currency
        account = self.accounts.get(customer, customer)
        return item_value(standing, account, self.plans, self.rates(rates_of, currency))

    @cached_property
    def _first_paid(self) -> dict[str, int]:
        """The first bound at which each account had a value over zero."""
        found: dict[str, int] = {}
        for ledgers in self.history.subscriptions.values():
            bound = self.history.first_paid(ledgers)
            customer = ledgers[0].customer
            account = self.accounts.get(customer, customer)
            if bound is not None:
                found[account] = min(bound, found.get(account, bound))
        return found

    def _ends(self, month: date, window: int) -> dict[str, AccountEnds]:
        opening = shift(month, -window)
        bound = self.bound(opening)
        as_it_stands: dict[str, int] = {}
        for item in self.snapshot(opening).values():
            as_it_stands[item.account_id] = as_it_stands.get(item.account_id, 0) + item.mrr
        before, after = self._at(opening, month), self.snapshot(month)
        sides: dict[str, tuple[list[ItemValue], list[ItemValue]]] = {}
        for side, items in enumerate((before, after)):
            for item in items.values():
                sides.setdefault(item.account_id, ([], []))[side].append(item)
        return {
            account: AccountEnds(
                opening=olds,
                closing=news,
                opening_as_it_stands=as_it_stands.get(account, 0),
                paid_before=account in self._first_paid and self._first_paid[account] <= bound,
            )
            for account, (olds, news) in sides.items()
        }

    def movements(self, month: date, window: int = 1) -> dict[str, AccountMovement]:
        """Per account that counts at either end: from the end of `month - window` to its end."""
        return {account: movement_of(ends) for account, ends in self._ends(month, window).items()}

    def within(self, month: date) -> dict[str, Activity]:
        """Per account that went up and down within the month, or had items that counted within it alone."""
        opened, closed = self.bound(shift(month, -1)), self.bound(month)
        owned: dict[str, list[list[ItemLedger]]] = {}
        for ledgers in self.history.subscriptions.values():
            customer = ledgers[0].customer
            owned.setdefault(self.accounts.get(customer, customer), []).append(ledgers)
        found = {}
        for account, group in owned.items():
            seconds = set().union(*(self.history.changes(ledgers) for ledgers in group))
            after = sorted(second + 0.5 for second in seconds if opened <= second < closed)
            values = [
                {
                    each.ledger.item: self.valued(each, month).mrr
                    for ledgers in group
                    for each in self.history.of_subscription(ledgers, bound)
                }
                for bound in (opened, *after, closed)
            ]
            activity = activity_of(values)
            if activity.netted_mrr or activity.passing_items:
                found[account] = activity
        return found

    def components(self, month: date, window: int = 1) -> dict[tuple[str, str, str], Component]:
        """By account, item and type; they sum to the accounts' deltas."""
        ledgers = {
            ledger.item: ledger for group in self.history.subscriptions.values() for ledger in group
        }
        opened, closed = self.bound(shift(month, -window)), self.bound(month)
        pairing = Pairing(
            ended=lambda item: not self.history.exists(ledgers[item.item_id], closed),
            began=lambda item: not self.history.exists(ledgers[item.item_id], opened),
        )
        return {
            (account, item_id, kind): component
            for account, ends in self._ends(month, window).items()
            for (item_id, kind), component in components_of(
                ends, pairing, lambda currency: self.rates(month, currency)
            ).items()
        }


def shift(month: date, by: int) -> date:
    """The first day of another month."""
    year, index = divmod(month.year * 12 + month.month - 1 + by, 12)
    return date(year, index + 1, 1)
