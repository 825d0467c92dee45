"""Exact money: micro-units, one rounding rule, currencies' decimals.

Belongs here: arithmetic on Int64/Int128 columns without floating point. Amounts are micro-units (1e-6 of the
currency's major unit); exchange rates are scaled by 1e12. Source of the rules: docs/method.md, first paragraph.
"""

import polars as pl

MICRO = 1_000_000
RATE_SCALE = 10**12

ZERO_DECIMAL = frozenset({
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
})  # fmt: skip
"""Currencies without a minor unit at Stripe. Icelandic krónur and Ugandan shillings have none either, but Stripe still
writes their amounts with two decimals (docs.stripe.com/currencies, special cases)."""
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def decimals(currency: str) -> int:
    """How many decimals the currency's minor unit has at Stripe: 0, 2 or 3."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def micro_per_minor(currency: pl.Expr) -> pl.Expr:
    """Micro-units in one minor unit of `currency` (10,000 for a cent), Int128."""
    return (
        pl.when(currency.is_in(sorted(ZERO_DECIMAL)))
        .then(pl.lit(MICRO, dtype=pl.Int128))
        .when(currency.is_in(sorted(THREE_DECIMAL)))
        .then(pl.lit(MICRO // 1000, dtype=pl.Int128))
        .otherwise(pl.lit(MICRO // 100, dtype=pl.Int128))
    )


def round_half_even(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Numerator / denominator (Int128, denominator > 0) to the nearest whole number, halves to the even one."""
    quotient = numerator // denominator
    twice = (numerator - quotient * denominator) * 2
    up = (twice > denominator) | ((twice == denominator) & (quotient % 2 != 0))
    return quotient + up.cast(pl.Int128)


def convert(amount: pl.Expr, rate: pl.Expr) -> pl.Expr:
    """`amount` micro-units at `rate` (scaled by 1e12), rounded half-even, Int64."""
    scale = pl.lit(RATE_SCALE, dtype=pl.Int128)
    return round_half_even(amount.cast(pl.Int128) * rate.cast(pl.Int128), scale).cast(pl.Int64)
