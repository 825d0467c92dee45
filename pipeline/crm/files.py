"""A CRM's export as frames: accounts and deals by our own names of the columns.

Belongs here: what a column means. All of it is text; the past is what the nights saw.
"""

import polars as pl

from pipeline.config import ACCOUNT_COLUMNS, DEAL_COLUMNS
from pipeline.crm.protocol import Fields, Told, on_day, versions
from pipeline.money import MICRO
from pipeline.schemas.told import (
    DIMENSIONS,
    TOLD_ACCOUNT,
    TOLD_ACCOUNT_CHANGE,
    TOLD_CONTACT,
    TOLD_DEAL,
    TOLD_DEAL_CHANGE,
)

DEAL_FIELDS = ("amount", "closed", "owner", "type")
"""What a deal's past is kept of, beside its stage."""


class Files:
    """Files as `pipeline.crm.protocol.CrmSource`."""

    name = "file"

    def told(self, raw: pl.LazyFrame, fields: Fields) -> Told:
        """What the files tell; see the protocol."""
        crm = pl.lit(self.name).alias("crm")
        account = _named(_read(raw, "account", ACCOUNT_COLUMNS)).with_columns(
            segment=pl.col("segment") if fields.segment else pl.lit(None, dtype=pl.String)
        )
        deal = _read(raw, "deal", DEAL_COLUMNS)
        return Told(
            account=TOLD_ACCOUNT.conform(_accounts(account).with_columns(crm)),
            account_change=TOLD_ACCOUNT_CHANGE.conform(
                _changes(account, DIMENSIONS).with_columns(crm)
            ),
            deal=TOLD_DEAL.conform(_deals(deal).with_columns(crm)),
            deal_change=TOLD_DEAL_CHANGE.conform(_deal_changes(deal).with_columns(crm)),
            contact=TOLD_CONTACT.empty().lazy(),
        )


def day_or_instant(written: pl.Expr) -> pl.Expr:
    """`2026-03-01T09:30:00Z` as it is, `2026-03-01` as an instant `on_day`."""
    day = written.str.to_date("%Y-%m-%d", strict=False)
    whole = written.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    return pl.coalesce(whole, on_day(day))


def _read(raw: pl.LazyFrame, stream: str, names: tuple[str, ...]) -> pl.LazyFrame:
    """Every version of the rows of one file: `crm_id, observed_at, gone` and the columns, null where empty."""
    shape = pl.Struct(dict.fromkeys(names[1:], pl.String))
    return (
        versions(raw, stream)
        .with_columns(payload=pl.col("payload").str.json_decode(shape))
        .unnest("payload")
        .rename({"id": "crm_id"})
        .unique(["crm_id", "observed_at"], keep="last", maintain_order=True)
    )


def _named(account: pl.LazyFrame) -> pl.LazyFrame:
    """The accounts' owners as they are shown: `Name <e-mail>` where two share the name now."""
    address = pl.col("owner_email").str.to_lowercase()
    shared = (
        _latest(account)
        .filter(~pl.col("gone"))
        .group_by("owner")
        .agg(shared=address.drop_nulls().n_unique() > 1)
        .filter(pl.col("owner").is_not_null())
    )
    both = pl.col("shared") & pl.col("owner_email").is_not_null()
    return account.join(shared, on="owner", how="left", maintain_order="left").with_columns(
        owner=pl.when(both)
        .then(pl.format("{} <{}>", "owner", "owner_email"))
        .otherwise(pl.coalesce("owner", "owner_email"))
    )


