"""Raw records at scale: a simulated company is synced again and again, then multiplied with new ids.

A copy has ids of its own for everything that belongs to a customer and shares the catalogue, so it is as many more
accounts of the same company. Records are what landing keeps: within the allow-list, stored when the content differs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from pipeline.sandbox.company import Company
from pipeline.schemas import COVERAGE, RAW_RECORD
from pipeline.sources.protocol import Record, instant
from pipeline.sources.stripe.allowlist import EVENT_OBJECTS, allowed
from pipeline.sources.stripe.expansions import Found, take_apart

END = datetime(2026, 11, 23, 6, tzinfo=UTC)
WEEK, DAY = timedelta(days=7), timedelta(days=1)
LOOKBACK = timedelta(days=40)
LISTING = timedelta(minutes=5)
"""Events are drained up to the sync's start; lists are read after that."""
CATALOGUE = ("product", "price", "coupon")
LISTED = ("customer", *CATALOGUE, "discount", "subscription", "invoice", "invoiceitem")
WINDOWED = ("invoice", "invoiceitem")
OWN = r'"((?:cus|sub|si|in|il|ii|di|evt)_[0-9A-Za-z]+)'
"""Ids of what belongs to one customer, inside a payload."""


@dataclass
class Store:
    """What landing would have stored."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    coverage: list[tuple[Any, ...]] = field(default_factory=list)
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def sync(self, company: Company, since: datetime) -> None:
        """Everything that is new at the company's instant."""
        now, sync_id = company.now, f"sync_{company.now:%Y%m%d%H%M}"
        seen = now + LISTING
        for stream in LISTED:
            oldest = (now - LOOKBACK).timestamp() if stream in WINDOWED else 0
            for each in company.objects[stream].values():
                created = each.get("created", each.get("date"))
                if (created or 0) >= oldest:
                    kept = allowed(each, EVENT_OBJECTS[stream])
                    take_apart(kept, Found())
                    record = Record.of(kept, api_version="", created=created)
                    self._keep(stream, record, seen, sync_id)
        for each in reversed(company.objects["event"].values()):
            if each["created"] < since.timestamp():
                break
            shape = EVENT_OBJECTS.get(each["data"]["object"]["object"])
            if shape is not None:
                self._keep("event", _event(each, shape), now, sync_id)
        self.coverage.append(("", since, now, sync_id, True))

    def _keep(self, stream: str, record: Record, now: datetime, sync_id: str) -> None:
        if self.known.get((stream, record.id)) == record.hash:
            return
        self.known[stream, record.id] = record.hash
        created = None if record.created is None else instant(record.created)
        previous = None if record.previous_keys is None else list(record.previous_keys)
        self.rows.append(
            ("stripe", "", stream, record.id, created, now, sync_id, record.api_version, previous,
             record.payload.decode(), record.hash)
        )  # fmt: skip


def _event(event: dict[str, Any], shape: Any) -> Record:
    data = event["data"]
    kept = {name: allowed(each, shape) for name, each in data.items()}
    content = {name: event.get(name) for name in ("id", "object", "type", "created", "api_version")}
    return Record.of(
        {**content, "data": kept},
        api_version=event["api_version"],
        created=event["created"],
        previous=kept.get("previous_attributes"),
    )


def simulated(seed: int, accounts: int, months: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(RAW_RECORD, COVERAGE) of a company that grew to so many accounts in so many months.

    It is synced every week, in its last week every day.
    """
    company, store = Company(seed, accounts, months, END), Store()
    since = company.now
    while company.now < END:
        left = END - company.now
        company.advance(company.now + (min(WEEK, left - WEEK) if left > WEEK else DAY))
        store.sync(company, since)
        since = company.now
    return (
        pl.DataFrame(store.rows, schema=RAW_RECORD.schema, orient="row"),
        pl.DataFrame(store.coverage, schema=COVERAGE.schema, orient="row"),
    )


def copies(raw: pl.DataFrame, number: int) -> Iterator[pl.DataFrame]:
    """`raw`, then as often as it takes to have `number` of it: copies with ids of their own."""
    yield raw
    own = raw.filter(pl.col("stream").is_in(CATALOGUE).not_())
    for copy in range(1, number):
        yield renamed(own, f"x{copy}")


def renamed(raw: pl.DataFrame, suffix: str) -> pl.DataFrame:
    """`raw` with `suffix` on every id that belongs to one customer."""
    return raw.with_columns(
        pl.col("id") + suffix,
        pl.col("hash") + suffix,
        pl.col("payload").str.replace_all(OWN, '"${1}' + suffix),
    )
