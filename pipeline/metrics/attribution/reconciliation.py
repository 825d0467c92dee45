"""Won deals beside the money that followed.

Belongs here: what became of each expansion deal that was won. Source of the rules: docs/attribution.md.
"""

from datetime import date

import polars as pl

from pipeline.metrics.attribution.changes import PART
from pipeline.metrics.attribution.credit import days_between, explains
from pipeline.metrics.attribution.deals import Crm, expansion_deals
from pipeline.metrics.attribution.rules import SALES, AttributionRules
from pipeline.schemas import DEAL_RECONCILIATION

MONTHS_A_YEAR = 12


def reconciliation(
    dated: pl.DataFrame, attribution: pl.DataFrame, crm: Crm, today: date, rules: AttributionRules
) -> pl.DataFrame:
    """DEAL_RECONCILIATION: every expansion deal that was won, in the month of the day on which it was closed.

    `paid`: it explains expansion. `unmatched`: the CRM names no account of it that has a Stripe customer. `pending`: a
    change that it explains may still come. `spare`: another deal explains what came. `no_money`: nothing came.
    `attributed_mrr` is what it explains, less what such accounts' negative components take away.

    Args:
        dated: `changes.dated` of all months.
        attribution: `attributed` of the same.
        crm: what the CRMs tell.
        today: the present day in the reporting time zone; deals closed later are left to their month.
        rules: the windows.
    """
    won = expansion_deals(crm, rules).filter(
        pl.col("won") & (pl.col("closed_on") <= pl.lit(today)).fill_null(value=False)
    )
    parts = dated.lazy().with_columns(on=rules.day(pl.col("at")))
    linked = crm.account_link.select("account_id", linked=pl.lit(value=True)).unique()
    paid = (
        attribution.lazy()
        .filter(pl.col("attribution") == SALES)
        .group_by("deal_id")
        .agg(attributed_mrr=pl.col("amount").sum())
    )
    rows = (
        won.join(paid, on="deal_id", how="left")
        .join(_followed(parts, won, rules), on="deal_id", how="left")
        .join(_explained(parts, attribution, won, rules), on="deal_id", how="left")
        .join(linked, on="account_id", how="left")
    )
    age = days_between(pl.col("closed_on"), pl.lit(today))
    outcome = (
        pl.when(pl.col("attributed_mrr").is_not_null())
        .then(pl.lit("paid"))
        .when(pl.col("linked").is_null())
        .then(pl.lit("unmatched"))
        .when(age <= rules.before)
        .then(pl.lit("pending"))
        .when("elsewhere")
        .then(pl.lit("spare"))
        .otherwise(pl.lit("no_money"))
    )
    yearly = pl.col("attributed_mrr").cast(pl.Float64) * MONTHS_A_YEAR
    return (
        DEAL_RECONCILIATION.conform(
            rows.with_columns(outcome=outcome)
            .with_columns(pl.col("attributed_mrr", "followed_mrr").fill_null(0))
            .with_columns(
                month="closed_month",
                closed="closed_on",
                amount="value",
                ratio=pl.when(pl.col("value") > 0).then(yearly / pl.col("value")),
            )
        )
        .sort(DEAL_RECONCILIATION.key)
        .collect()
    )


def _followed(parts: pl.LazyFrame, won: pl.LazyFrame, rules: AttributionRules) -> pl.LazyFrame:
    """The account's expansion in the days around each deal: `deal_id, followed_mrr`."""
    days = days_between(pl.col("on"), pl.col("closed_on"))
    return (
        parts.select("account_id", "on", "amount")
        .join(won.select("deal_id", "account_id", "closed_on"), on="account_id")
        .filter(days.is_between(-rules.before, rules.after))
        .group_by("deal_id")
        .agg(followed_mrr=pl.col("amount").sum())
    )


def _explained(
    parts: pl.LazyFrame, attribution: pl.DataFrame, won: pl.LazyFrame, rules: AttributionRules
) -> pl.LazyFrame:
    """The deals that could explain what another one does: `deal_id, elsewhere`."""
    sold = attribution.lazy().filter((pl.col("attribution") == SALES) & (pl.col("amount") > 0))
    return (
        parts.join(sold.select(PART), on=PART, how="semi")
        .select("account_id", "at", "on")
        .join(won.select("deal_id", "account_id", "created", "closed_on"), on="account_id")
        .filter(explains(rules))
        .select("deal_id", elsewhere=pl.lit(value=True))
        .unique()
    )
