"""The monthly value of an item in micro-units: exact list, exact discount, rounded once each.

What belongs here: arithmetic on one item. What does not: which discounts it has (`history`).
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pipeline.sandbox.company.pricing import Price, charge

MICROS_PER_MINOR = {"jpy": 1_000_000, "krw": 1_000_000, "kwd": 1_000, "bhd": 1_000}
MICROS_PER_CENT = 10_000
RATE_DIGITS = Decimal("1e-12")


def half_even(exact: Fraction) -> int:
    """The nearest whole number, halves to the even one."""
    return round(exact)


def monthly(price: Price) -> Fraction:
    """How many of the price's billing periods make a month."""
    count = price.interval_count
    return {
        "year": Fraction(1, 12 * count),
        "month": Fraction(1, count),
        "week": Fraction(52, 12 * count),
        "day": Fraction(365, 12 * count),
    }[price.interval]


def days_like(price: Price) -> Fraction:
    """The length of the billing period, to tell which interval is the shortest."""
    return 1 / monthly(price)


def micros(currency: str) -> int:
    """Micro-units in one minor unit, as Stripe writes amounts."""
    return MICROS_PER_MINOR.get(currency, MICROS_PER_CENT)


def list_micros(price: Price, currency: str, quantity: int | None, cents: int | None) -> Fraction:
    """The exact list value per month: usage by its charge, everything else by price and quantity."""
    usage = Fraction(cents or 0)
    per_period = usage if price.metered else charge(price, currency, quantity or 0)
    return per_period * micros(currency) * monthly(price)


@dataclass(frozen=True)
class Percent:
    """A percentage off, of what earlier discounts left."""

    percent: Fraction


@dataclass(frozen=True)
class Amount:
    """An amount off in micro-units per month, the item's own share of it."""

    micros: int


Reduction = Percent | Amount


def remaining(exact: Fraction, reductions: tuple[Reduction, ...]) -> Fraction:
    """What is left of an exact value after the reductions, in order, never below zero."""
    left = exact
    for each in reductions:
        if isinstance(each, Percent):
            left -= left * each.percent / 100
        else:
            left -= min(left, Fraction(each.micros))
    return left


def native_values(
    exact: Fraction, reductions: tuple[Reduction, ...], net: Fraction = Fraction(1)
) -> tuple[int, int]:
    """List and discount in native micro-units, each rounded once.

    Discounts reduce the price as it is charged; inclusive tax, which leaves the share `net`, is taken out of the list
    and of the discount before they are rounded.
    """
    gone = exact - remaining(exact, reductions)
    return half_even(exact * net), half_even(gone * net)


def shares(total: int, weights: dict[str, int]) -> dict[str, int]:
    """`total` shared by weight: floors, then the largest remainders, ties by id."""
    whole = sum(weights.values())
    if whole == 0:
        return dict.fromkeys(weights, 0)
    parts = {key: total * weight // whole for key, weight in weights.items()}
    missing = total - sum(parts.values())
    order = sorted(weights, key=lambda key: (-(total * weights[key] % whole), key))
    for key in order[:missing]:
        parts[key] += 1
    return parts


def rate_fraction(rate: Decimal) -> Fraction:
    """An exchange rate with its twelve decimals."""
    return Fraction(rate.quantize(RATE_DIGITS))
