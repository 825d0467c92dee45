"""What the CRM had told of an account before a month's end: open deals, work on them, owners.

Belongs here: deals and owners as they were known then. A change counts from the instant at which the CRM has it; a
deal's outcome counts from the day it was closed. Does not belong here: what a deal explains (`metrics.attribution`).
"""

import polars as pl

from pipeline.billing.asof import asof
from pipeline.readiness.held import ONE
from pipeline.readiness.known import Known

TOUCHED = pl.duration(days=60)
CHANGED = pl.duration(days=90)


def selling(known: Known, ends: pl.LazyFrame) -> pl.LazyFrame:
    """One row per month and account of a CRM.

    `open_deals`, `deal_stage` and `deal_probability` of the likeliest (null where no stage tells), `touched` (work on
    an expansion deal in the last 60 days), `owner` (null: not known then), `owner_changes` (in the last 90 days).

    Args:
        known: what is known.
        ends: `month, at`.
    """
    accounts = known.account.filter(pl.col("source") != "stripe").select("account_id")
    return (
        accounts.join(ends, how="cross")
        .join(_deals(known, ends), on=ONE, how="left")
        .pipe(_owners, known)
        .with_columns(
            pl.col("open_deals").fill_null(0), pl.col("touched").fill_null(value=False), in_crm=True
        )
        .drop("at")
    )


def _deals(known: Known, ends: pl.LazyFrame) -> pl.LazyFrame:
    history = known.deal_history
    deals = known.deal.select(
        "deal_id", "account_id", "created", "closed", "won", "type", stage_now="stage"
    )
    # What is known first of a deal is no work: where the CRM keeps no past, it is from the night that saw it first.
    again = pl.col("at") > pl.col("at").min().over("deal_id")
    stages = history.filter(pl.col("field") == "stage").select(
        "deal_id", since="at", moved=pl.when(again).then("at"), stage="value", closes="closes",
        probability="probability",
    )  # fmt: skip
    types = history.filter(pl.col("field") == "type").select(
        "deal_id", typed="at", retyped=pl.when(again).then("at"), type_then="value"
    )
    rows = deals.join(ends, how="cross").filter(pl.col("created") < pl.col("at"))
    rows = rows.with_columns(just_before=pl.col("at") - pl.duration(microseconds=1))
    rows = asof(rows, "just_before", stages, "since", "deal_id")
    rows = asof(rows, "just_before", types, "typed", "deal_id")
    over = pl.col("won").is_not_null() & (pl.col("closed") < pl.col("at"))
    is_open = pl.coalesce(pl.col("closes").not_(), over.fill_null(value=False).not_())
    worked = (
        pl.max_horizontal("created", "moved", pl.when(over).then("closed"), "retyped")
        >= pl.col("at") - TOUCHED
    )
    likely = pl.col("probability").fill_null(-1.0)
    return (
        rows.filter(pl.coalesce("type_then", "type").is_in(list(known.expansion_types)))
        .group_by(ONE)
        .agg(
            open_deals=is_open.sum().cast(pl.Int64),
            deal_stage=pl.col("stage").filter(is_open).sort_by(likely.filter(is_open)).last(),
            deal_probability=pl.col("probability").filter(is_open).max(),
            touched=worked.any(),
        )
    )


def _owners(rows: pl.LazyFrame, known: Known) -> pl.LazyFrame:
    told = known.account_history.filter(pl.col("field") == "owner").sort("account_id", "at")
    facts = told.select("account_id", owned="at", owner="value")
    just = rows.with_columns(just_before=pl.col("at") - pl.duration(microseconds=1))
    # The first owner that is known is no change of owner.
    changes = (
        told.filter(pl.col("account_id").eq_missing(pl.col("account_id").shift(1)))
        .select("account_id", changed="at")
        .join(rows.select(*ONE, "at"), on="account_id")
        .filter(pl.col("changed") < pl.col("at"), pl.col("changed") >= pl.col("at") - CHANGED)
        .group_by(ONE)
        .agg(owner_changes=pl.len().cast(pl.Int64))
    )
    return (
        asof(just, "just_before", facts, "owned", "account_id")
        .drop("just_before", "owned")
        .join(changes, on=ONE, how="left")
        .with_columns(pl.col("owner_changes").fill_null(0))
    )
