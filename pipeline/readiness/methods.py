"""Ways of putting accounts in order: the score, and the simple rules that it has to beat.

Belongs here: what each method orders by, and ranks. Whoever is blocked comes last in all of them, so that methods
differ in nothing but their order.
"""

from dataclasses import dataclass

import polars as pl

from pipeline.readiness.chance import number_of, uniform
from pipeline.schemas import READINESS_SCORE

TENTHS = 10
RECENT = 6
"""Months in which an expansion is a recent one."""


@dataclass(frozen=True, slots=True)
class Method:
    """An order of accounts: the largest `value` first; where it is null, last."""

    name: str
    value: pl.Expr
    baseline: bool = True


WITHOUT_DEALS = "_without_deals"
RULES_METHOD = Method("rules", pl.col("score"), baseline=False)
METHODS = (
    RULES_METHOD,
    Method(RULES_METHOD.name + WITHOUT_DEALS, pl.col("score_without_deals"), baseline=False),
    Method("largest_mrr", pl.col("mrr").cast(pl.Float64)),
    Method("utilisation", pl.col("utilisation")),
    Method(
        "expanded_recently",
        pl.when(pl.col("months_since_expansion") < RECENT).then(
            -pl.col("months_since_expansion").cast(pl.Float64)
        ),
    ),
    Method("random", uniform(number_of(pl.col("account_id")), pl.col("month").cast(pl.Int32))),
)
LOGISTIC = Method("logistic", pl.col("score"), baseline=False)
LOGISTIC_WITHOUT_DEALS = Method(
    LOGISTIC.name + WITHOUT_DEALS, pl.col("score_without_deals"), baseline=False
)
LEARNED = (LOGISTIC, LOGISTIC_WITHOUT_DEALS)
"""They order what `logistic.scored_by` gives, where METHODS order what `score.scored` gives."""
BY_NAME = {method.name: method for method in (*METHODS, *LEARNED)}


def ranked(scored: pl.LazyFrame, method: str) -> pl.LazyFrame:
    """The frame with `rank`, 1 is the first, among the accounts of each month.

    Equal accounts are ordered by chance, the same one each time.

    Args:
        scored: what `score.scored` gives.
        method: the name of one of METHODS.
    """
    value = BY_NAME[method].value.fill_null(-1e300)
    chance = uniform(number_of(pl.col("account_id")), pl.col("month").cast(pl.Int32) + 1)
    order = pl.struct(
        pl.col("blocked").is_null().alias("clear"),
        value.alias("value"),
        chance.alias("chance"),
        "account_id",
    )
    return scored.with_columns(
        rank=order.rank("ordinal", descending=True).over("month").cast(pl.Int64)
    )


def score_rows(scored: pl.LazyFrame, method: str, chances: pl.DataFrame) -> pl.LazyFrame:
    """READINESS_SCORE rows of one month, in the order of a method.

    Args:
        scored: what `score.scored` gives, or `logistic.scored_by` for a method of LEARNED.
        method: the name of one of them.
        chances: `tenth, probability` of its record; without rows no probability is known.
    """
    clear = pl.col("blocked").is_null()
    rows = (
        ranked(scored, method)
        .with_columns(method=pl.lit(method), _clear=clear.sum().over("month"))
        .with_columns(tenth=pl.when(clear).then(tenth_of("rank", "_clear")))
        .join(chances.lazy(), on="tenth", how="left")
    )
    return READINESS_SCORE.conform(rows).sort("month", "rank")


def tenth_of(rank: str, accounts: str) -> pl.Expr:
    """1 for the first tenth of a month's accounts, 10 for the last."""
    return ((pl.col(rank) - 1) * TENTHS // pl.col(accounts) + 1).cast(pl.Int64)
