"""The pipeline: expansion deals that were open at the end of each month, as they were then.

Belongs here: a deal's stage, amount, owner and type at an instant. Source of the rules: docs/attribution.md.
"""

import polars as pl

from pipeline.billing.asof import asof
from pipeline.metrics.attribution.deals import Crm, in_reporting
from pipeline.metrics.attribution.rules import AttributionRules
from pipeline.money import MICRO
from pipeline.schemas import CRM_PIPELINE

UNKNOWN = "unknown"
FIELDS = ("stage", "amount", "owner", "type")


def crm_pipeline(crm: Crm, ends: pl.DataFrame, rules: AttributionRules) -> pl.DataFrame:
    """CRM_PIPELINE: deals, amounts and weighted amounts by month, stage and owner.

    A deal was open if it was created before the month's end and its stage then was not a closing one; where the CRM
    does not tell the stage of that time, if it was not closed before. What is not known of that time is as it was first
    known. An amount whose stage does not say how likely it is won weighs nothing; where no stage says so, as in an
    export without it, `weighted` is null.

    Args:
        crm: what the CRMs tell.
        ends: one row per month: `month, boundary` (`Calendar.ends`).
        rules: which types mean expansion, and the reporting currency.
    """
    at = pl.col("at")
    deals = crm.deal.rename({name: f"{name}_now" for name in FIELDS})
    rows = (
        deals.join(ends.lazy().select("month", at="boundary"), how="cross")
        .filter(pl.col("created") < at)
        .with_columns(just_before=at - pl.duration(microseconds=1))
        .pipe(_stage_then, crm.deal_history)
    )
    closed_by_now = pl.col("won").is_not_null() & (pl.col("closed") < at).fill_null(value=True)
    is_open = pl.coalesce(pl.col("closes").not_(), closed_by_now.not_())
    rows = rows.filter(is_open)
    for field in FIELDS[1:]:
        rows = _then(rows, crm.deal_history, field)
    micro = (pl.col("amount").cast(pl.Decimal(38, 6), strict=False) * MICRO).cast(
        pl.Int64, strict=False
    )
    valued = in_reporting(
        rows.filter(rules.is_expansion(pl.col("type"))).with_columns(amount=micro),
        crm,
        rules,
        "month",
    )
    likely = pl.col("value") * pl.col("probability").clip(0.0, 1.0)
    return (
        CRM_PIPELINE.conform(
            valued.with_columns(pl.col("stage", "owner").fill_null(UNKNOWN))
            .group_by("month", "stage", "owner")
            .agg(
                deals=pl.len().cast(pl.Int64),
                without_amount=pl.col("value").is_null().sum().cast(pl.Int64),
                amount=pl.col("value").sum(),
                weighted=pl.when(pl.col("probability").is_not_null().any()).then(
                    likely.round().cast(pl.Int64).sum()
                ),
            )
        )
        .sort(CRM_PIPELINE.key)
        .collect()
    )


def _stage_then(rows: pl.LazyFrame, history: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with `stage, probability, closes` of their instant; `closes` is null where nobody knows."""
    stages = history.filter(pl.col("field") == "stage").sort("deal_id", "at")
    facts = stages.select(
        "deal_id", since="at", told="value", closes="closes", told_probability="probability"
    )
    first = stages.group_by("deal_id", maintain_order=True).agg(
        first_stage=pl.col("value").first(),
        first_closes=pl.col("closes").first(),
        first_probability=pl.col("probability").first(),
    )
    known = pl.col("since").is_not_null()
    # A deal that was first seen when it was closed was in another stage while it was open.
    opened = pl.col("first_closes").eq_missing(other=True).not_()
    has_past = pl.col("first_stage").is_not_null()
    present = pl.col("won").is_null() & has_past.not_()
    stage = (
        pl.when(known).then("told").when(has_past & opened).then("first_stage")
        .when(present).then("stage_now")
    )  # fmt: skip
    probability = (
        pl.when(known & pl.col("told_probability").is_not_null()).then("told_probability")
        .when(known & (pl.col("told") == pl.col("stage_now"))).then("probability")
        .when(known.not_() & has_past & opened).then("first_probability")
        .when(present).then("probability")
    )  # fmt: skip
    return (
        asof(rows, "just_before", facts, "since", "deal_id")
        .join(first, on="deal_id", how="left")
        .with_columns(stage=stage, probability=probability)
        .drop(
            "since", "told", "told_probability", "first_stage", "first_closes", "first_probability"
        )
    )


def _then(rows: pl.LazyFrame, history: pl.LazyFrame, field: str) -> pl.LazyFrame:
    """`rows` with the value of a field at their instant, as text; before the first known one, that."""
    facts = history.filter(pl.col("field") == field).sort("deal_id", "at")
    first = facts.group_by("deal_id", maintain_order=True).agg(
        first_value=pl.col("value").first(), first_at=pl.col("at").first()
    )
    now = pl.col(f"{field}_now")
    if field == "amount":
        now = now.cast(pl.Decimal(38, 6)) / MICRO
    value = (
        pl.when(pl.col("since").is_not_null()).then("told")
        .when(pl.col("first_at").is_not_null()).then("first_value")
        .otherwise(now.cast(pl.String))
    )  # fmt: skip
    return (
        asof(
            rows,
            "just_before",
            facts.select("deal_id", since="at", told="value"),
            "since",
            "deal_id",
        )
        .join(first, on="deal_id", how="left")
        .with_columns(value.alias(field))
        .drop("since", "told", "first_at", "first_value")
    )
