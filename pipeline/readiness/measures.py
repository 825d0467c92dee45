"""How good an order of accounts was: each measure is made of sums over accounts.

Belongs here: what an account adds to the sums, and the measures of the sums. So the same formulas give the figure and,
with accounts weighed by chance, its interval.
"""

import polars as pl

from pipeline.readiness.chance import number_of
from pipeline.readiness.methods import TENTHS

FIRST = (10, 25, 50)
"""How many accounts a team may ask in a month."""
CLUSTERS = 500
"""Accounts are drawn in so many groups, each account with all its origins."""


def sums(judged: pl.LazyFrame) -> pl.LazyFrame:
    """One row per group of accounts (`cluster`): what they add to each sum."""
    hit, top = pl.col("expanded"), pl.col("tenth") == 1
    positives = hit.sum().over("month")
    negatives = pl.col("accounts") - positives
    above = hit.cum_sum().over("month")
    below = (negatives - (pl.col("rank") - above)).cast(pl.Float64)
    rows = judged.sort("month", "rank").with_columns(
        cluster=number_of(pl.col("account_id")) % CLUSTERS,
        # A pair of one that expanded and one that did not is right where the former stands higher.
        right=pl.when(hit).then(below).otherwise(above.cast(pl.Float64)),
        pairs=pl.when(hit).then(negatives).otherwise(positives).cast(pl.Float64),
        apart=pl.col("probability") - hit.cast(pl.Float64),
        apart_base=pl.col("base") - hit.cast(pl.Float64),
    )
    in_tenth = {n: pl.col("tenth") == n for n in range(1, TENTHS + 1)}
    first = {k: pl.col("rank") <= k for k in FIRST}
    told = pl.col("probability").is_not_null()
    return rows.group_by("cluster").agg(
        accounts=pl.len(),
        hits=hit.sum(),
        gained=pl.col("gained").sum().cast(pl.Float64),
        gained_top=pl.col("gained").filter(top).sum().cast(pl.Float64),
        right=pl.col("right").sum(),
        pairs=pl.col("pairs").sum(),
        told=told.sum(),
        squares=(pl.col("apart") ** 2).sum(),
        squares_base=pl.when(told).then(pl.col("apart_base") ** 2).sum(),
        **{f"hits_first_{k}": (hit & within).sum() for k, within in first.items()},
        **{f"first_{k}": within.sum() for k, within in first.items()},
        **{f"hits_{n}": (hit & within).sum() for n, within in in_tenth.items()},
        **{f"accounts_{n}": within.sum() for n, within in in_tenth.items()},
        **{f"told_{n}": (told & within).sum() for n, within in in_tenth.items()},
        **{
            f"sure_{n}": pl.col("probability").filter(within).sum()
            for n, within in in_tenth.items()
        },
        **{f"apart_{n}": pl.col("apart").filter(within).sum() for n, within in in_tenth.items()},
    )


def measures() -> dict[str, pl.Expr]:
    """Measure -> its expression on a row of sums that has `right_all` and `pairs_all`, the plain sums, beside it."""
    base = pl.col("hits") / pl.col("accounts")
    top = pl.col("hits_1") / pl.col("accounts_1")
    # First order in the weights: who expanded and who did not are weighed both.
    right = pl.col("right") - pl.col("right_all") / 2
    pairs = pl.col("pairs") - pl.col("pairs_all") / 2
    off = pl.sum_horizontal(pl.col(f"apart_{n}").abs() for n in range(1, TENTHS + 1))
    return {
        "base_rate": base,
        **{f"precision_{k}": pl.col(f"hits_first_{k}") / pl.col(f"first_{k}") for k in FIRST},
        "precision_tenth": top,
        "lift_tenth": top / base,
        "expansion_mrr_tenth": pl.col("gained_top") / pl.col("gained"),
        "auc": right / pairs,
        "brier": pl.col("squares") / pl.col("told"),
        "brier_base_rate": pl.col("squares_base") / pl.col("told"),
        "calibration_error": off / pl.col("told"),
        **{
            f"expanded_tenth_{n}": pl.col(f"hits_{n}") / pl.col(f"accounts_{n}")
            for n in range(1, TENTHS + 1)
        },
        **{
            f"expected_tenth_{n}": pl.col(f"sure_{n}") / pl.col(f"told_{n}")
            for n in range(1, TENTHS + 1)
        },
    }
