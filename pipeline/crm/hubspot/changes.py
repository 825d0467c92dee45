"""What became of companies and deals: each change of a property that figures depend on.

Belongs here: HubSpot's own property histories, of every stored version together, since HubSpot forgets old values; and
what successive nights saw of properties that it keeps no history of.
"""

from collections.abc import Mapping

import polars as pl

from pipeline.crm.hubspot.deals import in_stage
from pipeline.crm.hubspot.people import named
from pipeline.crm.hubspot.reading import OWNER, all_versions, decoded, instant, objects
from pipeline.crm.protocol import versions

OF_COMPANIES = {
    OWNER: "owner",
    "industry": "industry",
    "country": "country",
    "hs_analytics_source": "channel",
}
OF_DEALS = {
    "dealstage": "stage",
    "amount": "amount",
    "closedate": "closed",
    OWNER: "owner",
    "dealtype": "type",
}
"""HubSpot's property -> our name, of what is followed."""
_CHANGES = pl.List(pl.Struct({"value": pl.String, "timestamp": pl.String}))
ONE = ("id", "field", "at")


def of_companies(raw: pl.LazyFrame, segment: str | None, staff: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of TOLD_ACCOUNT_CHANGE but `crm`; owners by name.

    Args:
        raw: RAW_RECORD rows.
        segment: the property that holds the segment; null when there is none.
        staff: what `people.owners` gives.
    """
    # A property may be both, as a country that is the segment.
    found = [_changes(raw, "company", OF_COMPANIES)]
    if segment:
        found.append(_changes(raw, "company", {segment: "segment"}))
    return _owners_named(pl.concat(found), staff).rename({"id": "crm_id"})


def of_deals(raw: pl.LazyFrame, staff: pl.LazyFrame, stages: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of TOLD_DEAL_CHANGE but `crm`; stages and owners by name.

    Args:
        raw: RAW_RECORD rows.
        staff: what `people.owners` gives.
        stages: what `deals.stages` gives.
    """
    is_stage = pl.col("field") == "stage"
    found = _changes(raw, "deal", OF_DEALS).join(
        objects(raw, "deal", ["pipeline"]), on="id", how="left"
    )
    staged = in_stage(
        found.with_columns(stage_id=pl.when(is_stage).then("value")), stages, "stage_id"
    )
    value = pl.when(is_stage).then(pl.coalesce("label", "value")).otherwise("value")
    return _owners_named(staged.with_columns(value=value), staff).rename({"id": "crm_id"})


def _owners_named(frame: pl.LazyFrame, staff: pl.LazyFrame) -> pl.LazyFrame:
    is_owner = pl.col("field") == "owner"
    found = named(frame.with_columns(owner_id=pl.when(is_owner).then("value")), staff, "owner_id")
    return found.with_columns(value=pl.when(is_owner).then("owner").otherwise("value"))


def _changes(raw: pl.LazyFrame, stream: str, fields: Mapping[str, str]) -> pl.LazyFrame:
    """`id, field, at, value`; HubSpot's own history where an object's property has one, else what nights saw."""
    told = _told(raw, stream, fields)
    seen = _seen(raw, stream, fields)
    without = seen.join(told.select("id", "field").unique(), on=["id", "field"], how="anti")
    return pl.concat([told, without]).with_columns(
        pl.col("field").replace_strict(fields, return_dtype=pl.String)
    )


def _told(raw: pl.LazyFrame, stream: str, fields: Mapping[str, str]) -> pl.LazyFrame:
    """HubSpot's own histories; where versions differ about one instant, the latest one counts."""
    histories = pl.Struct(dict.fromkeys(fields, _CHANGES))
    shape = pl.Struct({"propertiesWithHistory": histories})
    return (
        decoded(versions(raw, stream).filter(~pl.col("gone")), shape)
        .unnest("propertiesWithHistory")
        .unpivot(
            list(fields),
            index=["id", "observed_at"],
            variable_name="field",
            value_name="change",
        )
        # Newest first, so that of several at one instant the first is the one that stayed.
        .with_columns(pl.col("change").list.reverse())
        .explode("change")
        .filter(pl.col("change").is_not_null())
        .unnest("change")
        .with_columns(at=instant(pl.col("timestamp")), value=_filled(pl.col("value")))
        .filter(pl.col("at").is_not_null())
        .sort("observed_at", maintain_order=True)
        .unique(ONE, keep="last", maintain_order=True)
        .select(*ONE, "value")
    )


def _seen(raw: pl.LazyFrame, stream: str, fields: Mapping[str, str]) -> pl.LazyFrame:
    """What each night saw that was not so the night before."""
    same = pl.col("id").eq_missing(pl.col("id").shift(1)) & pl.col("field").eq_missing(
        pl.col("field").shift(1)
    )
    return (
        all_versions(raw, stream, list(fields))
        .unpivot(list(fields), index=["id", "observed_at"], variable_name="field")
        .with_columns(value=_filled(pl.col("value")))
        .sort("id", "field", "observed_at", maintain_order=True)
        .filter(~same | pl.col("value").ne_missing(pl.col("value").shift(1)))
        .select("id", "field", "value", at="observed_at")
        .unique(ONE, keep="last", maintain_order=True)
        .select(*ONE, "value")
    )


def _filled(value: pl.Expr) -> pl.Expr:
    """A value as it is now shown: an emptied one is null, not an empty text."""
    return pl.when(value != "").then(value)
