"""Who brought an expansion: each component of it, from the true items and the true deals.

What belongs here: the order contractual, sales-driven, influenced, natural, unknown, one component at a
time. What does not: when an item changed (`changes`), what components are (`components`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from pipeline.sandbox.truth.changes import Changes
from pipeline.sandbox.truth.links import Links
from pipeline.sandbox.truth.portal import Deal
from pipeline.sandbox.truth.truth import Truth

BY_CONTRACT = frozenset({"price", "discount"})
TYPES = frozenset({"existingbusiness", "Existing Business"})

Part = tuple[str, str, str]
"""(account, item, type) of a component."""
Paid = tuple[str, date]
"""An account's month."""


@dataclass(frozen=True)
class Attributed:
    """One row of `expansion_attribution`: the deals that it rests on, and the change that made it."""

    attribution: str
    deals: frozenset[str]
    amount: int
    at: int


@dataclass(frozen=True)
class Windows:
    """Days around a change."""

    before: int = 45
    after: int = 30
    influence: int = 90


class Attribution:
    """The attribution of every month.

    Args:
        truth: the months, with the accounts of `links`.
        links: which accounts are matched, and the deals.
        windows: days around a change in which a deal explains it.
        types: deal types that mean expansion.
    """

    def __init__(
        self,
        truth: Truth,
        links: Links,
        windows: Windows | None = None,
        types: frozenset[str] = TYPES,
    ) -> None:
        self.truth = truth
        self.windows = windows or Windows()
        self.changes = Changes(truth)
        self.matched = {each.account_id for each in links.of.values() if each.status == "matched"}
        since = links.portal.since
        self.since = None if since is None else self._day(since)
        self.deals: dict[str, list[Deal]] = {}
        for deal in links.portal.deals:
            if deal.account_id is not None and deal.type in types:
                self.deals.setdefault(deal.account_id, []).append(deal)

    def of(self, month: date) -> dict[Part, Attributed]:
        """Every component of the month's expanding accounts."""
        found: dict[Part, Attributed] = {}
        for parts in self._expanding(month).values():
            own = {part: self._attributed(part, month, amount) for part, amount in parts.items()}
            best = min(
                (part for part, amount in parts.items() if amount > 0),
                key=lambda part: (-parts[part], part[1], part[2]),
            )
            for part, amount in parts.items():
                if amount < 0:
                    lead = own[best]
                    own[part] = Attributed(lead.attribution, lead.deals, amount, own[part].at)
            found |= own
        return found

    def _expanding(self, month: date) -> dict[str, dict[Part, int]]:
        """The components of each expanding account."""
        found: dict[str, dict[Part, int]] = {}
        for part, component in self.truth.components(month).items():
            if component.movement == "expansion":
                found.setdefault(part[0], {})[part] = component.amount
        return found

    def _attributed(self, part: Part, month: date, amount: int) -> Attributed:
        account, item, kind = part
        at = self.changes.made(item, kind, month)
        if self._by_contract(item, kind, at):
            return Attributed("contractual", frozenset(), amount, at)
        payer = self._payers.get((account, month))
        if payer is not None and self._explains(payer, at):
            return Attributed("sales_driven", frozenset({payer.deal_id}), amount, at)
        if near := self._influences(account, at):
            return Attributed("influenced", near, amount, at)
        first = self._day_of(at) - timedelta(days=self.windows.influence)
        reaches = self.since is not None and self.since < first
        known = account in self.matched and reaches
        return Attributed("natural" if known else "unknown", frozenset(), amount, at)

    def _by_contract(self, item: str, kind: str, at: int) -> bool:
        return kind in BY_CONTRACT or self.changes.scheduled(item, at)

    # deals

    @cached_property
    def _payers(self) -> dict[Paid, Deal]:
        """The deal that pays each account's month: the nearest first, then the larger, then by id."""
        wishes = sorted(
            (distance, -self._value(deal), deal.deal_id, paid[1], paid, deal)
            for paid, deal, distance in self._offers()
        )
        found: dict[Paid, Deal] = {}
        spent: set[str] = set()
        for *_, paid, deal in wishes:
            if paid not in found and deal.deal_id not in spent:
                found[paid] = deal
                spent.add(deal.deal_id)
        return found

    def _offers(self) -> Iterator[tuple[Paid, Deal, int]]:
        """(account's month, deal that could pay it, days between them)."""
        for month in self.truth.months():
            for account, parts in self._expanding(month).items():
                times = [
                    (item, kind, self.changes.made(item, kind, month))
                    for (_, item, kind), amount in parts.items()
                    if amount > 0
                ]
                open_to_deals = [
                    at for item, kind, at in times if not self._by_contract(item, kind, at)
                ]
                for deal in self.deals.get(account, []):
                    near = [
                        self._apart(deal, at) for at in open_to_deals if self._explains(deal, at)
                    ]
                    if near:
                        yield (account, month), deal, min(near)

    def _explains(self, deal: Deal, at: int) -> bool:
        """Won, created before the change, and closed near it."""
        if not deal.won or deal.closed is None or deal.created.timestamp() >= at:
            return False
        days = (self._day(deal.closed) - self._day_of(at)).days
        return -self.windows.before <= days <= self.windows.after

    def _apart(self, deal: Deal, at: int) -> int:
        if deal.closed is None:
            raise ValueError(f"deal {deal.deal_id} is open and cannot pay")
        return abs((self._day(deal.closed) - self._day_of(at)).days)

    def _influences(self, account: str, at: int) -> frozenset[str]:
        """The deals that were open, won or lost in the days before the change."""
        first = self._day_of(at) - timedelta(days=self.windows.influence)
        return frozenset(
            deal.deal_id
            for deal in self.deals.get(account, [])
            if self._day(deal.created) < self._day_of(at)
            and (deal.closed is None or self._day(deal.closed) >= first)
        )

    def _value(self, deal: Deal) -> Decimal:
        """What a deal is worth in the reporting currency when it is closed; less than nothing if nobody says."""
        if deal.amount is None or deal.closed is None:
            return Decimal(-1)
        month = self._day(deal.closed).replace(day=1)
        return deal.amount * self.truth.rates(month, deal.currency)

    # days

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.truth.zone).date()

    def _day_of(self, at: int) -> date:
        return datetime.fromtimestamp(at, self.truth.zone).date()
