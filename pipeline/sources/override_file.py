"""The override file: links that the user states, `stripe_customer_id,crm_account_id,reason`.

Belongs here: reading and checking it. Whether its customers and accounts exist is told by `pipeline.crm`.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipeline.errors import ConfigError, SourceError
from pipeline.schemas.override import OVERRIDE
from pipeline.sources.files.table import named

CUSTOMER, ACCOUNT, REASON = "stripe_customer_id", "crm_account_id", "reason"
IGNORE = "ignore"


def read_overrides(path: Path | None) -> pl.DataFrame:
    """OVERRIDE rows of a CSV (or Parquet) file; none without a file.

    Args:
        path: the file; columns beside the three are not looked at, `reason` may be missing.

    Raises:
        ConfigError: the file cannot be read, a column or a value is missing, or a customer is named twice.
    """
    if path is None:
        return OVERRIDE.empty()
    seen: dict[str, str] = {}
    rows = []
    for place, customer, account in _lines(path):
        if not customer or not account:
            empty = ACCOUNT if customer else CUSTOMER
            raise ConfigError(
                f"{path} (crm.override), {place}: {empty} is empty. Write the account's id, as hubspot:123, or "
                f"{IGNORE}; or take the line out."
            )
        if customer in seen:
            raise ConfigError(
                f"{path} (crm.override), {place}: {customer} stands in {seen[customer]} already. Keep one of "
                f"them: a customer belongs to one account."
            )
        seen[customer] = place
        rows.append((customer, None if account.lower() == IGNORE else account))
    return pl.DataFrame(rows, schema=OVERRIDE.schema, orient="row")


def _lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """Where each row stands that is not empty, with its customer and its account, trimmed."""
    try:
        for place, row in named(path, (CUSTOMER, ACCOUNT), "crm.override", (REASON,)):
            yield place, row[CUSTOMER], row[ACCOUNT]
    except SourceError as error:
        raise ConfigError(f"crm.override: {error}") from None
