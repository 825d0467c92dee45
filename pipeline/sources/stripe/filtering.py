"""Filtering: an object with only what the allow-list names, and a count of what nobody knows in it, in one pass.

Belongs here: counting fields in no list, and new values of fields that billing reads, by name, so that somebody
notices. A field's value is never kept, and a new value only where it is a plain word. Fields that are known and dropped
on purpose (`known_fields`, made from Stripe's own description) do not count, nor do those of older versions, which
events still have. Which fields are kept is the allow-list's.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.sources.stripe.allowlist import EVENT_OBJECTS, LEAF, Leaf, Shape, Whole, shapes
from pipeline.sources.stripe.known_fields import DROPPED, VALUES

EVENT = dict.fromkeys(("id", "object", "type", "created", "api_version", "data"), LEAF)
"""What is kept of an event itself; its object has a shape of its own."""
LOOKED_AT: Mapping[str, Shape] = {**EVENT_OBJECTS, "event": EVENT}
OLDER = {
    "coupon": "percent_off_precise livemode",
    "credit_note": "refund tax_amounts discount_amounts shipping_cost",
    "credit_note.lines": "tax_amounts tax_rates amount_excluding_tax unit_amount_excluding_tax unique_id",
    "customer": "account_balance active_card business_vat_id cards default_card invoice_credit_balance "
    "tax_info tax_info_verification",
    "discount": "livemode",
    "invoice": "amount application_fee application_fee_amount billing charge closed date finalized_at forgiven "
    "paid_out_of_band payment payment_intent plan quote rendering_options shipping subscription_details tax "
    "tax_percent transfer_data unified_proration",
    "invoice.lines": "margins pretax_credit_amounts unique_id unique_line_item_id",
    "invoiceitem": "unified_proration",
    "plan": "name statement_descriptor statement_description",
    "product": "attributes caption deactivate_on features skus",
    "promotion_code": "livemode",
    "subscription": "application_fee billing invoice_customer_balance_settings",
    "subscription.items": "billing_thresholds livemode plans",
    "subscription_schedule": "billing billing_thresholds collection_method default_payment_method default_source "
    "invoice_settings renewal_behavior renewal_interval revision",
    "subscription_schedule.phases": "application_fee_percent billing_thresholds collection_method "
    "default_payment_method plans tax_percent transfer_data trial_continuation",
}
"""Node of the allow-list -> fields that older versions of the API had there."""
LIST = frozenset({"object", "data", "has_more", "url", "total_count"})
"""Fields of a list that stands in the place of what it lists."""
DELETED = frozenset({"id", "object", "deleted"})
WORD = re.compile(r"[a-z][a-z0-9_.-]{0,60}")
"""What a value of an enumeration looks like."""
MANY = 10_000
"""So many combinations of fields are remembered for one kind of object."""

COMPOUND = (dict, list)
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of an object with certain fields."""

    plain: Key
    """Fields that are kept as plain values."""
    whole: Key
    """Fields that are kept whatever they hold."""
    below: tuple[tuple[str, "Node"], ...]
    """Fields that hold objects."""
    words: tuple[tuple[str, frozenset[str]], ...]
    """Fields of which the values are known."""
    unknown: Key
    """Fields that nobody knows."""
    listed: bool
    """It looks like a list in the place of what it lists."""


class Node:
    """One object of the allow-list: what is kept, and what is known, of its fields."""

    def __init__(self, name: str, shape: Shape, fields: frozenset[str]) -> None:
        self.name = name
        self.fields = fields
        """Every field that may stand there, kept or dropped."""
        self.below: dict[str, Node] = {}
        self.plans: dict[Key, Plan] = {}
        self.shape = shape
        self.words = {
            field: frozenset(VALUES[f"{name}.{field}"].split())
            for field in shape
            if f"{name}.{field}" in VALUES
        }

    def plan(self, key: Key) -> Plan:
        """What becomes of an object with these fields; few combinations occur, so it is remembered."""
        if len(self.plans) >= MANY:
            self.plans.clear()
        shape, listed = self.shape, "data" in key and "data" not in self.shape
        fields = LIST if listed else self.fields
        self.plans[key] = Plan(
            plain=tuple(name for name in key if isinstance(shape.get(name), Leaf)),
            whole=tuple(name for name in key if isinstance(shape.get(name), Whole)),
            below=tuple((name, self.below[name]) for name in key if name in self.below),
            words=tuple((name, self.words[name]) for name in key if name in self.words),
            unknown=tuple(name for name in key if name not in fields),
            listed=listed,
        )
        return self.plans[key]


