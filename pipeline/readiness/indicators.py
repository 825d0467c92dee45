"""Leading indicators: one row per month and account, as known at the month's end.

Belongs here: putting together what `held`, `moved`, `selling` and `used` say. Null means: not known. Source of the
rules: docs/readiness.md.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline.months import Calendar
from pipeline.readiness.held import ONE, held
from pipeline.readiness.known import Known, ends_of
from pipeline.readiness.moved import moved
from pipeline.readiness.selling import selling
from pipeline.readiness.used import of_limits, overages, used

MONTHS_A_YEAR = 12


def indicators(known: Known, calendar: Calendar, months: Sequence[date]) -> pl.LazyFrame:
    """The indicators of every account with MRR at the end of each of `months`.

    `mrr` is in micro-units; shares and growth are fractions (0.2 = 20%); `tenure` is in months, 0 in the first one.

    Args:
        known: frames that reach back far enough (`snapshots_for`, `movements_for`).
        calendar: when months end.
        months: months that are over.
    """
    ends = ends_of(calendar, months)
    states = held(known, months)
    levels = used(known, ends)
    first = known.account.select("account_id", "first_paid_month", owner_now="owner")
    rows = (
        states.join(moved(known, months), on=ONE, how="left")
        .join(selling(known, ends), on=ONE, how="left")
        .join(of_limits(levels, states, known), on=ONE, how="left")
        .join(overages(known, ends), on=ONE, how="left")
        .join(first, on="account_id", how="left")
    )
    by_use = pl.col("used_share").is_not_null()
    known_use = pl.coalesce("used_share", "limit_share").is_not_null()
    began = pl.col("first_paid_month")
    months_since = (pl.col("month").dt.year() - began.dt.year()).cast(pl.Int64) * MONTHS_A_YEAR + (
        pl.col("month").dt.month().cast(pl.Int64) - began.dt.month().cast(pl.Int64)
    )
    return rows.filter(pl.col("mrr") > 0).select(
        *ONE,
        "mrr",
        "seats",
        "plan",
        "seat_growth",
        "larger_plan_share",
        "missing_share",
        "missing_product",
        "overage",
        "months_since_expansion",
        "cancel_scheduled",
        "past_due",
        "open_deals",
        "deal_stage",
        "deal_probability",
        "touched",
        "owner_changes",
        utilisation=pl.coalesce("used_share", "limit_share"),
        utilised=pl.when(known_use & by_use)
        .then("used_feature")
        .when(known_use)
        .then(pl.lit("seats")),
        utilised_of=pl.when(known_use & by_use).then("used_of").when(known_use).then("limit_seats"),
        usage_growth=pl.coalesce("usage_growth", "metered_growth"),
        discount_share=pl.when(pl.col("list_mrr") > 0).then(
            pl.col("discount_mrr") / pl.col("list_mrr")
        ),
        expansions=pl.col("expansions").fill_null(0),
        contractions_recent=pl.col("contractions_recent").fill_null(0),
        tenure=pl.when(began <= pl.col("month")).then(months_since),
        in_crm=pl.col("in_crm").fill_null(value=False),
        owner=pl.coalesce("owner", "owner_now"),
    )
