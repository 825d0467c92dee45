"""What a price charges for a quantity: exact fractions of a cent, and the lines of one period.

What belongs here: the price as a plain record and its arithmetic. What does not: Stripe's shapes
(`render`) and the monthly value of an item (`pipeline.sandbox.truth`).
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction

Cents = Fraction


@dataclass(frozen=True)
class Tier:
    """One tier: units up to and including `up_to` (None: no end), decimals as Stripe writes them."""

    up_to: int | None
    unit: str | None
    flat: str | None = None


@dataclass(frozen=True)
class Amounts:
    """What one currency of a price charges: a unit amount or tiers."""

    unit: str | None = None
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True)
class Price:
    """A recurring price, as the engine bills it."""

    id: str
    key: str
    product: str
    currency: str
    amounts: Amounts
    interval: str = "month"
    interval_count: int = 1
    usage_type: str = "licensed"
    tiers_mode: str | None = None
    divide_by: int | None = None
    rounding: str = "up"
    meter: str | None = None
    created: int = 0
    lookup_key: str | None = None
    tax_behavior: str = "unspecified"
    options: dict[str, Amounts] = field(default_factory=dict, hash=False, compare=False)
    hidden: set[str] = field(default_factory=set, hash=False, compare=False)
    """Currencies whose option was removed: who pays in them pays what it was last."""
    earlier: list[tuple[int, str, Amounts]] = field(default_factory=list, hash=False, compare=False)
    """What options were until an instant, in order of time."""

    @property
    def scheme(self) -> str:
        """Stripe's `billing_scheme`."""
        return "tiered" if self.tiers_mode else "per_unit"

    @property
    def metered(self) -> bool:
        """Billed in arrears by usage."""
        return self.usage_type == "metered"

    def in_currency(self, currency: str) -> Amounts:
        """The amounts that a subscription in `currency` pays."""
        return self.amounts if currency == self.currency else self.options[currency]

    def just_before(self, bound: float) -> "Price":
        """The price with its options as they were just before an instant."""
        if not self.earlier:
            return self
        was = {
            currency: amounts
            for until, currency, amounts in reversed(self.earlier)
            if until >= bound
        }
        return replace(self, options={**self.options, **was})


@dataclass(frozen=True)
class ChargeLine:
    """One line of a period's charge; `quantity` 0 with no unit amount is a tier's flat fee."""

    cents: Cents
    quantity: int
    unit: str | None
    label: str

    def times(self, periods: Fraction) -> "ChargeLine":
        """The line for a part of a period, or for several."""
        return replace(self, cents=self.cents * periods)


def charge(price: Price, currency: str, quantity: int) -> Cents:
    """The exact charge of one period in cents."""
    return sum((line.cents for line in charge_lines(price, currency, quantity)), Fraction(0))


def charge_lines(price: Price, currency: str, quantity: int) -> list[ChargeLine]:
    """The lines that an invoice shows for one period of `quantity` units."""
    amounts = price.in_currency(currency)
    if price.tiers_mode == "graduated":
        return _graduated(amounts.tiers, quantity)
    if price.tiers_mode == "volume":
        return _volume(amounts.tiers, quantity)
    units = quantity
    if price.divide_by:
        units = (
            -(-quantity // price.divide_by)
            if price.rounding == "up"
            else (quantity // price.divide_by)
        )
    return [ChargeLine(Fraction(amounts.unit or 0) * units, quantity, amounts.unit, "")]


def _graduated(tiers: tuple[Tier, ...], quantity: int) -> list[ChargeLine]:
    lines: list[ChargeLine] = []
    below = 0
    for number, tier in enumerate(tiers, 1):
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        if top <= below and number > 1:
            break
        lines += _tier_lines(tier, top - below, number)
        below = top
    return lines


def _volume(tiers: tuple[Tier, ...], quantity: int) -> list[ChargeLine]:
    for number, tier in enumerate(tiers, 1):
        if tier.up_to is None or quantity <= tier.up_to:
            return _tier_lines(tier, quantity, number)
    raise ValueError(f"no tier holds {quantity} units: the last tier must have up_to None")


def _tier_lines(tier: Tier, units: int, number: int) -> list[ChargeLine]:
    unit = tier.unit or "0"
    lines = [ChargeLine(Fraction(unit) * units, units, unit, f" (Tier {number})")]
    if tier.flat is not None:
        lines.append(ChargeLine(Fraction(tier.flat), 0, None, f" (Tier {number} flat fee)"))
    return lines


def whole_cents(exact: Cents) -> int:
    """Rounded to whole cents, halves away from zero, as an invoice does."""
    sign = -1 if exact < 0 else 1
    return sign * int((abs(exact) * 2 + 1) // 2)
