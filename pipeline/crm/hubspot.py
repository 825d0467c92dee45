"""HubSpot's records as frames: companies, deals, owners, stages, associations.

Belongs here: HubSpot's field names, and nothing about links. Every value of a property arrives as text.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.crm.protocol import Fields, Told, latest, versions
from pipeline.money import MICRO
from pipeline.schemas.told import (
    TOLD_ACCOUNT,
    TOLD_ACCOUNT_CHANGE,
    TOLD_CONTACT,
    TOLD_DEAL,
    TOLD_DEAL_CHANGE,
)

PRIMARY_TYPE_ID = "5"
"""HubSpot's own association type of a deal's primary company."""
HISTORY_FIELDS = {
    "dealstage": "stage",
    "amount": "amount",
    "closedate": "closed",
    "hubspot_owner_id": "owner",
    "dealtype": "type",
}
"""HubSpot's property -> our name, of the fields whose past is kept."""
_COMPANY = (
    "name",
    "domain",
    "hs_additional_domains",
    "createdate",
    "hubspot_owner_id",
    "industry",
    "country",
    "hs_analytics_source",
    "hs_merged_object_ids",
)
_DEAL = (
    *HISTORY_FIELDS,
    "pipeline",
    "deal_currency_code",
    "createdate",
    "hs_is_closed",
    "hs_is_closed_won",
)
_CHANGE = pl.List(pl.Struct({"value": pl.String, "timestamp": pl.String}))


class HubSpot:
    """HubSpot as `pipeline.crm.protocol.CrmSource`."""

    name = "hubspot"

    def told(self, raw: pl.LazyFrame, fields: Fields) -> Told:
        """What HubSpot tells; see the protocol."""
        crm = pl.lit(self.name).alias("crm")
        staff = owners(raw)
        account = companies(raw, fields.stripe_ids, fields.segment).join(
            staff, on="owner_id", how="left"
        )
        return Told(
            account=TOLD_ACCOUNT.conform(account.with_columns(crm)),
            account_change=TOLD_ACCOUNT_CHANGE.empty().lazy(),
            deal=TOLD_DEAL.conform(deals(raw, staff).with_columns(crm)),
            deal_change=TOLD_DEAL_CHANGE.conform(deal_changes(raw, staff).with_columns(crm)),
            contact=TOLD_CONTACT.empty().lazy(),
        )


def companies(
    raw: pl.LazyFrame, id_fields: Sequence[str], segment_field: str | None
) -> pl.LazyFrame:
    """Companies that are neither archived nor merged into another, one row each.

    A company that was merged leaves HubSpot's lists, so its last record is older than the merger and still names the
    customers that its survivor has now.

    The columns of TOLD_ACCOUNT but `crm` and `owner`, which is `owner_id` here.
    """
    extra = [segment_field] if segment_field else []
    fields = list(dict.fromkeys([*_COMPANY, *id_fields, *extra]))
    found = latest(raw, "company").with_columns(_decoded(fields))
    here = found.filter(~pl.col("archived").fill_null(value=False)).unnest("properties")
    merged = (
        here.select(survivor="id", id=_listed(pl.col("hs_merged_object_ids")))
        .explode("id")
        .filter(pl.col("id") != pl.col("survivor"))
    )
    return here.join(merged, on="id", how="anti", maintain_order="left").select(
        pl.col("id").alias("crm_id"),
        "name",
        instant(pl.col("createdate")).alias("created"),
        pl.concat_list(_listed(pl.col("domain")), _listed(pl.col("hs_additional_domains"))).alias(
            "domains"
        ),
        pl.lit([], dtype=pl.List(pl.String)).alias("emails"),
        pl.col("hubspot_owner_id").alias("owner_id"),
        "industry",
        "country",
        pl.col("hs_analytics_source").alias("channel"),
        (pl.col(segment_field) if segment_field else pl.lit(None, dtype=pl.String)).alias(
            "segment"
        ),
        pl.concat_list([_listed(pl.col(field)) for field in id_fields]).alias("stripe_ids")
        if id_fields
        else pl.lit([], dtype=pl.List(pl.String)).alias("stripe_ids"),
        _listed(pl.col("hs_merged_object_ids")).alias("merged_ids"),
    )


