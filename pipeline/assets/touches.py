"""What touched the months: ids of records, customers or accounts, which stand beside restatements.

Belongs here: the months from a first one on, and the rows of the table `generation` that keep what touched them until
they are published: `by/2026-10/link/cus_1, cus_2`, with the number of the timeline's generation as in `night`.
"""

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl
from sqlalchemy import Connection, Engine, delete

from pipeline.database import generation, reading
from pipeline.lake import ledger
from pipeline.months import Calendar, key_of, month_of, months_between

BY = "by"
FEW = 5
LONGEST = 300
"""Characters: PostgreSQL has a limit for what is a key, and ids of files are as long as somebody made them."""
TOUCHES = pl.Schema({"month": pl.Date(), "id": pl.String()})
"""The first month that a record, customer or account touches, and its id; null where nobody knows one."""


def of(found: pl.DataFrame, at: str, id_: str, calendar: Calendar) -> pl.DataFrame:
    """TOUCHES of rows with an instant in `at` and an id in `id_`."""
    local = pl.col(at).dt.convert_time_zone(calendar.timezone)
    return found.select(month=local.dt.month_start().dt.date(), id=pl.col(id_)).cast(TOUCHES)


def months(found: pl.DataFrame, calendar: Calendar) -> list[date]:
    """From the first month that something touches to the current one; none where nothing touches any."""
    first = found.get_column("month").min()
    if not isinstance(first, date):
        return []
    return months_between(max(first, calendar.first_month or first), calendar.current)


def note(
    connection: Connection, reason: str, months: Iterable[date], found: pl.DataFrame, number: int
) -> None:
    """Keep, inside the caller's transaction, what touched each of `months`: the latest few, and how many more."""
    firsts = (
        found.drop_nulls()
        .group_by("id")
        .agg(pl.col("month").min())
        .sort("month", "id", descending=[True, False])
    )
    for month in months:
        ids = firsts.filter(pl.col("month") <= month).get_column("id")
        if len(ids):
            ledger.move(connection, f"{BY}/{key_of(month)}/{reason}/{_told(ids)}", number)


def noted(
    engine: Engine, reasons: Mapping[date, str], since: Mapping[date, int]
) -> dict[date, str]:
    """What touched each month for its reason after the generation `since`, the latest first."""
    with reading(engine) as connection:
        known = ledger.numbers_of(connection, f"{BY}/")
    found: dict[date, list[str]] = {}
    for name, number in sorted(known.items(), key=lambda each: (-each[1], each[0])):
        _, key, reason, told = name.split("/", 3)
        month = month_of(key)
        if reasons.get(month) == reason and number > since.get(month, 0):
            found.setdefault(month, []).append(told)
    return {month: "; ".join(told) for month, told in found.items()}


def forget(connection: Connection, month: date, number: int) -> None:
    """Forget, inside the caller's transaction, what touched a month up to the generation `number`."""
    mine = generation.c.name.startswith(f"{BY}/{key_of(month)}/", autoescape=True)
    connection.execute(delete(generation).where(mine, generation.c.number <= number))


def _told(ids: pl.Series) -> str:
    more = f" and {len(ids) - FEW} more" if len(ids) > FEW else ""
    return ", ".join(ids.head(FEW))[:LONGEST] + more
