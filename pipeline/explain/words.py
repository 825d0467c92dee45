"""Words: prices, quantities, discounts and charges as people write them.

Belongs here: formats. Money in words is in major units with its currency; nothing is computed from it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pipeline.money import MICRO, decimals

Row = Mapping[str, Any]
PPM = Decimal(10_000)
STATES = {
    None: "not there",
    "unknown": "state not known",
    "past_due": "past due",
    "trialing": "in trial",
    "canceled": "cancelled",
}


def plain(amount: Decimal, least: int = 2) -> str:
    """An amount with thousands separators and at least so many decimals; more only where they are not zero."""
    exact = amount.normalize()
    exponent = exact.as_tuple().exponent
    shown = max(least, -exponent if isinstance(exponent, int) else 0)
    return f"{amount:,.{shown}f}"


def micro(amount: int) -> Decimal:
    """Micro-units as major units, exactly."""
    return Decimal(amount) / MICRO


def minor(amount: int, currency: str) -> str:
    """Minor units in words: `12.50 USD`."""
    places = decimals(currency)
    return f"{plain(Decimal(amount).scaleb(-places), places)} {currency.upper()}"


def native(amount: int, currency: str) -> str:
    """Micro-units in words: `12.50 USD`, with more decimals where they are not zero."""
    return f"{plain(micro(amount), decimals(currency))} {currency.upper()}"


def price(row: Row | None, price_id: str, currency: str) -> str:
    """A price in words: `10.00 USD a unit a month`.

    Args:
        row: PRICE with billing_interval; null where the price is not known.
        price_id: its id.
        currency: the currency it is charged in.
    """
    if row is None or not _readable(row):
        return price_id
    places = decimals(currency)

    def money(amount: int) -> str:
        return f"{plain(Decimal(amount).scaleb(-row['scale'] - places), places)} {currency.upper()}"

    often = interval(row["billing_interval"])
    if row["usage_type"] == "metered":
        return f"by usage, billed {often.replace('a ', 'every ', 1)}"
    if row["amount_known"] is False:
        return f"{price_id}, an amount that no list gives, {often}"
    if row["billing_scheme"] == "tiered":
        return f"{row['tiers_mode']} tiers {often}: {_tiers(row['tiers'] or (), money)}"
    if row["divide_by"]:
        return f"{money(row['unit'])} for every {row['divide_by']} units (rounded {row['round']}) {often}"
    return f"{money(row['unit'])} a unit {often}"


def _readable(row: Row) -> bool:
    metered = row["usage_type"] == "metered"
    return metered or row["unit"] is not None or row["billing_scheme"] == "tiered"


def _tiers(tiers: Sequence[Row], money: Any) -> str:
    found = []
    for tier in tiers:
        reach = f"to {tier['up_to']:,}" if tier["up_to"] is not None else "beyond"
        fee = f" and {money(tier['flat'])} flat" if tier["flat"] else ""
        found.append(f"{reach} {money(tier['unit'])} a unit{fee}")
    return "; ".join(found)


def interval(name: str | None) -> str:
    """How often a price is charged: `a month`, `every 3 months`."""
    if not name:
        return ""
    count, _, unit = name.rpartition(" ")
    return f"every {count} {unit}s" if count else f"a {unit}"


def coupon(row: Row | None, coupon_id: str | None) -> str:
    """A coupon in words: `20% off (LAUNCH, for 3 months)`."""
    if row is None:
        return f"unknown coupon {coupon_id or ''}".strip()
    if row["percent_ppm"] is not None:
        off = f"{plain(Decimal(row['percent_ppm']) / PPM, 0)}% off"
    else:
        off = f"{minor(row['amount_off'], row['currency'])} off"
    lasts = {"forever": "for ever", "once": "once"}.get(
        row["duration"], f"for {row['duration_in_months']} months"
    )
    return f"{off} ({coupon_id}, {lasts})"


def charge(amount: int, currency: str, start: int, end: int) -> str:
    """A usage charge in words: `120.00 USD for 2026-09-01 to 2026-10-01`; instants in epoch seconds."""
    first, last = (datetime.fromtimestamp(seconds, UTC) for seconds in (start, end))
    return f"{minor(amount, currency)} for {first:%Y-%m-%d} to {last:%Y-%m-%d}"


def state(label: str | None) -> str:
    """A subscription's state in words."""
    return STATES.get(label, label or "")


def off(discounts: Sequence[str]) -> str:
    """Discounts in words, or `no discount`."""
    return " and ".join(discounts) or "no discount"


def month(of: date) -> str:
    """`October 2026`."""
    return f"{of:%B %Y}"