class Filter:
    """Filters the objects of one sync.

    Args:
        keep_names: keep customers' names and e-mails.
    """

    def __init__(self, *, keep_names: bool) -> None:
        self._nodes = nodes({**shapes(keep_names=keep_names), "event": EVENT})
        self._counts: Counter[str] = Counter()

    def knows(self, name: str) -> bool:
        """Whether events about objects of this name are kept."""
        return name in EVENT_OBJECTS

    def kept(self, value: Any, name: str) -> Any:
        """`value` with only what the allow-list names; what else it holds is counted if nobody knows it.

        A value of another type than expected is kept if it is plain; of an object in its place only the id.

        Args:
            value: an object as received, or what changed of it.
            name: which object of the allow-list it is, or `event`.
        """
        return self._kept(value, self._nodes[name])

    def node(self, name: str) -> Node:
        """What is kept, and known, of an object of this name."""
        return self._nodes[name]

    def taken(self) -> dict[str, int]:
        """`price.recurring.x` (a field) or `price.type=x` (a value) -> how often; counting begins anew."""
        found, self._counts = dict(self._counts), Counter()
        return found

    def _kept(self, value: Any, node: Node) -> Any:
        if not isinstance(value, dict):
            return [self._kept(each, node) for each in value] if isinstance(value, list) else value
        key = tuple(value)
        plan = node.plans.get(key) or node.plan(key)
        if plan.unknown:
            self._counts.update(f"{node.name}.{name}" for name in plan.unknown)
        if plan.listed and isinstance(value["data"], list):
            kept = {name: value[name] for name in ("object", "has_more", "url") if name in value}
            kept["data"] = [self._kept(each, node) for each in value["data"]]
            return kept
        kept = {
            name: each
            if (each := value[name]).__class__ not in COMPOUND
            else self._plain(each, node, name)
            for name in plan.plain
        }
        for name, known in plan.words:
            if isinstance(word := kept[name], str) and word not in known:
                told = word if WORD.fullmatch(word) else "(a text)"
                self._counts[f"{node.name}.{name}={told}"] += 1
        for name in plan.whole:
            kept[name] = value[name]
        for name, below in plan.below:
            kept[name] = self._kept(value[name], below)
        return kept

    def _plain(self, value: Any, node: Node, name: str) -> Any:
        """What is kept where no object is expected: of one of Stripe's objects its id; any other is counted."""
        if isinstance(value, list):
            return [self._plain(each, node, name) for each in value]
        if not isinstance(value, dict):
            return value
        found = value.get("id")
        if isinstance(found, str) and isinstance(value.get("object"), str):
            return found
        self._counts[f"{node.name}.{name}=(an object)"] += 1
        return None


def nodes(kept: Mapping[str, Shape]) -> dict[str, Node]:
    """Every object's node by name; shapes that stand in several places are one node."""
    found: dict[int, Node] = {}
    pairs = [(shape, LOOKED_AT[name], name) for name, shape in kept.items()]
    for shape, whole, name in walked(pairs):
        if id(shape) not in found:
            lists = (*whole, *DROPPED.get(name, "").split(), *OLDER.get(name, "").split())
            found[id(shape)] = Node(name, shape, DELETED | frozenset(lists))
    for shape, _, _ in walked(pairs):
        node = found[id(shape)]
        node.below = {field: found[id(inner)] for field, inner in objects(shape)}
    return {name: found[id(shape)] for name, shape in kept.items()}


def objects(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """The fields of a shape that hold objects, with their shapes."""
    for field, inner in shape.items():
        if isinstance(inner, Mapping):
            yield field, inner


def walked(pairs: list[tuple[Shape, Shape, str]]) -> Iterator[tuple[Shape, Shape, str]]:
    """Every shape once: those at the top first, then those within, by the path at which they first stand."""
    seen: set[int] = set()
    waiting = list(pairs)
    for shape, whole, name in waiting:
        if id(shape) in seen:
            continue
        seen.add(id(shape))
        yield shape, whole, name
        waiting += [(inner, inner, f"{name}.{field}") for field, inner in objects(shape)]
