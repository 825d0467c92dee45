"""The CRM as attribution sees it: expansion deals with their days and amounts, and how far back a CRM's records reach.

Belongs here: what is read from the frames of `pipeline.schemas.accounts`. Which deal explains what is in `credit`.
"""

from dataclasses import dataclass

import polars as pl

from pipeline.metrics.attribution.rules import AttributionRules
from pipeline.money import RATE_SCALE, round_half_even
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    FX_RATE,
)

PREFIX = r"^([a-z]+):"
"""The CRM in an id: hubspot:17."""


@dataclass(frozen=True, slots=True)
class Crm:
    """What a CRM tells, each frame with the schema of the table of its name.

    `told` is `first_told` of all of it where the frames are those of some accounts alone.
    """

    deal: pl.LazyFrame
    deal_history: pl.LazyFrame
    account: pl.LazyFrame
    account_history: pl.LazyFrame
    account_link: pl.LazyFrame
    fx_rate: pl.LazyFrame
    told: pl.LazyFrame | None = None

    @classmethod
    def nothing(cls) -> "Crm":
        """No CRM."""
        tables = (CRM_DEAL, CRM_DEAL_HISTORY, ACCOUNT, ACCOUNT_HISTORY, ACCOUNT_LINK, FX_RATE)
        return cls(*(table.empty().lazy() for table in tables))


def in_reporting(rows: pl.LazyFrame, crm: Crm, rules: AttributionRules, month: str) -> pl.LazyFrame:
    """`rows` (amount, currency, and a month in the column `month`) with `value`: the amount in the reporting currency.

    Micro-units at the month's rate; null without an amount or without a rate. An amount without a currency is in the
    reporting one.
    """
    rates = crm.fx_rate.select(pl.col("month").alias(month), "currency", "rate")
    known = rows.with_columns(currency=pl.col("currency").fill_null(rules.currency))
    own = pl.when(pl.col("currency") == rules.currency).then(pl.lit(RATE_SCALE, dtype=pl.Int64))
    rate = pl.coalesce(own, "rate")
    exact = pl.col("amount").cast(pl.Int128) * rate.cast(pl.Int128)
    return (
        known.join(rates, on=[month, "currency"], how="left")
        .with_columns(
            value=round_half_even(exact, pl.lit(RATE_SCALE, dtype=pl.Int128)).cast(
                pl.Int64, strict=False
            )
        )
        .drop("rate")
    )


def expansion_deals(crm: Crm, rules: AttributionRules) -> pl.LazyFrame:
    """One row per deal of an expansion type.

    `deal_id, account_id, owner, created, closed, closed_on (its day), closed_month, won, value`; `closed` and what
    follows from it are null while the deal is open, whatever day is expected.
    """
    closed = pl.when(pl.col("won").is_not_null()).then("closed")
    deals = (
        crm.deal.filter(rules.is_expansion(pl.col("type")))
        .with_columns(closed=closed)
        .with_columns(closed_on=rules.day(pl.col("closed")))
        .with_columns(closed_month=pl.col("closed_on").dt.month_start())
    )
    return in_reporting(deals, crm, rules, "closed_month").select(
        "deal_id", "account_id", "owner", "created", "closed", "closed_on", "closed_month", "won", "value"
    )  # fmt: skip


def reach(crm: Crm, rules: AttributionRules) -> pl.LazyFrame:
    """The first day that each CRM tells of: `source, reach_on`. A CRM without any deal tells nothing of sales."""
    told = first_told(crm) if crm.told is None else crm.told
    return told.select("source", reach_on=rules.day(pl.col("at")))


def first_told(crm: Crm) -> pl.LazyFrame:
    """The first instant that each CRM with a deal tells of: `source, at`."""
    told = [
        crm.deal.select("deal_id", at="created"),
        crm.deal_history.select("deal_id", "at"),
        crm.account_history.select("account_id", "at"),
    ]
    source = pl.first().str.extract(PREFIX)
    selling = crm.deal.select(source=pl.col("deal_id").str.extract(PREFIX)).unique()
    return (
        pl.concat([each.select(source=source, at="at") for each in told])
        .drop_nulls()
        .join(selling, on="source", how="semi")
        .group_by("source")
        .agg(pl.col("at").min())
    )
