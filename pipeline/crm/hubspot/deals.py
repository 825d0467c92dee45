"""Deals of HubSpot, their stages, and which company each is for.

Belongs here: deals as they are now. What became of them is in `changes`.
"""

import polars as pl

from pipeline.crm.hubspot.people import named
from pipeline.crm.hubspot.reading import OWNER, decoded, instant, micro, objects
from pipeline.crm.protocol import latest, versions

PRIMARY_TYPE_ID, PRIMARY = "5", "Primary"
"""HubSpot's own association type of a deal's primary company, and its label."""
DEAL = (
    "dealtype",
    "pipeline",
    "dealstage",
    "amount",
    "closedate",
    OWNER,
    "deal_currency_code",
    "createdate",
    "hs_is_closed",
    "hs_is_closed_won",
)
_METADATA = pl.Struct({"isClosed": pl.String, "probability": pl.String})
_STAGE = pl.Struct({"id": pl.String, "label": pl.String, "metadata": _METADATA})
_KIND = pl.Struct({"typeId": pl.String, "label": pl.String})
_TO = pl.Struct({"toObjectId": pl.String, "associationTypes": pl.List(_KIND)})


def stages(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Every stage that deals were ever in: `pipeline, stage_id, label, closes, probability`, as last known.

    A pipeline or a stage that HubSpot lists no more still names the deals that were in it.
    """
    metadata = pl.col("metadata").struct
    seen = versions(raw, "pipeline").filter(~pl.col("gone"))
    return (
        decoded(seen, pl.Struct({"stages": pl.List(_STAGE)}))
        .explode("stages")
        .filter(pl.col("stages").is_not_null())
        .unnest("stages", separator="_")
        .rename({"id": "pipeline", "stages_id": "stage_id", "stages_label": "label"})
        .with_columns(metadata="stages_metadata")
        .sort("observed_at")
        .unique(["pipeline", "stage_id"], keep="last", maintain_order=True)
        .select(
            "pipeline",
            "stage_id",
            "label",
            closes=metadata.field("isClosed").str.to_lowercase() == "true",
            probability=metadata.field("probability").cast(pl.Float64, strict=False),
        )
    )


def in_stage(frame: pl.LazyFrame, stages: pl.LazyFrame, stage_id: str) -> pl.LazyFrame:
    """`frame` with `label, closes, probability` of the stage in `stage_id`.

    That of the deal's `pipeline`; where that has no such stage, as when the deal came from another pipeline, any one.

    Args:
        frame: rows with the columns `pipeline` and `stage_id`.
        stages: what `stages` gives.
        stage_id: the column's name.
    """
    told = ["label", "closes", "probability"]
    anywhere = (
        stages.sort("pipeline")
        .unique("stage_id", keep="first", maintain_order=True)
        .select("stage_id", *(pl.col(each).alias(f"any_{each}") for each in told))
    )
    return (
        frame.join(
            stages, left_on=["pipeline", stage_id], right_on=["pipeline", "stage_id"], how="left"
        )
        .join(anywhere, left_on=stage_id, right_on="stage_id", how="left")
        .with_columns(pl.coalesce(each, f"any_{each}").alias(each) for each in told)
    )


def deals(raw: pl.LazyFrame, staff: pl.LazyFrame, stages: pl.LazyFrame) -> pl.LazyFrame:
    """Deals that are neither archived nor gone: the columns of TOLD_DEAL but `crm`.

    Args:
        raw: RAW_RECORD rows.
        staff: what `people.owners` gives.
        stages: what `stages` gives.
    """
    closed, won = pl.col("hs_is_closed") == "true", pl.col("hs_is_closed_won") == "true"
    by_stage = pl.when(pl.col("closes")).then(pl.col("probability") == 1.0)
    found = named(objects(raw, "deal", DEAL), staff, OWNER)
    return (
        in_stage(found, stages, "dealstage")
        .join(_companies(raw), on="id", how="left")
        .with_columns(
            crm_id="id",
            account_crm_id="company_id",
            type="dealtype",
            stage=pl.coalesce("label", "dealstage"),
            amount=micro(pl.col("amount")),
            currency=pl.col("deal_currency_code").str.strip_chars().str.to_lowercase(),
            created=instant(pl.col("createdate")),
            closed=instant(pl.col("closedate")),
            won=pl.when(won)
            .then(pl.lit(value=True))
            .when(closed)
            .then(pl.lit(value=False))
            .when(pl.col("hs_is_closed").is_null())
            .then(by_stage),
        )
    )


def _companies(raw: pl.LazyFrame) -> pl.LazyFrame:
    """The company that a deal is for: `id, company_id`; the primary one, else the only one, else no row."""
    primary = (
        pl.col("associationTypes")
        .list.eval(
            (pl.element().struct.field("typeId") == PRIMARY_TYPE_ID)
            | (pl.element().struct.field("label") == PRIMARY)
        )
        .list.any()
    )
    company = pl.col("toObjectId")
    first = company.filter(pl.col("primary"))
    return (
        decoded(latest(raw, "association"), pl.Struct({"to": pl.List(_TO)}))
        .explode("to")
        .filter(pl.col("to").is_not_null())
        .unnest("to")
        .with_columns(primary=primary.fill_null(value=False))
        .group_by("id")
        .agg(
            primary=pl.when(first.n_unique() == 1).then(first.first()),
            only=pl.when(company.n_unique() == 1).then(company.first()),
        )
        .select("id", company_id=pl.coalesce("primary", "only"))
        .filter(pl.col("company_id").is_not_null())
    )
