"""What a program added where nobody drew whom it reached: reached accounts held against others that were like them.

Belongs here: who is like whom, and the difference in differences. It is an estimate: what made a team choose an
account, and is not among the facts that are matched, counts as the program's effect. Source of the rules:
docs/readiness.md.
"""

from math import sqrt

import polars as pl

from pipeline.money import MICRO
from pipeline.readiness.experiment import MRR_MEASURE, SHARE_MEASURE, SURE, Effect

BANDS = 10
"""Bands of the score, each with as many reached accounts."""
SETTLED = 12
"""Months from which on an account is no young customer."""
DESIGN = "matched"
CELL = ("band", "expanded_before", "plan", "settled")
"""What must be alike."""
BEFORE = f"{SHARE_MEASURE}_before"
"""The share's difference a period earlier, when nobody was reached: it should be nought."""


def matched(accounts: pl.DataFrame) -> list[Effect]:
    """The effect on the share that expanded and on MRR, an account that was reached.

    Reached accounts are held against the others of their cell, and weigh as they are many. A cell without others, or
    without reached ones, is left out; the numbers of accounts are those that counted. In an `Effect`, `held_out` is
    what reached accounts would have come to without the program.

    Args:
        accounts: `reached, score, plan, tenure, expanded_before, gained_before, expanded, gained` (micro-units), one
            row per account, in the same order each time, for fractions add up in it; "before" is the period of the
            same length that ends where the program begins.
    """
    cells = _cells(accounts)
    share, share_before = (
        pl.col(name).cast(pl.Float64) for name in ("expanded", "expanded_before")
    )
    mrr, mrr_before = (pl.col(name) / MICRO for name in ("gained", "gained_before"))
    return [
        _effect(cells, SHARE_MEASURE, share, share_before),
        _effect(cells, MRR_MEASURE, mrr, mrr_before),
    ]


def _cells(accounts: pl.DataFrame) -> pl.DataFrame:
    """The accounts whose cell has both kinds, with `cell`."""
    scores = accounts.filter("reached")["score"].sort()
    cuts = [scores.quantile(n / BANDS, "lower") for n in range(1, BANDS)] if scores.len() else []
    band = pl.sum_horizontal(
        pl.lit(0, pl.Int64), *((pl.col("score") >= cut).cast(pl.Int64) for cut in cuts)
    )
    return (
        accounts.with_columns(band=band, settled=pl.col("tenure") >= SETTLED)
        .with_columns(cell=pl.struct(CELL))
        .filter(
            pl.col("reached").any().over("cell") & ~pl.col("reached").all().over("cell"),
        )
    )


def _effect(cells: pl.DataFrame, measure: str, after: pl.Expr, before: pl.Expr) -> Effect:
    if cells.is_empty():
        return Effect(measure, None, None, None, None, None, 0, 0)
    change = after - before
    sides = [_side(cells.filter(reached=reached), change) for reached in (True, False)]
    both = sides[0].join(sides[1], on="cell", suffix="_other", maintain_order="left")
    weight = pl.col("n") / pl.col("n").sum()
    row = both.select(
        effect=(weight * (pl.col("mean") - pl.col("mean_other"))).sum(),
        spread=(weight**2 * (pl.col("error") + pl.col("error_other"))).sum(),
        n=pl.col("n").sum(),
        n_other=pl.col("n_other").sum(),
    ).row(0, named=True)
    came = cells.filter("reached").select(after.mean()).item()
    effect, width = row["effect"], SURE * sqrt(row["spread"])
    return Effect(
        measure, came, came - effect, effect, effect - width, effect + width, row["n"], row["n_other"]
    )  # fmt: skip


def _side(accounts: pl.DataFrame, change: pl.Expr) -> pl.DataFrame:
    """`cell, n, mean, error`: the mean's variance. How accounts of a cell vary is taken from all cells of its band."""
    cells = accounts.group_by("cell", maintain_order=True).agg(
        n=pl.len(), mean=change.mean(), spread=change.var(), band=pl.col("band").first()
    )
    free = pl.col("n") - 1
    pooled = (pl.col("spread") * free).sum().over("band") / free.sum().over("band")
    single = accounts.select(change.var()).item() or 0.0
    spread = pl.when(pooled.is_finite()).then(pooled).otherwise(single)
    return cells.select("cell", "n", "mean", error=spread / pl.col("n"))
