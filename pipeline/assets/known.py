"""What is known of accounts for the readiness score, put together from the lake and two files.

Belongs here: which months are read. A month that was never computed before those that are scored is not known.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline import readiness
from pipeline.assets.place import Place
from pipeline.months import key_of
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    ACCOUNT_LINK,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    MRR_MOVEMENT,
    MRR_SNAPSHOT,
    PRICE,
    PRODUCT,
    USAGE_CHARGE,
    Table,
)
from pipeline.sources.usage_file import read_limits, read_usage


def known(place: Place, months: Sequence[date]) -> readiness.Known:
    """What the indicators of `months` are made from.

    Raises:
        ConfigError: the file of usage or limits cannot be read.
    """
    lake, config = place.lake, place.settings.config
    settings = config.readiness
    return readiness.Known(
        snapshot=there(place, MRR_SNAPSHOT, readiness.snapshots_for(months)),
        movement=there(place, MRR_MOVEMENT, readiness.movements_for(months)),
        account=lake.scan(ACCOUNT),
        account_history=lake.scan(ACCOUNT_HISTORY),
        account_link=lake.scan(ACCOUNT_LINK),
        deal=lake.scan(CRM_DEAL),
        deal_history=lake.scan(CRM_DEAL_HISTORY),
        product=lake.scan(PRODUCT),
        price=lake.scan(PRICE),
        usage_charge=lake.scan(USAGE_CHARGE),
        usage=_usage(place),
        limits=read_limits(settings.limits),
        limit_keys=tuple(settings.limit_metadata.items()),
        expansion_types=config.crm.deal_types.expansion,
        seats=settings.seats,
    )


def there(place: Place, table: Table, months: Sequence[date]) -> pl.LazyFrame:
    """The rows of those of `months` that were computed."""
    live = set(place.lake.partitions(table))
    keys = [key_of(month) for month in months if key_of(month) in live]
    return place.lake.scan(table, keys) if keys else table.empty().lazy()


def strangers(place: Place) -> int:
    """How many customers and accounts the file of usage names that nobody knows."""
    who = pl.coalesce("account_id", "customer_id").alias("who")
    told = read_usage(place.settings.config.readiness.usage).select(who).unique()
    accounts = place.lake.scan(ACCOUNT).select(who="account_id")
    customers = place.lake.scan(ACCOUNT_LINK).select(who="customer_id")
    known = pl.concat([accounts, customers])
    return told.join(known, on="who", how="anti").collect().height


def _usage(place: Place) -> pl.LazyFrame:
    """By account; of one account with several customers, a day's values are summed."""
    links = place.lake.scan(ACCOUNT_LINK).select("customer_id", linked="account_id")
    told = read_usage(place.settings.config.readiness.usage).join(
        links, on="customer_id", how="left"
    )
    whose = pl.coalesce("account_id", "linked", "customer_id")
    return (
        told.select("day", "feature", "value", account_id=whose)
        .group_by("account_id", "day", "feature")
        .agg(pl.col("value").sum())
    )
