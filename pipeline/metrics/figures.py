"""From contributions to figures: sums, counts, shares, rates.

Belongs here: every formula of docs/method.md, "Metrics", once. A rate is null where its denominator is not positive.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.metrics.contributions import AMOUNTS, CAUSE, ROLL_FORWARD, SPAN

MEMBER = pl.col("member")
"""Column: whose the figures of a row are."""
TOP = (1, 5, 10)
LARGEST = "largest"
"""Column: the largest expansions, as many as the longest of TOP takes."""
BUCKETS = {
    "new_mrr": ("new", 1),
    "expansion_mrr": ("expansion", 1),
    "contraction_mrr": ("contraction", -1),
    "churned_mrr": ("churn", -1),
    "reactivation_mrr": ("reactivation", 1),
}
"""Bucket -> the account's movement that fills it, and the sign of its deltas there."""
MOVED = {
    "new_accounts": "new",
    "expanding_accounts": "expansion",
    "contracting_accounts": "contraction",
    "churned_accounts": "churn",
    "reactivated_accounts": "reactivation",
}
"""Count of accounts -> the movement of those that are counted."""
BASE = pl.col("starting_mrr") + pl.col("fx_mrr")
LOST = pl.col("contraction_mrr") + pl.col("churned_mrr")
MONTHS = 12


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """The share numerator / denominator; null unless the denominator is positive."""
    return pl.when(denominator > 0).then(numerator / denominator)


def summed(
    contributions: pl.LazyFrame, causes: pl.DataFrame, member: pl.Expr = MEMBER
) -> pl.LazyFrame:
    """One row per month, window and member: the roll-forward's sums, counts of accounts, churn by kind, `largest`.

    Sums of some accounts can be added to those of others (`added`).

    Args:
        contributions: CAUSE, member, amounts.
        causes: what CAUSE stands for.
        member: the member that a contribution's `member` is the number of.
    """
    delta, movement = pl.col("delta_mrr"), pl.col("movement")
    expanding = causes.filter(movement == "expansion").get_column(CAUSE)
    expands = pl.col(CAUSE).is_in(expanding.implode()) & (delta > 0)
    by_cause = contributions.group_by(CAUSE, "member").agg(
        pl.col(*AMOUNTS).sum(),
        opening_accounts=(BASE > 0).sum().cast(pl.Int64),
        closing_accounts=(pl.col("ending_mrr") > 0).sum().cast(pl.Int64),
        kept_accounts=pl.col("kept").sum().cast(pl.Int64),
        moved=(delta != 0).sum().cast(pl.Int64),
    )
    grown = contributions.filter(expands).group_by(CAUSE, "member").agg(largest=_largest(delta))
    by_cause = (
        by_cause.join(grown, on=[CAUSE, "member"], how="left")
        .join(causes.lazy(), on=CAUSE)
        .with_columns(member=member)
    )
    churned = -delta.filter(movement == "churn")
    kind = pl.col("churn_kind").filter(movement == "churn")
    sums = {name: pl.col(name).sum() for name in AMOUNTS} | {
        bucket: sign * delta.filter(movement == name).sum()
        for bucket, (name, sign) in BUCKETS.items()
    }
    return by_cause.group_by(*SPAN, "member").agg(
        **{name: sums[name] for name in ROLL_FORWARD},
        opening_accounts=pl.col("opening_accounts").sum(),
        closing_accounts=pl.col("closing_accounts").sum(),
        **{
            accounts: pl.col("moved").filter(movement == name).sum()
            for accounts, name in MOVED.items()
        },
        kept_accounts=pl.col("kept_accounts").sum(),
        voluntary_churned_mrr=churned.filter(kind == "voluntary").sum(),
        involuntary_churned_mrr=churned.filter(kind == "involuntary").sum(),
        largest=_largest(pl.col(LARGEST).explode().drop_nulls()),
    )


def added(parts: Sequence[pl.DataFrame], keys: Sequence[str]) -> pl.DataFrame:
    """Rows of several parts, each of other accounts, summed by `keys`; of the largest, the largest of all stay."""
    if len(parts) == 1:
        return parts[0]
    rows = pl.concat(parts)
    numbers = [name for name in rows.columns if name not in (*keys, LARGEST)]
    most = [_largest(pl.col(LARGEST).explode().drop_nulls())] if LARGEST in rows.columns else []
    return rows.group_by(keys, maintain_order=True).agg(pl.col(numbers).sum(), *most)


def with_tops(sums: pl.LazyFrame) -> pl.LazyFrame:
    """`summed` of all accounts with the sums of the largest; rows in which everything is zero are left out."""
    return sums.with_columns(
        pl.col(LARGEST).list.head(count).list.sum().alias(f"top{count}") for count in TOP
    ).filter(pl.any_horizontal(pl.col(*ROLL_FORWARD) != 0))


def with_rates(sums: pl.LazyFrame) -> pl.LazyFrame:
    """`sums` with every rate; needs `committed_mrr` and the like to be there already, changes none of them."""
    expansion, new = pl.col("expansion_mrr"), pl.col("new_mrr")
    rate = ratio(expansion, BASE)
    # A member that items come to may lose more than it had: what would be left of nothing is not defined.
    compounded = pl.when(rate >= -1).then((1 + rate).pow(MONTHS / pl.col("window_months")) - 1)
    return sums.with_columns(
        expansion_arr=expansion * MONTHS,
        expansion_rate=rate,
        expansion_rate_annualised=compounded,
        nrr=ratio(BASE + expansion - LOST, BASE),
        grr=ratio(BASE - LOST, BASE),
        logo_retention=ratio(pl.col("kept_accounts"), pl.col("opening_accounts")),
        quick_ratio=ratio(new + expansion, LOST),
        quick_ratio_with_reactivation=ratio(new + expansion + pl.col("reactivation_mrr"), LOST),
        mrr_growth_rate=ratio(pl.col("ending_mrr") - BASE, BASE),
        expansion_share_of_new=ratio(expansion, new + expansion),
        expansion_share_of_total=ratio(expansion, pl.col("ending_mrr")),
        **{f"top{count}_share": ratio(pl.col(f"top{count}"), expansion) for count in TOP},
    )


DISCOUNTED = pl.col("discount_mrr") > 0
ENDING = pl.col("cancel_at").is_not_null()
AT_RISK = ENDING | pl.col("past_due_since").is_not_null()


def doubtful(snapshot: pl.LazyFrame, scheduled: pl.LazyFrame) -> pl.LazyFrame:
    """What `quality` counts: the discounted, doubtful or ending items of the snapshot, and changes that are scheduled.

    Args:
        snapshot: MRR_SNAPSHOT.
        scheduled: MRR_SCHEDULED; its rows have no `mrr`, but `change_mrr`.
    """
    items = snapshot.filter(DISCOUNTED | AT_RISK)
    return pl.concat(
        [
            items.with_columns(change_mrr=pl.when(ENDING).then(-pl.col("mrr")).otherwise(0)),
            scheduled,
        ],
        how="diagonal",
    )


def quality(holdings: pl.LazyFrame) -> pl.LazyFrame:
    """One row per month and `member` of `doubtful`: MRR with a discount, at risk, and what is scheduled to change."""
    mrr = pl.col("mrr")
    return holdings.group_by("month", "member").agg(
        discounted_mrr=mrr.filter(DISCOUNTED).sum(),
        at_risk_mrr=mrr.filter(AT_RISK).sum(),
        scheduled_mrr=pl.col("change_mrr").sum(),
    )


def _largest(amounts: pl.Expr) -> pl.Expr:
    return amounts.sort(descending=True).head(max(TOP))