def owners(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Owners, departed ones too: `owner_id, owner`; `Name <e-mail>` where two share a name."""
    shape = pl.Struct({"firstName": pl.String, "lastName": pl.String, "email": pl.String})
    full = pl.concat_str(
        "firstName", "lastName", separator=" ", ignore_nulls=True
    ).str.strip_chars()
    name = pl.when(full == "").then("email").otherwise(full)
    shared = pl.len().over("owner") > 1
    return (
        latest(raw, "owner")
        .select("id", payload=pl.col("payload").str.json_decode(shape))
        .unnest("payload")
        .with_columns(owner=name)
        .select(
            owner_id="id",
            owner=pl.when(shared & pl.col("email").is_not_null())
            .then(pl.format("{} <{}>", "owner", "email"))
            .otherwise("owner"),
        )
    )


def stages(raw: pl.LazyFrame) -> pl.LazyFrame:
    """The stages of every pipeline of deals: `pipeline, stage_id, stage, closed, won`."""
    stage = pl.Struct(
        {
            "id": pl.String,
            "label": pl.String,
            "metadata": pl.Struct({"isClosed": pl.String, "probability": pl.String}),
        }
    )
    shape = pl.Struct({"stages": pl.List(stage)})
    metadata = pl.col("metadata").struct
    return (
        latest(raw, "pipeline")
        .select(pipeline="id", payload=pl.col("payload").str.json_decode(shape))
        .unnest("payload")
        .explode("stages")
        .filter(pl.col("stages").is_not_null())
        .unnest("stages")
        .select(
            "pipeline",
            stage_id="id",
            stage="label",
            closed=metadata.field("isClosed") == "true",
            won=metadata.field("probability").cast(pl.Float64, strict=False) == 1.0,
        )
    )


def deals(raw: pl.LazyFrame, staff: pl.LazyFrame) -> pl.LazyFrame:
    """Deals that are not archived: the columns of TOLD_DEAL but `crm`.

    Args:
        raw: RAW_RECORD rows.
        staff: what `owners` gives.
    """
    closed, won = pl.col("hs_is_closed") == "true", pl.col("hs_is_closed_won") == "true"
    by_stage = pl.when(pl.col("stage_closed")).then(pl.col("stage_won"))
    return (
        latest(raw, "deal")
        .with_columns(_decoded(_DEAL))
        .filter(~pl.col("archived").fill_null(value=False))
        .unnest("properties")
        .select("id", *_DEAL)
        .join(deal_companies(raw), on="id", how="left")
        .join(staff, left_on="hubspot_owner_id", right_on="owner_id", how="left")
        .join(
            stages(raw).rename({"closed": "stage_closed", "won": "stage_won"}),
            left_on=["pipeline", "dealstage"],
            right_on=["pipeline", "stage_id"],
            how="left",
        )
        .with_columns(
            crm_id="id",
            account_crm_id="company_id",
            type="dealtype",
            stage=pl.coalesce("stage", "dealstage"),
            amount=_micro(pl.col("amount")),
            currency=pl.col("deal_currency_code").str.to_lowercase(),
            created=instant(pl.col("createdate")),
            closed=instant(pl.col("closedate")),
            won=pl.when(won)
            .then(pl.lit(value=True))
            .when(closed)
            .then(pl.lit(value=False))
            .when(pl.col("hs_is_closed").is_null())
            .then(by_stage),
            probability=pl.lit(None, dtype=pl.Float64),
        )
    )


def deal_companies(raw: pl.LazyFrame) -> pl.LazyFrame:
    """The company that a deal is for: `id, company_id`; the primary one, else the only one, else no row."""
    kind = pl.Struct({"typeId": pl.String, "label": pl.String})
    shape = pl.Struct(
        {"to": pl.List(pl.Struct({"toObjectId": pl.String, "associationTypes": pl.List(kind)}))}
    )
    types = pl.col("associationTypes")
    primary = types.list.eval(
        (pl.element().struct.field("typeId") == PRIMARY_TYPE_ID)
        | (pl.element().struct.field("label") == "Primary")
    ).list.any()
    return (
        latest(raw, "association")
        .select("id", payload=pl.col("payload").str.json_decode(shape))
        .unnest("payload")
        .explode("to")
        .filter(pl.col("to").is_not_null())
        .unnest("to")
        .with_columns(primary=primary.fill_null(value=False))
        .group_by("id")
        .agg(
            first=pl.col("toObjectId").filter(pl.col("primary")).first(),
            only=pl.when(pl.col("toObjectId").n_unique() == 1).then(pl.col("toObjectId").first()),
        )
        .select("id", company_id=pl.coalesce("first", "only"))
        .filter(pl.col("company_id").is_not_null())
    )


def deal_changes(raw: pl.LazyFrame, staff: pl.LazyFrame) -> pl.LazyFrame:
    """What became of each deal's fields: the columns of TOLD_DEAL_CHANGE but `crm`; stages and owners by name.

    HubSpot's own property history where the record has one, else what successive syncs saw.
    """
    told = _told(raw)
    seen = _seen(raw).join(told.select("id", "field").unique(), on=["id", "field"], how="anti")
    stage = stages(raw).select("stage_id", "stage").unique("stage_id", keep="any")
    field = pl.col("field")
    named = (
        pl.when(field == "stage")
        .then(pl.coalesce("stage", "value"))
        .when(field == "owner")
        .then(pl.coalesce("owner", "value"))
        .otherwise("value")
    )
    return (
        pl.concat([told, seen])
        .unique(["id", "at", "field"], keep="last")
        .join(stage, left_on="value", right_on="stage_id", how="left")
        .join(staff, left_on="value", right_on="owner_id", how="left")
        .with_columns(
            crm_id="id",
            value=named,
            closes=pl.lit(None, dtype=pl.Boolean),
            probability=pl.lit(None, dtype=pl.Float64),
        )
    )


def _told(raw: pl.LazyFrame) -> pl.LazyFrame:
    shape = pl.Struct({"propertiesWithHistory": pl.Struct(dict.fromkeys(HISTORY_FIELDS, _CHANGE))})
    return (
        latest(raw, "deal")
        .select("id", payload=pl.col("payload").str.json_decode(shape))
        .unnest("payload")
        .unnest("propertiesWithHistory")
        .unpivot(list(HISTORY_FIELDS), index="id", variable_name="field", value_name="change")
        .explode("change")
        .filter(pl.col("change").is_not_null())
        .unnest("change")
        .select(
            "id",
            at=instant(pl.col("timestamp")),
            field=pl.col("field").replace_strict(HISTORY_FIELDS, return_dtype=pl.String),
            value="value",
        )
    )


def _seen(raw: pl.LazyFrame) -> pl.LazyFrame:
    before = pl.col("value").shift(1).over("id", "field", order_by="observed_at")
    first = pl.col("observed_at") == pl.col("observed_at").min().over("id", "field")
    return (
        versions(raw, "deal")
        .filter(~pl.col("gone"))
        .with_columns(_decoded(tuple(HISTORY_FIELDS)))
        .unnest("properties")
        .unpivot(
            list(HISTORY_FIELDS),
            index=["id", "observed_at"],
            variable_name="field",
        )
        .filter(first | before.ne_missing(pl.col("value")))
        .select(
            "id",
            at="observed_at",
            field=pl.col("field").replace_strict(HISTORY_FIELDS, return_dtype=pl.String),
            value="value",
        )
    )


def instant(written: pl.Expr) -> pl.Expr:
    """An instant as HubSpot writes it (`2026-03-01T09:30:00.000Z`, or only the date), in UTC."""
    day = written.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    whole = written.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    return pl.coalesce(whole, day.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


def _decoded(fields: Sequence[str]) -> list[pl.Expr]:
    """`properties` (a struct of text) and `archived` from the payload."""
    shape = pl.Struct(
        {"properties": pl.Struct(dict.fromkeys(fields, pl.String)), "archived": pl.Boolean}
    )
    payload = pl.col("payload").str.json_decode(shape).struct
    return [payload.field("properties"), payload.field("archived")]


def _listed(text: pl.Expr) -> pl.Expr:
    """The parts of a text separated by `;`, without blanks; an empty list for null."""
    parts = text.fill_null("").str.split(";").list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != ""))


def _micro(amount: pl.Expr) -> pl.Expr:
    """A written amount as micro-units; null where it is no number."""
    return (amount.cast(pl.Decimal(38, 6), strict=False) * MICRO).cast(pl.Int64)
