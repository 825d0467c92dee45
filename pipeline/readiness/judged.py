"""One method's order of accounts at past month ends, beside what became of them.

Belongs here: ranks among those who could be asked, and the probability that earlier origins gave. Everything of an
origin rests on what was known then: a probability is made of origins whose outcomes were over.
"""

import polars as pl

from pipeline.readiness.chance import number_of, uniform
from pipeline.readiness.features import features
from pipeline.readiness.methods import METHODS, Method, tenth_of

PRIOR = 10.0
"""A tenth begins with so many accounts that expanded as all do, so that few outcomes prove little."""
CHANCE = "chance"


def value_of(method: str) -> str:
    """The column that holds what a method orders by."""
    return f"by_{method}"


def judgeable(scored: pl.LazyFrame) -> pl.LazyFrame:
    """Of accounts that nothing blocks: `month, account_id, mrr`, what methods order by, features, `chance` for ties."""
    key = number_of(pl.col("account_id"))
    return scored.filter(pl.col("blocked").is_null()).select(
        "month",
        "account_id",
        "mrr",
        uniform(key, pl.col("month").cast(pl.Int32) + 1).alias(CHANCE),
        *(each.value.fill_null(-1e300).alias(value_of(each.name)) for each in METHODS),
        *features(),
    )


def judged(outcomes: pl.DataFrame, method: Method) -> pl.LazyFrame:
    """`month, account_id, expanded, gained, rank, accounts, tenth`, and `probability` where an earlier origin tells.

    Args:
        outcomes: what `judgeable` and `outcomes` give.
        method: whose order.
    """
    value = value_of(method.name)
    rows = (
        outcomes.lazy()
        .select("month", "account_id", "expanded", "gained", value, CHANCE)
        .sort("month", value, CHANCE, "account_id", descending=[False, True, True, True])
        .with_columns(
            rank=pl.int_range(1, pl.len() + 1).over("month"), accounts=pl.len().over("month")
        )
        .with_columns(tenth=tenth_of("rank", "accounts"))
        .drop(value, CHANCE)
        .collect()
    )
    return rows.lazy().join(_earlier(rows.lazy()), on=["month", "tenth"], how="left")


def by_tenth(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`tenth, probability`: the share that expanded over all origins, drawn a little towards the whole's."""
    base = pl.col("expanded").sum() / pl.col("expanded").len()
    whole = rows.select(base=base)
    return (
        rows.group_by("tenth")
        .agg(hits=pl.col("expanded").sum(), number=pl.len())
        .join(whole, how="cross")
        .select("tenth", probability=_drawn("hits", "number", "base"))
        .sort("tenth")
    )


def _earlier(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`month, tenth, probability, base` as the origins before tell; both null at the first."""
    counts = rows.group_by("month", "tenth").agg(hits=pl.col("expanded").sum(), number=pl.len())
    before = (
        counts.sort("month")
        .with_columns(
            (pl.col(name).cum_sum() - pl.col(name)).over("tenth").alias(f"{name}_before")
            for name in ("hits", "number")
        )
        .with_columns(
            base=pl.col("hits_before").sum().over("month")
            / pl.col("number_before").sum().over("month")
        )
    )
    known = pl.col("base").is_finite()
    return before.select(
        "month",
        "tenth",
        probability=pl.when(known).then(_drawn("hits_before", "number_before", "base")),
        base=pl.when(known).then("base"),
    )


def _drawn(hits: str, number: str, base: str) -> pl.Expr:
    return (pl.col(hits) + PRIOR * pl.col(base)) / (pl.col(number) + PRIOR)
