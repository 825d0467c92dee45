"""The books: the store of objects, the clock with its agenda, and the ledgers behind the truth.

What belongs here: how time passes and how a change becomes an object, an event and a ledger entry.
What does not: which changes happen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any

from pipeline.sandbox.company import render, render_catalogue
from pipeline.sandbox.company.catalogue import Catalogue, Coupon
from pipeline.sandbox.company.events import EventLog, Json, previous_attributes
from pipeline.sandbox.company.ids import Ids
from pipeline.sandbox.company.pricing import Amounts, Price
from pipeline.sandbox.company.records import (
    Customer,
    Discount,
    ItemLedger,
    ItemState,
    Subscription,
    TaxRate,
)
from pipeline.sandbox.company.taxes import net

COLLECTIONS = (
    "customer", "product", "price", "coupon", "promotion_code", "discount", "subscription",
    "invoice", "invoiceitem", "credit_note", "subscription_schedule", "event",
)  # fmt: skip


class Rank(IntEnum):
    """What happens first within one second."""

    DISCOUNT_END = 0
    PHASE = 1
    RENEWAL = 2
    COLLECTION = 3
    PERSON = 4


class Books:
    """Objects, events, agenda and ledgers of one company."""

    def __init__(self, seed: int, start: int) -> None:
        self.now = start
        self.ids = Ids(seed)
        self.objects: dict[str, dict[str, Json]] = {name: {} for name in COLLECTIONS}
        self.log = EventLog(self.ids, self.objects["event"])
        self.agenda: list[tuple[int, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.written = 0
        self.catalogue = Catalogue(self.ids, start)
        self.price_views: dict[str, Json] = {}
        self.ledgers: dict[str, ItemLedger] = {}
        self.discounts: dict[str, Discount] = {}
        self.promotion_codes: dict[str, str] = {}
        self.tax_rates: dict[str, TaxRate] = {}
        self._by_schedule = False

    # time

    def schedule(self, at: int, rank: Rank, action: Callable[..., None], *args: Any) -> None:
        """Puts an action on the agenda; within one second by rank, then in the order written."""
        self.written += 1
        heappush(self.agenda, (max(at, self.now), rank, self.written, action, args))

    def advance(self, to: int) -> None:
        """Runs the agenda up to and including `to`."""
        if to < self.now:
            raise ValueError(f"the clock stands at {self.now} and cannot go back to {to}")
        while self.agenda and self.agenda[0][0] <= to:
            at, rank, _, action, args = heappop(self.agenda)
            self.now = at
            self.log.requested = rank == Rank.PERSON
            action(*args)
        self.now = to

    @contextmanager
    def by_schedule(self) -> Iterator[None]:
        """What changes meanwhile is the doing of a subscription schedule; the ledgers say so."""
        self._by_schedule = True
        try:
            yield
        finally:
            self._by_schedule = False

    # catalogue

    def open_shop(self) -> None:
        """Products, prices, coupons and promotion codes come into being."""
        shop = self.catalogue
        for product_id, name in shop.names.items():
            obj = render_catalogue.product(product_id, name, shop.unit_labels[product_id], self.now)
            self.objects["product"][product_id] = obj
            self.log.emit("product.created", self.now, dict(obj))
        for price in list(shop.by_id.values()):
            self.list_price(price)
        for coupon in shop.coupons.values():
            self.list_coupon(coupon)

    def list_price(self, price: Price) -> None:
        """A price becomes an object."""
        if price.lookup_key is not None:
            self._transfer(price.lookup_key)
        self.catalogue.put(price)
        obj = render_catalogue.price(price)
        self.objects["price"][price.id] = obj
        self.price_views[price.id] = render_catalogue.unexpanded(obj)
        self.log.emit("price.created", self.now, self.price_views[price.id])

    def _transfer(self, lookup_key: str) -> None:
        """The price that has the key loses it to a new one."""
        for obj in self.objects["price"].values():
            if obj["lookup_key"] == lookup_key:
                obj["lookup_key"] = None
                view = self.price_views[obj["id"]] = render_catalogue.unexpanded(obj)
                self.log.emit("price.updated", self.now, view, {"lookup_key": lookup_key})

    def archive_price(self, price_id: str) -> None:
        """Nobody new can buy the price."""
        obj = self.objects["price"][price_id]
        obj["active"] = False
        self.price_views[price_id] = render_catalogue.unexpanded(obj)
        self.log.emit("price.updated", self.now, self.price_views[price_id], {"active": True})

    def set_option(self, price: Price, currency: str, amounts: Amounts | None) -> None:
        """A price charges other amounts in a currency, or has no option for it any more (None).

        The event shows no options, since nobody asked to include them.
        """
        price.hidden.discard(currency)
        if amounts is None:
            price.hidden.add(currency)
        else:
            price.earlier.append((self.now, currency, price.options[currency]))
            price.options[currency] = amounts
        self.objects["price"][price.id]["currency_options"] = render_catalogue.currency_options(
            price
        )
        self.log.emit("price.updated", self.now, self.price_views[price.id], {})

    def list_coupon(self, coupon: Coupon) -> None:
        """A coupon becomes an object, with its promotion code."""
        obj = render_catalogue.coupon(coupon)
        self.objects["coupon"][coupon.id] = obj
        self.log.emit("coupon.created", self.now, render_catalogue.unexpanded(obj))
        if coupon.code:
            code_id = self.ids.new("promo")
            self.promotion_codes[coupon.id] = code_id
            code = render_catalogue.promotion_code(code_id, coupon)
            self.objects["promotion_code"][code_id] = code
            self.log.emit("promotion_code.created", self.now, dict(code))

    # changes

    def change(self, kind: str, obj: Json, **values: Any) -> None:
        """Sets top-level values of a stored object and emits `kind` with what they were."""
        before = {key: obj[key] for key in values}
        obj.update(values)
        previous = previous_attributes(before, {key: obj[key] for key in values})
        if previous:
            self.log.emit(kind, self.now, dict(obj), previous)

    def change_customer(self, customer: Customer, **values: Any) -> None:
        """A customer changes."""
        self.change("customer.updated", customer.obj, **values)

    def commit(self, sub: Subscription, kind: str = "customer.subscription.updated") -> None:
        """Writes a subscription's state to its object, its event and its items' ledgers."""
        prices = self.objects["price"]
        items = [render.item(item, sub.id, prices[item.price.id]) for item in sub.items]
        obj = render.subscription(sub, items)
        snapshot = render.subscription_snapshot(obj, self.price_views)
        beyond = bool(sub.obj) and sub.obj["items"]["data"] != obj["items"]["data"]
        sub.obj.clear()
        sub.obj.update(obj)
        self.objects["subscription"].setdefault(sub.id, sub.obj)
        if kind.endswith(".updated"):
            previous = previous_attributes(sub.snapshot, snapshot)
            if previous or beyond:  # a change beyond the tenth item shows in no attribute
                self.log.emit(kind, self.now, snapshot, previous)
        else:
            self.log.emit(kind, self.now, snapshot)
        sub.snapshot = snapshot
        self._keep_ledgers(sub)

    def announce(self, sub: Subscription, kind: str) -> None:
        """An event about a subscription that tells nothing new about its state."""
        self.log.emit(kind, self.now, sub.snapshot)

    def _keep_ledgers(self, sub: Subscription) -> None:
        paused = sub.pause_collection is not None
        for item in sub.items:
            trial = item.trial is not None
            state = ItemState(item.price.id, item.quantity, sub.status, paused, trial)
            item.ledger.record(self.now, None if sub.ended else state)
            if self._by_schedule:
                item.ledger.scheduled.add(self.now)
            item.ledger.record_net(self.now, net(sub, item))
        for item in sub.removed:
            item.ledger.record(self.now, None)
        sub.removed.clear()
