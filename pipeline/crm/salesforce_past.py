"""What was of Salesforce's accounts and opportunities before.

Belongs here: changes, from OpportunityHistory where Salesforce keeps them, else from what the nights saw. A night in
which a field could not be read says nothing of it: the field was not emptied.
"""

from collections.abc import Mapping

import polars as pl

from pipeline.crm.protocol import versions
from pipeline.crm.salesforce_reading import day, decoded, has, instant, share, yes

DEAL_FIELDS: Mapping[str, str] = {
    "StageName": "stage",
    "Amount": "amount",
    "CloseDate": "closed",
    "OwnerId": "owner",
    "Type": "type",
}
"""Salesforce's field -> our name, of the fields whose past is kept."""
HISTORY = ("StageName", "Amount", "CloseDate")
"""Those of them that OpportunityHistory has."""
CHANGE = ("id", "at", "field", "value", "probability")


def kept(raw: pl.LazyFrame, stream: str) -> pl.LazyFrame:
    """The latest version of each object of a stream, listed or not: words and history outlive what they are about."""
    return (
        versions(raw, stream)
        .filter(~pl.col("gone"))
        .unique("id", keep="last", maintain_order=True)
        .select("id", "observed_at", "payload")
    )


def account_changes(
    raw: pl.LazyFrame, dimensions: Mapping[str, str], staff: pl.LazyFrame
) -> pl.LazyFrame:
    """TOLD_ACCOUNT_CHANGE but `crm`, from what the nights saw.

    Args:
        raw: RAW_RECORD rows.
        dimensions: Salesforce's field -> our dimension.
        staff: what `users` gives.
    """
    return (
        seen(raw, "account", dimensions)
        .join(staff, left_on="value", right_on="OwnerId", how="left")
        .select("at", "field", crm_id="id", value=_named())
    )


def deal_changes(
    raw: pl.LazyFrame, deals: pl.LazyFrame, staff: pl.LazyFrame, stage: pl.LazyFrame
) -> pl.LazyFrame:
    """TOLD_DEAL_CHANGE but `crm`; stages and owners by name.

    Args:
        raw: RAW_RECORD rows.
        deals: `crm_id` of the opportunities that are there.
        staff: what `users` gives.
        stage: what `stages` gives.
    """
    told = _told(raw)
    watched = (
        seen(raw, "opportunity", DEAL_FIELDS)
        .with_columns(probability=pl.lit(None, dtype=pl.Float64))
        .select(CHANGE)
        .join(told.select("id", "field").unique(), on=["id", "field"], how="anti")
    )
    of_stage = pl.col("field") == "stage"
    of_day = pl.col("field") == "closed"
    dated = day(pl.col("value")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    sure = pl.when(pl.col("closes")).then(pl.col("wins").cast(pl.Float64))
    return (
        pl.concat([told, watched])
        .join(deals, left_on="id", right_on="crm_id", how="semi")
        .join(staff, left_on="value", right_on="OwnerId", how="left")
        .join(stage, left_on="value", right_on="StageName", how="left")
        .select(
            "at",
            "field",
            crm_id="id",
            value=pl.when(of_stage)
            .then(pl.coalesce("label", "value"))
            .when(of_day)
            .then(dated)
            .otherwise(_named()),
            closes=pl.when(of_stage).then("closes"),
            probability=pl.when(of_stage).then(pl.coalesce(sure, "probability")),
        )
    )


def seen(raw: pl.LazyFrame, stream: str, fields: Mapping[str, str]) -> pl.LazyFrame:
    """What successive nights saw of some fields: `id, at, field, value`, one row per change."""
    names = list(fields)
    there = [has(name).alias(f"has {name}") for name in names]
    rows = (
        versions(raw, stream).filter(~pl.col("gone")).with_columns(decoded(names), *there)
    ).unnest("decoded")
    each = [
        rows.filter(pl.col(f"has {name}")).select(
            "id", at="observed_at", field=pl.lit(ours), value=name
        )
        for name, ours in fields.items()
    ]
    return (
        pl.concat(each)
        .sort("id", "field", "at")
        .filter(_changed("value"))
        .select("id", "at", "field", "value")
    )


def _told(raw: pl.LazyFrame) -> pl.LazyFrame:
    """OpportunityHistory, one row per field and change: `id, at, field, value, probability`.

    Several rows of one instant are one, the last.
    """
    at = instant(pl.col("CreatedDate"))
    rows = (
        kept(raw, "opportunity_history")
        .with_columns(
            decoded([*HISTORY, "OpportunityId", "CreatedDate", "Probability", "IsDeleted"])
        )
        .unnest("decoded")
        .with_columns(at=at, probability=share(pl.col("Probability")))
        .filter(~yes("IsDeleted") & pl.col("at").is_not_null())
        .sort("OpportunityId", "at", "id")
        .unique(["OpportunityId", "at"], keep="last", maintain_order=True)
    )
    odds = pl.when(pl.lit("StageName") == pl.col("name")).then("probability")
    changes = (
        rows.select("at", *HISTORY, "probability", id="OpportunityId")
        .unpivot(list(HISTORY), index=["id", "at", "probability"], variable_name="name")
        .with_columns(
            field=pl.col("name").replace_strict(DEAL_FIELDS, return_dtype=pl.String),
            probability=odds,
        )
        .sort("id", "field", "at")
    )
    return changes.filter(_changed("value") | _changed("probability")).select(CHANGE)


def _named() -> pl.Expr:
    return (
        pl.when(pl.col("field") == "owner").then(pl.coalesce("owner", "value")).otherwise("value")
    )


def _changed(value: str) -> pl.Expr:
    """Of rows in order of id, field and time: those that begin a field, or say something else than the row before."""
    return pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ("id", "field", value)
    )
