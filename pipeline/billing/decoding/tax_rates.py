"""Decoding of tax rates: which part of what is charged is tax already, in millionths."""

import polars as pl

from pipeline.schemas.observed import TAX_RATE

PERCENT = 10_000
"""Millionths in one percent."""


def _ppm(rate: pl.Expr) -> pl.Expr:
    """The percentage of a tax rate in millionths; zero where it comes on top of the price, null if untold."""
    inclusive = rate.struct.field("inclusive")
    included = pl.when(inclusive).then(rate.struct.field("percentage"))
    return pl.when(inclusive.not_()).then(0).otherwise((included * PERCENT).round()).cast(pl.Int64)


def inclusive(rates: pl.Expr) -> pl.Expr:
    """The sum of the inclusive tax rates; null where there are no rates."""
    return pl.when(rates.list.len() > 0).then(rates.list.eval(_ppm(pl.element())).list.sum())


def rates(*lists: pl.Expr) -> pl.Expr:
    """Several lists of tax rates as one, each with its inclusive percentage."""
    rate = pl.element()
    shown = pl.struct(tax_rate_id=rate.struct.field("id"), ppm=_ppm(rate))
    none = pl.lit([], dtype=pl.List(TAX_RATE))
    return pl.concat_list(each.list.eval(shown).fill_null(none) for each in lists)
