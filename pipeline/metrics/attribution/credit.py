"""Which won deal pays which month of an account: one deal one month, one month one deal.

Belongs here: the pairs that are possible, and the choice among them. Source of the rules: docs/attribution.md.
"""

import polars as pl

from pipeline.metrics.attribution.rules import AttributionRules

PAID = {"deal_id": pl.String, "account_id": pl.String, "month": pl.Date}
ACCOUNT_MONTH = ["account_id", "month"]


def explains(rules: AttributionRules) -> pl.Expr:
    """Whether a won deal (created, closed_on) is about a change (at, on)."""
    days = days_between(pl.col("on"), pl.col("closed_on"))
    return (pl.col("created") < pl.col("at")) & days.is_between(-rules.before, rules.after)


def days_between(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    """How many days after the day `first` the day `last` is."""
    return last.cast(pl.Int32) - first.cast(pl.Int32)


def credited(part: pl.LazyFrame, deals: pl.LazyFrame, rules: AttributionRules) -> pl.DataFrame:
    """The deals that pay: `deal_id, account_id, month`, each deal once and each account-month once.

    Of all possible pairs of a deal and an account's month the nearest in days is taken first, then the deal with the
    largest amount, then the smallest id, then the earlier month; and so on with what is left. So the choice needs all
    months of an account at once.

    Args:
        part: what deals may explain, of all months: `account_id, month, at, on` (the day of `at`).
        deals: `deals.expansion_deals`.
        rules: the windows.
    """
    won = deals.filter("won").select("deal_id", "account_id", "created", "closed_on", "value")
    apart = days_between(pl.col("on"), pl.col("closed_on")).abs()
    pairs = (
        part.join(won, on="account_id")
        .filter(explains(rules))
        .group_by("deal_id", *ACCOUNT_MONTH)
        .agg(apart=apart.min(), value=pl.col("value").first())
        .sort(
            "apart", "value", "deal_id", "month",
            descending=[False, True, False, False], nulls_last=True,
        )
        .select(*PAID)
        .with_row_index("rank")
        .collect()
    )  # fmt: skip
    return _greedy(pairs)


def _greedy(left: pl.DataFrame) -> pl.DataFrame:
    """The pairs that a pass in order of `rank` takes.

    A pair that comes first for its deal and for its account's month is taken by such a pass whatever else is there; so
    all of those are taken at once, and again of what is left.
    """
    taken = [pl.DataFrame(schema=PAID)]
    while not left.is_empty():
        rank = pl.col("rank")
        best = left.filter(
            (rank == rank.min().over("deal_id")) & (rank == rank.min().over(ACCOUNT_MONTH))
        )
        taken.append(best.select(*PAID))
        left = left.join(best, on="deal_id", how="anti").join(best, on=ACCOUNT_MONTH, how="anti")
    return pl.concat(taken)
