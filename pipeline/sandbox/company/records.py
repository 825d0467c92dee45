"""The engine's own records: subscriptions, items, discounts, and the ledger behind the truth.

What belongs here: plain state. What does not: Stripe's shapes (`render`) and what changes the
state (`subscriptions`, `invoicing`, `discounts`).
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from pipeline.sandbox.company.catalogue import Coupon
from pipeline.sandbox.company.pricing import Price

Json = dict[str, Any]


class ItemState(NamedTuple):
    """What an item is from an instant on; None in its place: the item is gone."""

    price: str
    quantity: int | None
    status: str
    collection_paused: bool
    in_trial: bool = False


class ServicePeriod(NamedTuple):
    """From `start` on the item is billed under these discounts, item level and above it."""

    start: int
    item_discounts: tuple[str, ...]
    discounts: tuple[str, ...]


class TaxRate(NamedTuple):
    """A percentage inside the price or on top of it; Stripe makes its own (`managed`) for automatic tax."""

    id: str
    percent: str
    inclusive: bool
    country: str
    created: int
    managed: bool = False


class AutomaticTax(NamedTuple):
    """The rate that Stripe computes, and the one from `since` on."""

    first: TaxRate
    later: TaxRate
    since: int

    def at(self, at: int) -> TaxRate:
        """The rate of an invoice made at `at`."""
        return self.later if at >= self.since else self.first


class Usage(NamedTuple):
    """What a metered item was billed for one service period, under which discounts, and what tax left of it."""

    start: int
    end: int
    cents: int
    quantity: int
    item_discounts: tuple[str, ...]
    discounts: tuple[str, ...]
    net: Fraction = Fraction(1)


@dataclass
class ItemLedger:
    """The exact history of one subscription item: what the truth is read from."""

    item: str
    customer: str
    subscription: str
    currency: str
    states: list[tuple[int, ItemState | None]] = field(default_factory=list)
    periods: list[ServicePeriod] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    scheduled: set[int] = field(default_factory=set)
    """When a subscription schedule made it what it is."""
    nets: list[tuple[int, Fraction | None]] = field(default_factory=list)
    """The share of the price that inclusive tax leaves; None: that of each usage bill."""

    @property
    def used(self) -> list[Usage]:
        """The usage of service periods, by their end; nothing that is billed for no time at all is none."""
        return [each for each in self.usages if each.start < each.end or each.cents]

    def record(self, at: int, state: ItemState | None) -> None:
        """The state from `at` on; the last word within one second holds."""
        if self.states and self.states[-1][0] == at:
            self.states.pop()
        if not self.states or self.states[-1][1] != state:
            self.states.append((at, state))

    def record_net(self, at: int, net: Fraction | None) -> None:
        """The share from `at` on; the last word within one second holds."""
        if self.nets and self.nets[-1][0] == at:
            self.nets.pop()
        if (self.nets[-1][1] if self.nets else 1) != net:
            self.nets.append((at, net))

    def open_period(self, period: ServicePeriod) -> None:
        """A service period begins; the last word within one second holds."""
        if self.periods and self.periods[-1].start == period.start:
            self.periods.pop()
        self.periods.append(period)


@dataclass
class Discount:
    """A coupon on a customer, a subscription or an item, in force in `[start, end)`."""

    id: str
    coupon: Coupon
    start: int
    end: int | None
    customer: str
    subscription: str | None = None
    item: str | None = None
    promotion_code: str | None = None

    def in_force(self, at: int) -> bool:
        """Whether it reduces an invoice made at `at`."""
        return self.start <= at and (self.end is None or at < self.end)


@dataclass(eq=False)
class Item:
    """A subscription item."""

    id: str
    price: Price
    quantity: int | None
    created: int
    start: int
    end: int
    ledger: ItemLedger
    discounts: list[Discount] = field(default_factory=list)
    credited: Json | None = None
    calls: float = 0.0
    billed: Fraction = Fraction(1)
    """How many of its periods the next line bills."""
    billed_until: int | None = None
    """Beyond the present period; None: until its end."""
    prebilled: tuple[tuple[int, ServicePeriod], ...] = ()
    """Until when, under which discounts, line by line."""
    tax_rates: tuple[TaxRate, ...] = ()
    line_net: Fraction | None = None
    line_net_lasts: bool = False
    """An ordinary line told it, so that prorations do not any more."""
    trial: tuple[int, int] | None = None


@dataclass(eq=False)
class Customer:
    """A Stripe customer."""

    id: str
    account: int
    currency: str
    obj: Json
    discount: Discount | None = None
    deleted: bool = False
    reliable: bool = True
    subscriptions: list["Subscription"] = field(default_factory=list)


@dataclass(eq=False)
class Subscription:
    """A subscription and everything that Stripe would remember of it."""

    id: str
    customer: Customer
    currency: str
    created: int
    anchor: int
    status: str = "active"
    items: list[Item] = field(default_factory=list)
    removed: list[Item] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    default_tax_rates: tuple[TaxRate, ...] = ()
    automatic_tax: AutomaticTax | None = None
    pending: list[Json] = field(default_factory=list)
    trial_start: int | None = None
    trial_end: int | None = None
    cancel_at_period_end: bool = False
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    cancellation: Json | None = None
    pause_collection: Json | None = None
    paused: Json | None = None
    latest_invoice: str | None = None
    schedule: str | None = None
    pauses_after_trial: bool = False
    pending_update: Json | None = None
    awaits_payment: bool = False
    metadata: Json = field(default_factory=dict)
    renewal_at: int | None = None
    obj: Json = field(default_factory=dict)
    snapshot: Json = field(default_factory=dict)
    start_date: int | None = None
    first_lines: list[tuple[Item, Json]] = field(default_factory=list)
    """What the first invoice bills beside the items' first periods."""
    billing_schedules: list[Json] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Over for good."""
        return self.ended_at is not None

    @property
    def billing(self) -> bool:
        """Whether period boundaries make invoices."""
        return not self.ended and self.status != "paused"
