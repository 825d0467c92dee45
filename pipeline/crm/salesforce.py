"""Salesforce's records as frames: accounts, opportunities, their history, stages, users, contacts.

Belongs here: Salesforce's field names, and nothing about links. The source stores scalar values only; each is read as
text and cast, so that an odd one becomes null and spoils nothing else.
"""

from collections.abc import Mapping

import polars as pl

from pipeline.crm import salesforce_past as past
from pipeline.crm.protocol import Fields, Told, latest, versions
from pipeline.crm.salesforce_reading import day, decoded, instant, micro, share, yes
from pipeline.schemas.told import (
    TOLD_ACCOUNT,
    TOLD_ACCOUNT_CHANGE,
    TOLD_CONTACT,
    TOLD_DEAL,
    TOLD_DEAL_CHANGE,
)

ACCOUNT_FIELDS: Mapping[str, str] = {
    "OwnerId": "owner",
    "Industry": "industry",
    "BillingCountry": "country",
    "AccountSource": "channel",
}
"""Salesforce's field -> our dimension."""
_ACCOUNT = (*ACCOUNT_FIELDS, "Name", "Website", "CreatedDate", "IsDeleted")
_DEAL = (
    *("AccountId", "Type", "StageName", "Amount", "CurrencyIsoCode", "CloseDate", "OwnerId"),
    *("Probability", "IsClosed", "IsWon", "CreatedDate", "IsDeleted"),
)


class Salesforce:
    """Salesforce as `pipeline.crm.protocol.CrmSource`."""

    name = "salesforce"

    def told(self, raw: pl.LazyFrame, fields: Fields) -> Told:
        """What Salesforce tells; see the protocol."""
        crm = pl.lit(self.name).alias("crm")
        staff, stage = users(raw), stages(raw)
        owned = accounts(raw, fields).join(staff, on="OwnerId", how="left")
        deal = deals(raw, stage).join(staff, on="OwnerId", how="left")
        changed = past.account_changes(raw, ACCOUNT_FIELDS, staff)
        if fields.segment:
            # A field may be both, as an industry that is the segment.
            segment = past.account_changes(raw, {fields.segment: "segment"}, staff)
            changed = pl.concat([changed, segment])
        return Told(
            account=TOLD_ACCOUNT.conform(owned.with_columns(crm)),
            account_change=TOLD_ACCOUNT_CHANGE.conform(changed.with_columns(crm)),
            deal=TOLD_DEAL.conform(deal.with_columns(crm)),
            deal_change=TOLD_DEAL_CHANGE.conform(
                past.deal_changes(raw, deal.select("crm_id"), staff, stage).with_columns(crm)
            ),
            contact=TOLD_CONTACT.conform(contacts(raw).with_columns(crm)),
        )


def accounts(raw: pl.LazyFrame, fields: Fields) -> pl.LazyFrame:
    """Accounts neither deleted nor merged into another: TOLD_ACCOUNT but `crm`, `owner`, and with `OwnerId`."""
    extra = [fields.segment] if fields.segment else []
    names = list(dict.fromkeys([*_ACCOUNT, *fields.stripe_ids, *extra]))
    here = (
        latest(raw, "account")
        .with_columns(decoded(names))
        .unnest("decoded")
        .filter(~yes("IsDeleted"))
    )
    none = pl.lit([], dtype=pl.List(pl.String))
    ids = [_listed(pl.col(each)) for each in fields.stripe_ids]
    return here.join(merged(raw), on="id", how="left").select(
        "OwnerId",
        crm_id="id",
        name="Name",
        segment=pl.col(fields.segment) if fields.segment else pl.lit(None, dtype=pl.String),
        industry="Industry",
        country="BillingCountry",
        channel="AccountSource",
        created=instant(pl.col("CreatedDate")),
        domains=pl.concat_list(pl.col("Website")).list.drop_nulls(),
        stripe_ids=pl.concat_list(ids) if ids else none,
        emails=none,
        merged_ids=pl.coalesce("merged_ids", none),
    )


