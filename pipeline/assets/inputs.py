"""The frames that steps read, put together from the lake.

Belongs here: which live tables a domain call gets, and what the configuration adds to them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl

from pipeline import mrr
from pipeline.assets.migrated import first_paid_on
from pipeline.assets.place import Place
from pipeline.lake import Lake
from pipeline.months import key_of
from pipeline.schemas import (
    ACCOUNT_LINK,
    COUPON,
    CUSTOMER,
    FX_RATE,
    ITEM_TIMELINE,
    MRR_MOVEMENT,
    PRICE,
    PRODUCT,
    RAW_RECORD,
    SUBSCRIPTION_PHASE,
    USAGE_CHARGE,
    Table,
)


def raw_of(lake: Lake, source: str) -> pl.LazyFrame:
    """Every raw record of one source."""
    streams = [name for name in lake.partitions(RAW_RECORD) if name.startswith(f"{source}.")]
    return lake.scan(RAW_RECORD, streams)


def book(place: Place) -> mrr.Book:
    """What MRR is computed from: the live timeline, links and rates, and the configuration."""
    lake, config = place.lake, place.settings.config.mrr
    return mrr.Book(
        item_timeline=lake.scan(ITEM_TIMELINE),
        usage_charge=lake.scan(USAGE_CHARGE),
        price=lake.scan(PRICE),
        coupon=lake.scan(COUPON),
        product=lake.scan(PRODUCT),
        subscription_phase=lake.scan(SUBSCRIPTION_PHASE),
        account_link=lake.scan(ACCOUNT_LINK),
        fx_rate=lake.scan(FX_RATE),
        plans=config.plans,
        excluded=excluded(place, lake.scan(CUSTOMER)),
        first_paid_on=first_paid_on(config.first_paid_on),
    )


def excluded(place: Place, customers: pl.LazyFrame) -> tuple[str, ...]:
    """The ids of test and internal customers, by id and by the domain of their e-mail."""
    exclude = place.settings.config.exclude
    domains = [domain.lower().removeprefix("@") for domain in exclude.email_domains]
    domain = pl.col("email").str.to_lowercase().str.split("@").list.last()
    found = customers.filter(
        pl.col("customer_id").is_in(list(exclude.customers)) | domain.is_in(domains)
    )
    return tuple(sorted(found.select("customer_id").collect().to_series()))


def monthly(place: Place, months: Sequence[date], *tables: Table) -> Mapping[Table, pl.LazyFrame]:
    """The live rows of `months` of each table.

    Raises:
        MissingMonth: a month of a table was never computed.
    """
    keys = [key_of(month) for month in months]
    return {table: place.lake.scan(table, keys) for table in tables}


READ_AT_ONCE = 250_000
"""Rows of a lot of `in_lots`."""


def in_lots(
    place: Place, months: Sequence[date], tables: Sequence[Table], rows: int = READ_AT_ONCE
) -> dict[str, list[pl.LazyFrame]]:
    """The live rows of `months` of each table, by its name, in lots in the order of months.

    Args:
        place: where they are.
        months: which.
        tables: monthly tables.
        rows: the most of a lot of several objects; a lot has whole objects.

    Raises:
        MissingMonth: a month of a table was never computed.
    """
    monthly(place, months, *tables)
    live = place.lake.live([key_of(month) for month in months])
    held = sorted(
        (each for each in live if each.rows), key=lambda each: (each.partition, each.share)
    )
    return {
        table.name: [
            place.lake.read(table, paths)
            for paths in mrr.packed(
                {each.path: each.rows for each in held if each.table == table.name}, rows
            )
        ]
        or [table.empty().lazy()]
        for table in tables
    }


LOT = 500_000
"""Movements, of all windows, of a lot, of which two may be in memory at once."""
TOGETHER = 4
"""Lots whose months are taken together: a lot of several months has fewer accounts, which costs less. With eight, so
many files were read at once that memory grew."""


def lots(
    place: Place, months: Sequence[date], *tables: Table, rows: int = LOT
) -> Iterator[Mapping[Table, pl.LazyFrame]]:
    """The live rows of `months` of each table, in lots that fit into memory: of an account and month all or none.

    Args:
        place: where they are.
        months: ascending.
        tables: monthly tables of accounts.
        rows: about as many movements as a lot has.

    Raises:
        MissingMonth: a month of a table was never computed.
    """
    counts = place.lake.counts(MRR_MOVEMENT)
    held = {month: counts.get(key_of(month), 0) for month in months}
    monthly(place, months, *tables)  # a month that is missing is not one without movements
    for part in mrr.packed(held, TOGETHER * rows):
        of_part = {month: held[month] for month in part}
        yield from (
            _of_shares(place, of_part, tables, rows) or _of_accounts(place, of_part, tables, rows)
        )


def _of_shares(
    place: Place, held: Mapping[date, int], tables: Sequence[Table], rows: int
) -> list[Mapping[Table, pl.LazyFrame]]:
    """Lots of neighbouring shares of the accounts, so that no object is read twice.

    None where one lot is enough, or where the objects do not say it: all months must have been written in the same
    number of shares, and in so many that one fits into a lot.
    """
    total = sum(held.values())
    if total <= rows:
        return []
    objects = place.lake.live([key_of(month) for month in held])
    names = {table.name for table in tables}
    numbers = {each.shares for each in objects if each.table in names and each.rows}
    if len(numbers) != 1:
        return []
    (shares,) = numbers
    together = rows * shares // total
    if not together:
        return []
    return [
        {
            table: place.lake.read(
                table,
                [
                    each.path
                    for each in objects
                    if each.table == table.name and each.share // together == number
                ],
            )
            for table in tables
        }
        for number in range(math.ceil(shares / together))
    ]


def _of_accounts(
    place: Place, held: Mapping[date, int], tables: Sequence[Table], rows: int
) -> Iterator[Mapping[Table, pl.LazyFrame]]:
    """Lots of some months each, or of some accounts of one month, for each of which all of it is read."""
    for part in mrr.packed(held, rows):
        found = monthly(place, part, *tables)
        of = math.ceil(sum(held[month] for month in part) / rows)
        if of <= 1:
            yield found
            continue
        for number in range(of):
            own = pl.col("account_id").hash() % of == number
            yield {table: frame.filter(own) for table, frame in found.items()}
