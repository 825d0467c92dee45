"""Whom companies and deals belong to, and who writes for them: owners and contacts.

Belongs here: names of owners, e-mail addresses of contacts.
"""

import polars as pl

from pipeline.crm.hubspot.reading import decoded, listed, objects
from pipeline.crm.protocol import versions

CONTACT = ("email", "hs_additional_emails", "associatedcompanyid")
NAMES = pl.Struct({"firstName": pl.String, "lastName": pl.String, "email": pl.String})


def owners(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Owners, departed ones too: `owner_id, owner`.

    The name, and `Name <e-mail>` where two share it; the e-mail where there is no name, the id where there is neither.
    Who is not listed any more keeps the name that was known last.
    """
    full = pl.concat_str(
        pl.col("firstName", "lastName").str.strip_chars(), separator=" ", ignore_nulls=True
    ).str.strip_chars()
    known = versions(raw, "owner").filter(~pl.col("gone"))
    latest = known.unique("id", keep="last", maintain_order=True)
    address = pl.coalesce("email", "owner_id")
    shared = pl.len().over("owner") > 1
    return (
        decoded(latest.select("payload", owner_id="id"), NAMES)
        .with_columns(owner=pl.when(full == "").then(address).otherwise(full))
        .select(
            "owner_id",
            owner=pl.when(shared).then(pl.format("{} <{}>", "owner", address)).otherwise("owner"),
        )
    )


def named(frame: pl.LazyFrame, staff: pl.LazyFrame, owner_id: str) -> pl.LazyFrame:
    """`frame` with `owner`: the name of who has the id in `owner_id`; the id where nobody has it.

    Args:
        frame: rows with the column `owner_id`.
        staff: what `owners` gives.
        owner_id: the column's name.
    """
    joined = frame.join(staff, left_on=owner_id, right_on="owner_id", how="left")
    return joined.with_columns(owner=pl.coalesce("owner", owner_id))


def contacts(raw: pl.LazyFrame) -> pl.LazyFrame:
    """The columns of TOLD_CONTACT but `crm`: every address of a contact that has a primary company."""
    emails = pl.concat_list(listed(pl.col("email")), listed(pl.col("hs_additional_emails")))
    return (
        objects(raw, "contact", CONTACT)
        .filter(pl.col("associatedcompanyid").is_not_null())
        .select(email=emails, account_crm_id="associatedcompanyid")
        .explode("email")
        .filter(pl.col("email").is_not_null())
        .unique()
    )
