"""Links that became others.

Belongs here: which customers belong to another account than before. A link of a customer that was not known before is
no change.
"""

import polars as pl

CHANGED = ["customer_id", "old_account_id", "new_account_id", "old_method", "new_method"]


def changed(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """One row per customer whose account is another: the columns CHANGED, sorted by customer.

    Args:
        before: ACCOUNT_LINK as it was.
        after: ACCOUNT_LINK as it is.
    """
    was, now = (
        links.select(
            "customer_id",
            pl.col("account_id").alias(f"{side}_account_id"),
            pl.col("method").alias(f"{side}_method"),
        )
        for side, links in (("old", before), ("new", after))
    )
    return (
        was.join(now, on="customer_id")
        .filter(pl.col("old_account_id") != pl.col("new_account_id"))
        .select(CHANGED)
        .sort("customer_id")
    )
