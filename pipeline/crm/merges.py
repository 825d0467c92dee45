"""Accounts that were merged into others.

Belongs here: which account an id of a CRM leads to, over chains of any length. Mergers that go round in a circle say
nothing: each account of the circle stays one of its own.
"""

import polars as pl

from pipeline.schemas import ACCOUNT_ALIAS

ID = ["crm", "crm_id"]


def targets(account: pl.LazyFrame) -> pl.LazyFrame:
    """`crm, crm_id, account_id`: every account that survives, and what was merged into it.

    An id that was merged into two accounts has two rows.

    Args:
        account: TOLD_ACCOUNT of every CRM.
    """
    merged = _merged(account)
    own = account.select(*ID, into="crm_id").join(merged, on=ID, how="anti")
    return pl.concat([own, merged]).select(*ID, account_id=pl.format("{}:{}", "crm", "into"))


def aliases(targets: pl.LazyFrame) -> pl.LazyFrame:
    """One row (ACCOUNT_ALIAS) per id that leads to one account.

    Args:
        targets: what `targets` gives.
    """
    return ACCOUNT_ALIAS.conform(targets.filter(pl.len().over(ID) == 1).sort(ID))


def _merged(account: pl.LazyFrame) -> pl.LazyFrame:
    """`crm, crm_id, into` of each id that was merged, to the last survivor."""
    return followed(
        account.select("crm", into="crm_id", crm_id="merged_ids")
        .explode("crm_id")
        .filter(pl.col("crm_id").is_not_null() & (pl.col("crm_id") != pl.col("into")))
        .select("crm", "crm_id", "into")
        .unique()
    )


def followed(merged: pl.LazyFrame) -> pl.LazyFrame:
    """`crm, crm_id, into` with each `into` the end of its chain; what goes round in a circle is left out.

    Args:
        merged: `crm, crm_id, into`: what each id was merged into.
    """
    found = merged.collect()
    for _ in range(found.height.bit_length() + 1):  # each round doubles the way that was gone
        on = found.rename({"crm_id": "into", "into": "next"})
        further = found.join(on, on=["crm", "into"], how="left")
        if further["next"].null_count() == further.height:
            break
        found = further.select(*ID, into=pl.coalesce("next", "into")).unique()
    gone = found.select("crm", into="crm_id").unique()
    return found.lazy().join(gone.lazy(), on=["crm", "into"], how="anti")
