"""Intervals: measures of accounts that are weighed by chance, many times.

Belongs here: the bootstrap over groups of accounts. An account is drawn with all its origins, since what it does in
one quarter is not news in the next. The weights are the same for all methods, so that their differences have intervals.
"""

from functools import cache
from math import exp, factorial

import polars as pl

from pipeline.readiness.chance import uniform
from pipeline.readiness.measures import CLUSTERS, measures

DRAWS = 250
LOW, HIGH = 0.025, 0.975
_MOST = 8
"""Weights above are as good as never drawn."""


def drawn(sums: pl.DataFrame) -> pl.DataFrame:
    """One row per draw, 0 is the figure itself: `draw`, and each of `measures`; null where it is undefined.

    Args:
        sums: what `measures.sums` gives of one method.
    """
    names = [name for name in sums.columns if name != "cluster"]
    whole = sums.select(
        pl.lit(0, dtype=pl.Int64).alias("draw"), *(pl.col(n).cast(pl.Float64).sum() for n in names)
    )
    again = (
        _weights()
        .lazy()
        .join(sums.lazy(), on="cluster")
        .group_by("draw")
        .agg((pl.col(n) * pl.col("weight")).sum().cast(pl.Float64) for n in names)
        .collect()
    )
    rows = pl.concat([whole, again.select(whole.columns)]).with_columns(
        right_all=whole["right"].item(), pairs_all=whole["pairs"].item()
    )
    found = rows.select("draw", *(value.alias(name) for name, value in measures().items()))
    return found.with_columns(
        pl.when(pl.col(name).is_finite()).then(name) for name in measures()
    ).sort("draw")


def interval(drawn: pl.DataFrame, measure: str) -> tuple[float | None, float | None, float | None]:
    """The figure, and the ends of its 95% interval; each null where it is undefined."""
    value = drawn.filter(pl.col("draw") == 0)[measure].item()
    again = drawn.filter(pl.col("draw") > 0)[measure]
    return value, again.quantile(LOW, "linear"), again.quantile(HIGH, "linear")


@cache
def _weights() -> pl.DataFrame:
    """`draw, cluster, weight`: Poisson of mean 1, by its distribution's inverse."""
    clusters = pl.LazyFrame({"cluster": range(CLUSTERS)}, schema={"cluster": pl.UInt64})
    draws = pl.LazyFrame({"draw": range(1, DRAWS + 1)}, schema={"draw": pl.Int64})
    chance = uniform(pl.col("cluster"), pl.col("draw"))
    up_to = [sum(exp(-1) / factorial(n) for n in range(k + 1)) for k in range(_MOST)]
    weight = pl.sum_horizontal((chance >= bound).cast(pl.Float64) for bound in up_to)
    return draws.join(clusters, how="cross").select("draw", "cluster", weight=weight).collect()
