"""Accounts that were merged into others.

Belongs here: which account an id of a CRM leads to, over chains of any length.
"""

import polars as pl

from pipeline.schemas import ACCOUNT_ALIAS


def aliases(account: pl.LazyFrame) -> pl.LazyFrame:
    """One row (ACCOUNT_ALIAS) per id that leads to one account.

    Args:
        account: TOLD_ACCOUNT of every CRM.
    """
    own = account.select("crm", "crm_id", into="crm_id", own=pl.lit(value=True))
    merged = (
        account.select("crm", into="crm_id", crm_id="merged_ids", own=pl.lit(value=False))
        .explode("crm_id")
        .filter(pl.col("crm_id").is_not_null())
        .select("crm", "crm_id", "into", "own")
    )
    return ACCOUNT_ALIAS.conform(
        pl.concat([own, merged])
        .sort("own", "into", descending=[True, False])
        .unique(["crm", "crm_id"], keep="first", maintain_order=True)
        .with_columns(account_id=pl.format("{}:{}", "crm", "into"))
        .sort("crm", "crm_id")
    )
