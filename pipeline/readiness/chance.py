"""Chance without a dice: numbers that look random and are the same for the same account on every day.

Belongs here: turning ids into such numbers. They order accounts that are equal, and weigh accounts for intervals.
"""

import polars as pl

_WORD = pl.UInt64
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""The constants of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""
_TAIL = 7
"""Bytes at the end of an id that make it a number; ids differ there."""


def number_of(id_: pl.Expr) -> pl.Expr:
    """An id as a number; equal ends of ids give the same one."""
    ends = id_.str.tail(_TAIL).str.encode("hex").str.tail(2 * _TAIL)
    return ends.str.to_integer(base=16, dtype=pl.Int64).cast(_WORD)


def uniform(number: pl.Expr, draw: pl.Expr | int) -> pl.Expr:
    """0 (included) to 1 (excluded), for a number in a draw."""
    drawn = draw if isinstance(draw, pl.Expr) else pl.lit(draw)
    seed = _mixed((drawn.cast(_WORD) + 1) * pl.lit(_STEP, dtype=_WORD))
    return (_mixed(number.cast(_WORD) ^ seed) // 2**11).cast(pl.Float64) / 2.0**53


def _mixed(word: pl.Expr) -> pl.Expr:
    # Multiplication wraps around at 64 bits.
    for bits, factor in ((30, _FIRST), (27, _SECOND)):
        word = (word ^ (word // 2**bits)) * pl.lit(factor, dtype=_WORD)
    return word ^ (word // 2**31)
