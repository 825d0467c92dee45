"""Deals and what became of them, of every CRM, under our ids.

Belongs here: the frames CRM_DEAL and CRM_DEAL_HISTORY. Amounts are the CRM's own, in micro-units; they are not MRR.
"""

import polars as pl

from pipeline.schemas import CRM_DEAL, CRM_DEAL_HISTORY

ID = pl.format("{}:{}", "crm", "crm_id")


def deals(told: pl.LazyFrame, alias: pl.LazyFrame) -> pl.LazyFrame:
    """One row (CRM_DEAL) per deal.

    Args:
        told: TOLD_DEAL of every CRM.
        alias: ACCOUNT_ALIAS; merged ids lead to the survivor.
    """
    accounts = alias.select("crm", "account_id", account_crm_id="crm_id")
    return CRM_DEAL.conform(
        told.join(accounts, on=["crm", "account_crm_id"], how="left")
        .with_columns(deal_id=ID)
        .sort("deal_id")
    )


def history(told: pl.LazyFrame) -> pl.LazyFrame:
    """One row (CRM_DEAL_HISTORY) per deal, field and change, of TOLD_DEAL_CHANGE of every CRM."""
    return CRM_DEAL_HISTORY.conform(told.with_columns(deal_id=ID).sort("deal_id", "at", "field"))
