"""What CRMs tell, as short as a test needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from pipeline.crm import Told
from pipeline.schemas.told import TOLD_ACCOUNT, TOLD_CONTACT

LISTS = ("domains", "stripe_ids", "emails", "merged_ids")


def account(crm_id: str, **columns: Any) -> dict[str, Any]:
    """One account: lists are empty and the rest null unless said."""
    return (
        dict.fromkeys(TOLD_ACCOUNT.names)
        | {name: [] for name in LISTS}
        | {"crm_id": crm_id}
        | columns
    )


def crm(
    name: str, accounts: Sequence[Mapping[str, Any]], contacts: Sequence[tuple[str, str]] = ()
) -> tuple[str, Told]:
    """A CRM's name and what it tells; contacts as (e-mail, account)."""
    rows = [{**each, "crm": name} for each in accounts]
    people = [{"crm": name, "email": email, "account_crm_id": to} for email, to in contacts]
    told = replace(
        Told.nothing(),
        account=pl.DataFrame(rows, schema=TOLD_ACCOUNT.schema).lazy(),
        contact=pl.DataFrame(people, schema=TOLD_CONTACT.schema).lazy(),
    )
    return name, told
