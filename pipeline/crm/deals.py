"""Deals and what became of them, with the CRM's ids resolved to names and accounts.

Belongs here: the frames CRM_DEAL and CRM_DEAL_HISTORY. Amounts are the CRM's own, in micro-units; they are not MRR.
"""

import polars as pl

from pipeline.crm import hubspot
from pipeline.money import MICRO
from pipeline.schemas import CRM_DEAL, CRM_DEAL_HISTORY


def deals(raw: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """One row (CRM_DEAL) per deal that is not deleted.

    Args:
        raw: RAW_RECORD rows of the CRM.
        targets: `crm_id, account_id`, merged ids included.
    """
    closed, won = pl.col("hs_is_closed") == "true", pl.col("hs_is_closed_won") == "true"
    by_stage = pl.when(pl.col("stage_closed")).then(pl.col("stage_won"))
    return CRM_DEAL.conform(
        hubspot.deals(raw)
        .join(hubspot.deal_companies(raw), on="id", how="left")
        .join(targets, left_on="company_id", right_on="crm_id", how="left")
        .join(hubspot.owners(raw), left_on="hubspot_owner_id", right_on="owner_id", how="left")
        .join(
            hubspot.stages(raw).rename({"closed": "stage_closed", "won": "stage_won"}),
            left_on=["pipeline", "dealstage"],
            right_on=["pipeline", "stage_id"],
            how="left",
        )
        .with_columns(
            deal_id=hubspot.PREFIX + pl.col("id"),
            type="dealtype",
            stage=pl.coalesce("stage", "dealstage"),
            amount=_micro(pl.col("amount")),
            currency=pl.col("deal_currency_code").str.to_lowercase(),
            created=hubspot.instant(pl.col("createdate")),
            closed=hubspot.instant(pl.col("closedate")),
            won=pl.when(won)
            .then(pl.lit(value=True))
            .when(closed)
            .then(pl.lit(value=False))
            .when(pl.col("hs_is_closed").is_null())
            .then(by_stage),
            probability=pl.lit(None, dtype=pl.Float64),
        )
        .sort("deal_id")
    )


def history(raw: pl.LazyFrame) -> pl.LazyFrame:
    """One row (CRM_DEAL_HISTORY) per deal, field and change; stages and owners by name."""
    stages = hubspot.stages(raw).select("stage_id", "stage").unique("stage_id", keep="any")
    field = pl.col("field")
    named = (
        pl.when(field == "stage")
        .then(pl.coalesce("stage", "value"))
        .when(field == "owner")
        .then(pl.coalesce("owner", "value"))
        .otherwise("value")
    )
    return CRM_DEAL_HISTORY.conform(
        hubspot.deal_changes(raw)
        .join(stages, left_on="value", right_on="stage_id", how="left")
        .join(hubspot.owners(raw), left_on="value", right_on="owner_id", how="left")
        .with_columns(deal_id=hubspot.PREFIX + pl.col("id"), value=named)
        .with_columns(
            closes=pl.lit(None, dtype=pl.Boolean), probability=pl.lit(None, dtype=pl.Float64)
        )
        .sort("deal_id", "at", "field")
    )


def _micro(amount: pl.Expr) -> pl.Expr:
    """A written amount as micro-units; null where it is no number."""
    return (amount.cast(pl.Decimal(38, 6), strict=False) * MICRO).cast(pl.Int64)
