"""`[crm.files]`: a CRM's export as files, and what its columns are called.

Belongs here: our names of the columns, which are part of the contract. Does not belong here: reading a file
(`pipeline.sources.files`), or what a column means (`pipeline.crm.files`).
"""

import difflib
from typing import Self

from pydantic import Field, field_validator, model_validator

from pipeline.config.section import FilePath, Section

ACCOUNT_COLUMNS = (
    "account_id",
    "name",
    "domain",
    "additional_domains",
    "emails",
    "owner",
    "owner_email",
    "industry",
    "country",
    "channel",
    "segment",
    "parent_account_id",
    "merged_into",
    "stripe_customer_ids",
)
"""Our names of what a file of accounts may tell; the first one is its key."""
DEAL_COLUMNS = (
    "deal_id",
    "account_id",
    "type",
    "stage",
    "owner",
    "amount",
    "currency",
    "created",
    "closed",
    "is_closed",
    "is_won",
)
"""Our names of what a file of deals may tell; the first one is its key."""


class CrmFiles(Section):
    """A CRM's export as CSV or Parquet; the column maps read our name = their column."""

    accounts: FilePath | None = None
    deals: FilePath | None = None
    account_columns: dict[str, str] = Field(default_factory=dict)
    deal_columns: dict[str, str] = Field(default_factory=dict)

    @field_validator("account_columns")
    @classmethod
    def _of_accounts(cls, columns: dict[str, str]) -> dict[str, str]:
        return _known(columns, ACCOUNT_COLUMNS)

    @field_validator("deal_columns")
    @classmethod
    def _of_deals(cls, columns: dict[str, str]) -> dict[str, str]:
        return _known(columns, DEAL_COLUMNS)

    @model_validator(mode="after")
    def _of_a_file(self) -> Self:
        if self.account_columns and self.accounts is None:
            raise ValueError('account_columns needs a file, for example accounts = "accounts.csv"')
        if self.deal_columns and self.deals is None:
            raise ValueError('deal_columns needs a file, for example deals = "deals.csv"')
        return self


def _known(columns: dict[str, str], ours: tuple[str, ...]) -> dict[str, str]:
    for name in columns:
        if name not in ours:
            near = difflib.get_close_matches(name, ours, n=1)
            instead = f"write {near[0]}" if near else f"ours are {', '.join(ours)}"
            raise ValueError(f'"{name}" is no column of ours (our name = their column); {instead}')
    return columns
