"""What a rate is held against: targets and benchmark bands.

Belongs here: the configuration's targets and bands as expressions over expansion metrics. Monthly bands judge the
window of 1 month, annual bands that of 12; bands are half-open (at_least <= rate < below).
"""

from collections.abc import Iterable, Mapping

import polars as pl

from pipeline.config import Band, Benchmarks, Target

MONTHLY, ANNUAL = 1, 12


def target(targets: Iterable[Target]) -> pl.Expr:
    """The target of the expansion rate of a row (window 1); null where none is configured."""
    found: pl.Expr = pl.lit(None, dtype=pl.Float64)
    for each in targets:
        if each.metric == "expansion_rate":
            row = _is(each.dimension, each.member) & (pl.col("window_months") == MONTHLY)
            found = pl.when(row).then(pl.lit(each.value)).otherwise(found)
    return found


def band(benchmarks: Benchmarks) -> pl.Expr:
    """The benchmark band of the expansion rate of a row; null where the rate is, and in other windows.

    Members with an annual benchmark of their own are `below`, `within` or `above` it.
    """
    monthly = _named(benchmarks.monthly_expansion_rate)
    annual = _own("segment", benchmarks.by_segment_annual, _named(benchmarks.annual_expansion_rate))
    annual = _own("pricing_model", benchmarks.by_pricing_model_annual, annual)
    window = pl.col("window_months")
    return pl.when(window == MONTHLY).then(monthly).when(window == ANNUAL).then(annual)


def _is(dimension: str, member: str) -> pl.Expr:
    return (pl.col("dimension") == dimension) & (pl.col("member") == member)


def _named(bands: Iterable[Band]) -> pl.Expr:
    found: pl.Expr = pl.lit(None, dtype=pl.String)
    for each in reversed(tuple(bands)):
        found = pl.when(_holds(each)).then(pl.lit(each.name)).otherwise(found)
    return found


def _own(dimension: str, bands: Mapping[str, Band], otherwise: pl.Expr) -> pl.Expr:
    found = otherwise
    rate = pl.col("expansion_rate")
    for member, each in bands.items():
        place: pl.Expr = pl.lit("within")
        if each.below is not None:
            place = pl.when(rate >= each.below).then(pl.lit("above")).otherwise(place)
        if each.at_least is not None:
            place = pl.when(rate < each.at_least).then(pl.lit("below")).otherwise(place)
        place = pl.when(rate.is_not_null()).then(place)
        found = pl.when(_is(dimension, member)).then(place).otherwise(found)
    return found


def _holds(each: Band) -> pl.Expr:
    rate = pl.col("expansion_rate")
    holds = rate.is_not_null()
    if each.at_least is not None:
        holds &= rate >= each.at_least
    if each.below is not None:
        holds &= rate < each.below
    return holds
