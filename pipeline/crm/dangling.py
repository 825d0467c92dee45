"""Ids that somebody states and that do not exist.

Belongs here: what the explicit levels of linking name in vain. It fails nothing: the next level is tried, and a check
names them.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.crm.ids import PREFIX
from pipeline.crm.levels import CRM_FIELD, METADATA, OVERRIDE, by_crm_field, looked_up

DANGLING = pl.Schema(dict.fromkeys(("method", "told_by", "named"), pl.String))
"""An id that an explicit level names and that does not exist; `told_by` is who names it."""


def dangling(
    customers: pl.LazyFrame, overrides: pl.LazyFrame, metadata: pl.LazyFrame,
    account: pl.LazyFrame, targets: pl.LazyFrame, connected: Sequence[str],
) -> pl.LazyFrame:  # fmt: skip
    """DANGLING rows: what explicit levels name and nobody has.

    Of metadata only what is for a connected CRM.

    Args:
        customers: every customer's `customer_id`, excluded ones too.
        overrides: OVERRIDE.
        metadata: what `in_metadata` gives.
        account: TOLD_ACCOUNT with `account_id`.
        targets: `crm, crm_id, account_id`.
        connected: the CRMs that are there.
    """
    of = pl.coalesce("only", pl.col("named").str.extract(PREFIX))
    there = of.is_in(list(connected)) | (of.is_null() & bool(connected))
    keyed = metadata.filter(there)
    wanted = keyed.rename({"named": "crm_id"})
    missing = keyed.join(looked_up(wanted, targets), on=["customer_id", "key"], how="anti").select(
        method=pl.lit(METADATA), told_by=pl.format("{} {}", "customer_id", "key"), named="named"
    )
    stated = overrides.select("customer_id", crm_id="crm_account_id", only=None)
    no_account = (
        overrides.filter(pl.col("crm_account_id").is_not_null())
        .join(looked_up(stated, targets), on="customer_id", how="anti")
        .select(method=pl.lit(OVERRIDE), told_by="customer_id", named="crm_account_id")
    )
    no_customer = overrides.join(customers, on="customer_id", how="anti").select(
        method=pl.lit(OVERRIDE), told_by=pl.lit("the override file"), named="customer_id"
    )
    claimed = (
        by_crm_field(account)
        .join(customers, on="customer_id", how="anti")
        .select(method=pl.lit(CRM_FIELD), told_by="account_id", named="customer_id")
    )
    found = pl.concat([no_customer, no_account, claimed, missing])
    return found.unique().sort(DANGLING.names())