def merged(raw: pl.LazyFrame) -> pl.LazyFrame:
    """What was merged into each account, over chains of any length: `id, merged_ids`.

    The recycle bin forgets a merged account after some days; what any night saw of it is kept. An account that is there
    is merged into nothing.
    """
    there = (
        latest(raw, "account")
        .with_columns(decoded(["IsDeleted"]))
        .unnest("decoded")
        .filter(~yes("IsDeleted"))
        .select("id")
    )
    into = (
        versions(raw, "account")
        .with_columns(decoded(["MasterRecordId"]))
        .unnest("decoded")
        .filter(pl.col("MasterRecordId").is_not_null())
        .unique("id", keep="last", maintain_order=True)
        .join(there, on="id", how="anti")
        .select("id", into="MasterRecordId")
        .collect()
    )
    return (
        _followed(into)
        .lazy()
        .group_by("into")
        .agg(merged_ids=pl.col("id").sort())
        .rename({"into": "id"})
    )


def _followed(into: pl.DataFrame) -> pl.DataFrame:
    """`id, into` with each `into` the end of its chain; each step doubles how far it was followed."""
    for _ in range(max(into.height, 1).bit_length()):
        onward = into.select(into="id", further="into")
        into = into.join(onward, on="into", how="left").select(
            "id", into=pl.coalesce("further", "into")
        )
    return into


def users(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Users, departed ones too: `OwnerId, owner`; where two share a name `Name <e-mail>`, the id where none is read."""
    shared = pl.len().over("Name") > 1
    return (
        past.kept(raw, "user")
        .with_columns(decoded(["Name", "Email"]))
        .unnest("decoded")
        .select(
            OwnerId="id",
            owner=pl.when(shared)
            .then(pl.format("{} <{}>", "Name", pl.coalesce("Email", "id")))
            .otherwise("Name"),
        )
    )


def stages(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Stages, those that went out of use too: `StageName, label, closes, wins`."""
    return (
        past.kept(raw, "opportunity_stage")
        .with_columns(decoded(["ApiName", "MasterLabel", "IsClosed", "IsWon"]))
        .unnest("decoded")
        .filter(pl.col("ApiName").is_not_null())
        .sort("id")
        .unique("ApiName", keep="last", maintain_order=True)
        .select(
            StageName="ApiName",
            label=pl.coalesce("MasterLabel", "ApiName"),
            closes=yes("IsClosed"),
            wins=yes("IsWon"),
        )
    )


def deals(raw: pl.LazyFrame, stage: pl.LazyFrame) -> pl.LazyFrame:
    """Opportunities that are not deleted: TOLD_DEAL but `crm`, `owner`, and with `OwnerId`."""
    won = (
        pl.when(yes("IsWon"))
        .then(pl.lit(value=True))
        .when(yes("IsClosed"))
        .then(pl.lit(value=False))
    )
    return (
        latest(raw, "opportunity")
        .with_columns(decoded(_DEAL))
        .unnest("decoded")
        .filter(~yes("IsDeleted"))
        .join(stage, on="StageName", how="left")
        .select(
            "OwnerId",
            crm_id="id",
            account_crm_id="AccountId",
            type="Type",
            stage=pl.coalesce("label", "StageName"),
            amount=micro(pl.col("Amount")),
            currency=pl.col("CurrencyIsoCode").str.to_lowercase(),
            created=instant(pl.col("CreatedDate")),
            closed=day(pl.col("CloseDate")),
            won=won,
            probability=pl.coalesce(won.cast(pl.Float64), share(pl.col("Probability"))),
        )
    )


def contacts(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Addresses of contacts that belong to an account: TOLD_CONTACT but `crm`."""
    return (
        latest(raw, "contact")
        .with_columns(decoded(["Email", "AccountId"]))
        .unnest("decoded")
        .select(email="Email", account_crm_id="AccountId")
        .drop_nulls()
        .unique()
    )


def _listed(text: pl.Expr) -> pl.Expr:
    """The parts of a text separated by `;`, without blanks; an empty list for null."""
    parts = text.fill_null("").str.split(";").list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != ""))
