# ruff: noqa: PLR2004 - the numbers of this module are chances
"""Currencies whose minor unit is no hundredth: feature `currencies`.

What belongs here: what prices and coupons cost in them, and which accounts pay in them. Yen and won have no decimals at
Stripe, dinars three; krónur and Ugandan shillings have two in its amounts though none in law.
"""

from decimal import Decimal
from random import Random

from pipeline.sandbox.company.catalogue import Catalogue
from pipeline.sandbox.company.people import Account
from pipeline.sandbox.company.pricing import Amounts, Tier

FOR_A_CENT = {
    "jpy": "1.5", "krw": "13.5", "kwd": "3.1", "bhd": "3.8", "isk": "140", "ugx": "3700",
}  # fmt: skip
"""Minor units of each currency, as Stripe writes them, that the company takes for a US cent."""


class Currencies:
    """Prices in further currencies."""

    def __init__(self, catalogue: Catalogue, seed: int) -> None:
        self.seed = seed
        for price in catalogue.by_id.values():
            if price.currency == "usd":
                price.options.update(self.options(price.amounts))
        for coupon in catalogue.coupons.values():
            for currency, factor in FOR_A_CENT.items() if coupon.amount_off else ():
                coupon.amount_off[currency] = int(coupon.amount_off["usd"] * Decimal(factor))

    @staticmethod
    def options(amounts: Amounts) -> dict[str, Amounts]:
        """What dollar amounts are in every further currency."""
        return {currency: times(amounts, factor) for currency, factor in FOR_A_CENT.items()}

    def settle(self, account: Account) -> None:
        """Half of the accounts pay in one of them."""
        rng = Random(f"{self.seed}/currencies/{account.number}")  # noqa: S311
        if rng.random() < 0.5:
            account.currency = rng.choice(list(FOR_A_CENT))


def times(amounts: Amounts, factor: str, places: int = 12) -> Amounts:
    """Every amount multiplied, as Stripe writes decimals, with so many places at most."""

    def each(decimal: str | None) -> str | None:
        if decimal is None:
            return None
        return f"{round(Decimal(decimal) * Decimal(factor), places).normalize():f}"

    tiers = tuple(Tier(tier.up_to, each(tier.unit), each(tier.flat)) for tier in amounts.tiers)
    return Amounts(each(amounts.unit), tiers)
