"""Customers that paid before Stripe knew them: the file `mrr.first_paid_on`.

Belongs here: reading it. Figures rest on what it says, and a night asks whether it says something else than before.
"""

import csv
from datetime import date
from pathlib import Path

from pipeline.errors import ConfigError


def first_paid_on(path: Path | None) -> dict[str, str]:
    """The day, as 2024-01-31, on which each customer first paid; empty without a file.

    Raises:
        ConfigError: the file cannot be read, lacks a column, or has something else than a date.
    """
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = [(row["customer_id"], row["date"]) for row in csv.DictReader(lines)]
        return {customer: date.fromisoformat(day).isoformat() for customer, day in rows}
    except (OSError, csv.Error, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} (mrr.first_paid_on) cannot be used: {error}. Write the columns customer_id,date "
            f"with dates as 2024-01-31."
        ) from None