def _latest(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.unique("crm_id", keep="last", maintain_order=True)


def _accounts(account: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of TOLD_ACCOUNT but `crm`: accounts that are listed and not merged into a listed one."""
    here = _latest(account).filter(~pl.col("gone"))
    merged = _merged(account, here)
    into = merged.group_by("into").agg(merged_ids=pl.col("crm_id").sort())
    return (
        here.join(merged, on="crm_id", how="anti", maintain_order="left")
        .join(into, left_on="crm_id", right_on="into", how="left", maintain_order="left")
        .with_columns(
            pl.col("merged_ids").fill_null([]),
            domains=pl.concat_list(_listed("domain"), _listed("additional_domains")),
            emails=_listed("emails"),
            stripe_ids=_listed("stripe_customer_ids"),
            created=pl.lit(None, dtype=TOLD_ACCOUNT.schema["created"]),
        )
    )


def _merged(account: pl.LazyFrame, here: pl.LazyFrame) -> pl.LazyFrame:
    """`crm_id, into` of accounts that were merged, over chains of any length, into one that is listed.

    An account that has left the file was merged if the last row that it had said so. Merges in a circle, and into
    accounts that nobody knows, are none.
    """
    told = _latest(account.filter(~pl.col("gone")))
    link = told.select("crm_id", into="merged_into").filter(pl.col("into") != pl.col("crm_id"))
    goals = pl.concat([here.select("crm_id"), link.select("crm_id")])
    step = link.join(goals, left_on="into", right_on="crm_id", how="semi").collect()
    # Each turn doubles the length that is followed, so these are enough for the longest chain.
    for _ in range(step.height.bit_length()):
        beyond = step.select(into="crm_id", beyond="into")
        step = step.join(beyond, on="into", how="left").select(
            "crm_id", into=pl.coalesce("beyond", "into")
        )
    ends = step.join(step, left_on="into", right_on="crm_id", how="anti")
    return ends.lazy().join(here, left_on="into", right_on="crm_id", how="semi")


def _changes(frame: pl.LazyFrame, names: tuple[str, ...]) -> pl.LazyFrame:
    """`crm_id, at, field, value`: the first value of each field that a night saw, and each other one after it."""
    one = ("crm_id", "field")
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in one)
    before = pl.when(same).then(pl.col("value").shift(1))
    return (
        frame.filter(~pl.col("gone"))
        .unpivot(list(names), index=["crm_id", "observed_at"], variable_name="field")
        .rename({"observed_at": "at"})
        .sort(*one, "at")
        .filter(before.ne_missing(pl.col("value")))
        .sort("crm_id", "at", "field")
    )


def _deals(deal: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of TOLD_DEAL but `crm`."""
    closed, won = pl.col("is_closed") == "true", pl.col("is_won") == "true"
    return (
        _latest(deal)
        .filter(~pl.col("gone"))
        .with_columns(
            account_crm_id="account_id",
            amount=(pl.col("amount").cast(pl.Decimal(38, 6), strict=False) * MICRO).cast(pl.Int64),
            created=day_or_instant(pl.col("created")),
            closed=day_or_instant(pl.col("closed")),
            won=pl.when(won)
            .then(pl.lit(value=True))
            .when(closed)
            .then(pl.lit(value=False))
            .otherwise(pl.lit(None, dtype=pl.Boolean)),
            probability=pl.lit(None, dtype=pl.Float64),
        )
    )


def _deal_changes(deal: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of TOLD_DEAL_CHANGE but `crm`."""
    rest = _changes(deal, DEAL_FIELDS).with_columns(closes=pl.lit(None, dtype=pl.Boolean))
    return (
        pl.concat([rest, _stages(deal)], how="diagonal")
        .with_columns(probability=pl.lit(None, dtype=pl.Float64))
        .sort("crm_id", "at", "field")
    )


def _stages(deal: pl.LazyFrame) -> pl.LazyFrame:
    """`crm_id, at, field, value, closes`: each other stage, and the same one where it now closes the deal or no more.

    A stage closes a deal where its row then said so.
    """
    closed = (pl.col("is_closed") == "true") | (pl.col("is_won") == "true")
    same = pl.col("crm_id").eq_missing(pl.col("crm_id").shift(1))
    other = pl.col("closes").ne_missing(pl.col("closes").shift(1))
    before = pl.when(same).then(pl.col("value").shift(1))
    return (
        deal.filter(~pl.col("gone"))
        .select(
            "crm_id", at="observed_at", field=pl.lit("stage"), value=pl.col("stage"), closes=closed
        )
        .sort("crm_id", "at")
        .filter(before.ne_missing(pl.col("value")) | (pl.col("value").is_not_null() & other))
    )


def _listed(name: str) -> pl.Expr:
    """The parts of a text separated by `;`, without blanks; an empty list for null."""
    parts = pl.col(name).fill_null("").str.split(";").list.eval(pl.element().str.strip_chars())
    return parts.list.eval(pl.element().filter(pl.element() != ""))
