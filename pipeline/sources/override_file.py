"""The override file: links that the user states, `stripe_customer_id,crm_account_id,reason`.

Belongs here: reading and checking it. Whether its customers and accounts exist is told by `pipeline.crm`.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipeline.errors import ConfigError
from pipeline.schemas.override import OVERRIDE

CUSTOMER, ACCOUNT, REASON = "stripe_customer_id", "crm_account_id", "reason"
IGNORE = "ignore"


def read_overrides(path: Path | None) -> pl.DataFrame:
    """OVERRIDE rows of a CSV file; none without a file.

    Args:
        path: the file; columns beside the three are not looked at, `reason` may be missing.

    Raises:
        ConfigError: the file cannot be read, a column or a value is missing, or a customer is named twice.
    """
    if path is None:
        return OVERRIDE.empty()
    seen: dict[str, int] = {}
    rows = []
    for line, customer, account in _lines(path):
        if not customer or not account:
            empty = ACCOUNT if customer else CUSTOMER
            raise ConfigError(
                f"{path} (crm.override), line {line}: {empty} is empty. Write the account's id, as hubspot:123, or "
                f"{IGNORE}; or take the line out."
            )
        if customer in seen:
            raise ConfigError(
                f"{path} (crm.override), line {line}: {customer} stands in line {seen[customer]} already. Keep one of "
                f"them: a customer belongs to one account."
            )
        seen[customer] = line
        rows.append((customer, None if account.lower() == IGNORE else account))
    return pl.DataFrame(rows, schema=OVERRIDE.schema, orient="row")


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """The number of each line that is not empty, with its customer and its account, trimmed."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            # Strict: else a quote that is not closed takes in the lines after it.
            reader = csv.DictReader(text, skipinitialspace=True, strict=True)
            missing = [
                name for name in (CUSTOMER, ACCOUNT) if name not in (reader.fieldnames or ())
            ]
            if missing:
                raise ConfigError(
                    f"{path} (crm.override), line 1: there is no column {' and no '.join(missing)}. Write the columns "
                    f"{CUSTOMER},{ACCOUNT},{REASON}, separated by commas."
                )
            for row in reader:
                customer, account = ((row[name] or "").strip() for name in (CUSTOMER, ACCOUNT))
                yield reader.line_num, customer, account
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{path} (crm.override) cannot be read: {error}. Write it as CSV in UTF-8 with the columns "
            f"{CUSTOMER},{ACCOUNT},{REASON}."
        ) from None
