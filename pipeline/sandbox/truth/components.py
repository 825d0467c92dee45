"""Where an account's change comes from: pairs of items, and the path between each pair.

What belongs here: METHOD's pairing and its component types. Both ends are valued at the closing
month's rates.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal

from pipeline.sandbox.truth.history import Standing
from pipeline.sandbox.truth.movements import AccountEnds, name_of
from pipeline.sandbox.truth.snapshot import ItemValue, reported
from pipeline.sandbox.truth.value import (
    Amount,
    Reduction,
    half_even,
    list_micros,
    native_values,
    rate_fraction,
)

WHOLE = frozenset({"new", "reactivation", "churn"})


@dataclass(frozen=True)
class Component:
    """One row of `mrr_movement_component`; micro-units, signed."""

    amount: int
    paired_item_id: str | None
    movement: str | None


Found = dict[tuple[str, str], Component]
Group = Callable[[ItemValue], Hashable]


@dataclass(frozen=True)
class Pairing:
    """What the last step needs: which items exist at the ends, counting or not."""

    ended: Callable[[ItemValue], bool]
    began: Callable[[ItemValue], bool]


def components_of(ends: AccountEnds, pairing: Pairing, rate: Callable[[str], Decimal]) -> Found:
    """The account's components by item and type; zero amounts are left out."""
    movement = name_of(ends)
    if movement in WHOLE:
        rows = [(item, -item.mrr) for item in ends.opening]
        rows += [(item, item.mrr) for item in ends.closing]
        return _whole(rows, str(movement))
    pairs, left, came = _pair(ends, pairing)
    found: Found = {}
    for before, after in pairs:
        other = before.item_id if before.item_id != after.item_id else None
        for kind, amount in _path(before, after, rate).items():
            if amount:
                found[after.item_id, kind] = Component(amount, other, movement)
    for item, sign in [(item, -1) for item in left] + [(item, 1) for item in came]:
        if item.mrr:
            kind = _alone(item, ends)
            found[item.item_id, kind] = Component(sign * item.mrr, None, movement)
    return found


def _whole(rows: list[tuple[ItemValue, int]], movement: str) -> Found:
    """New, reactivation, churn: the item's own change, under the movement's name."""
    sums: dict[str, int] = defaultdict(int)
    for item, amount in rows:
        sums[item.item_id] += amount
    return {
        (item_id, movement): Component(amount, None, movement)
        for item_id, amount in sums.items()
        if amount
    }


def _pair(
    ends: AccountEnds, pairing: Pairing
) -> tuple[list[tuple[ItemValue, ItemValue]], list[ItemValue], list[ItemValue]]:
    """Pairs in METHOD's order, then what stayed alone at the opening and at the closing."""
    opening, closing = list(ends.opening), list(ends.closing)
    pairs: list[tuple[ItemValue, ItemValue]] = []

    def step(group: Group, old: list[ItemValue], new: list[ItemValue]) -> None:
        groups: dict[Hashable, tuple[list[ItemValue], list[ItemValue]]] = defaultdict(
            lambda: ([], [])
        )
        for side, items in enumerate((old, new)):
            for item in sorted(items, key=lambda each: (-each.mrr, each.item_id)):
                groups[group(item)][side].append(item)
        for olds, news in groups.values():
            for before, after in zip(olds, news, strict=False):
                pairs.append((before, after))
                opening.remove(before)
                closing.remove(after)

    step(lambda item: item.item_id, list(opening), list(closing))
    step(lambda item: (item.subscription_id, item.product_id), list(opening), list(closing))
    step(lambda item: item.subscription_id, list(opening), list(closing))
    step(lambda item: item.product_id, list(opening), list(closing))
    ended = [item for item in opening if pairing.ended(item)]
    began = [item for item in closing if pairing.began(item)]
    step(lambda _item: "account", ended, began)
    return pairs, opening, closing


def _path(before: ItemValue, after: ItemValue, rate: Callable[[str], Decimal]) -> dict[str, int]:
    """The amounts along the path quantity, price, discount, by component type."""
    if "metered" in {before.usage_type, after.usage_type}:
        return {"usage": after.mrr - before.mrr}
    old, new = before.standing, after.standing
    quantity = new.state.quantity
    points = [
        before.mrr,
        _point(old, before.currency, quantity, old.reductions, rate),
        _point(new, after.currency, quantity, _converted(before, after, rate), rate),
        after.mrr,
    ]
    price_type = _price_type(before, after)
    quantity_type = "seat" if _seats(before, after) else price_type
    amounts: dict[str, int] = defaultdict(int)
    amounts[quantity_type] += points[1] - points[0]
    amounts[price_type] += points[2] - points[1]
    amounts["discount"] += points[3] - points[2]
    return amounts


def _point(
    end: Standing,
    currency: str,
    quantity: int | None,
    reductions: tuple[Reduction, ...],
    rate: Callable[[str], Decimal],
) -> int:
    """Price and inclusive tax of one end; a change of tax is a change of price."""
    exact = list_micros(end.price, currency, quantity, None)
    listed, discount = native_values(exact, reductions, end.net)
    return reported(listed - discount, rate(currency))


def _converted(
    before: ItemValue, after: ItemValue, rate: Callable[[str], Decimal]
) -> tuple[Reduction, ...]:
    """The opening reductions in the closing currency: an amount stays what it was worth."""
    reductions = before.standing.reductions
    if before.currency == after.currency:
        return reductions
    share = rate_fraction(rate(before.currency)) / rate_fraction(rate(after.currency))
    return tuple(
        Amount(half_even(each.micros * share)) if isinstance(each, Amount) else each
        for each in reductions
    )


def _price_type(before: ItemValue, after: ItemValue) -> str:
    if before.plan != after.plan:
        return "plan"
    return "price" if before.interval == after.interval else "interval"


def _seats(before: ItemValue, after: ItemValue) -> bool:
    """Whether the quantity step is about seats."""
    if before.plan == after.plan:
        return True
    schemes = {before.standing.price.scheme, after.standing.price.scheme}
    return schemes == {"per_unit"} and (before.quantity or 0) > 1 and (after.quantity or 0) > 1


def _alone(item: ItemValue, ends: AccountEnds) -> str:
    """The type of an item that was paired with none."""
    if item.usage_type == "metered":
        return "usage"
    both = [ends.opening, ends.closing]
    if all(any(each.product_id == item.product_id for each in end) for end in both):
        return "seat"
    if all(any(each.subscription_id == item.subscription_id for each in end) for end in both):
        return "add_on"
    return "cross_sell"
