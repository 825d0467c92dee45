"""What an account did between two month ends: the movement and the roll-forward.

What belongs here: METHOD's table of movements. What does not: where the change comes from
(`components`).
"""

from dataclasses import dataclass

from pipeline.sandbox.truth.snapshot import ItemValue


@dataclass(frozen=True)
class AccountMovement:
    """One row of `mrr_movement`; opening + fx + delta = closing, micro-units."""

    movement: str | None
    opening_mrr: int
    fx_mrr: int
    delta_mrr: int
    closing_mrr: int


@dataclass(frozen=True)
class AccountEnds:
    """The counting items of an account at both ends, both valued at the closing month's rates."""

    opening: list[ItemValue]
    closing: list[ItemValue]
    opening_as_it_stands: int
    paid_before: bool

    @property
    def opened(self) -> int:
        """The opening at the closing month's rates."""
        return sum(item.mrr for item in self.opening)

    @property
    def closed(self) -> int:
        """The closing."""
        return sum(item.mrr for item in self.closing)


def subscribed(items: list[ItemValue]) -> bool:
    """Holds a counting item that is metered or has a list value."""
    return any(item.usage_type == "metered" or item.list_mrr > 0 for item in items)


def name_of(ends: AccountEnds) -> str | None:
    """The movement of an account; None when its value did not change."""
    opened, closed = ends.opened, ends.closed
    if opened == closed:
        return None
    if opened == 0:
        if not ends.paid_before:
            return "new"
        return "expansion" if subscribed(ends.opening) else "reactivation"
    if closed == 0:
        return "contraction" if subscribed(ends.closing) else "churn"
    return "expansion" if closed > opened else "contraction"


def movement_of(ends: AccountEnds) -> AccountMovement:
    """The account's row."""
    opened, closed = ends.opened, ends.closed
    return AccountMovement(
        movement=name_of(ends),
        opening_mrr=ends.opening_as_it_stands,
        fx_mrr=opened - ends.opening_as_it_stands,
        delta_mrr=closed - opened,
        closing_mrr=closed,
    )
