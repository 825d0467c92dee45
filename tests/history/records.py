"""A simulated company's records as the raw store holds them after landing, without HTTP between.

The sync over HTTP has tests of its own; here histories are many and small, so the way is short.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import polars as pl

from pipeline import schemas
from pipeline.money import RATE_SCALE
from pipeline.mrr import Book, empty_links

LISTED = (
    "customer",
    "product",
    "price",
    "coupon",
    "discount",
    "subscription",
    "invoice",
    "invoiceitem",
)
MEMORY = timedelta(days=30)


def rate(month: date, currency: str) -> Decimal:
    """A made-up exchange rate that differs from month to month."""
    if currency == "usd":
        return Decimal(1)
    return Decimal("1.05") + Decimal((month.year * 12 + month.month) % 7) / Decimal(100)


def _row(stream: str, record: dict[str, Any], now: datetime) -> dict[str, Any]:
    payload = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    created = record.get("created")
    previous = (record.get("data") or {}).get("previous_attributes") if stream == "event" else None
    return {
        "source": "stripe",
        "source_account": "",
        "stream": stream,
        "id": record["id"],
        "created": None if created is None else datetime.fromtimestamp(created, UTC),
        "observed_at": now,
        "sync_id": f"sync-{now:%Y%m%d%H%M}",
        "api_version": record.get("api_version"),
        "previous_keys": None if previous is None else sorted(previous),
        "payload": payload.decode(),
        "hash": hashlib.blake2b(payload, digest_size=16).hexdigest(),
    }


class Evidence:
    """Raw records and coverage that accumulate sync by sync."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.coverage: list[dict[str, Any]] = []
        self._seen: set[tuple[str, str, str]] = set()

    def sync(self, company: Any) -> None:
        """Everything Stripe would give at the company's instant."""
        now = company.now
        oldest = (now - MEMORY).timestamp()
        events = [e for e in company.objects["event"].values() if e["created"] >= oldest]
        for stream in LISTED:
            self._add(stream, company.objects[stream].values(), now)
        self._add("event", events, now)
        start = (
            max(now - MEMORY, self.coverage[-1]["covered_to"]) if self.coverage else now - MEMORY
        )
        self.coverage.append(
            {"source_account": "", "covered_from": start, "covered_to": now, "sync_id": f"{now}"}
        )

    def _add(self, stream: str, records: Iterable[dict[str, Any]], now: datetime) -> None:
        for record in records:
            row = _row(stream, record, now)
            key = (stream, row["id"], row["hash"])
            if key not in self._seen:
                self._seen.add(key)
                self.rows.append(row)

    def frames(self) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """(RAW_RECORD, COVERAGE)."""
        return (
            pl.LazyFrame(self.rows, schema=schemas.RAW_RECORD.schema),
            pl.LazyFrame(self.coverage, schema=schemas.COVERAGE.schema),
        )


def book(billing: Any, months: Iterable[date], links: pl.LazyFrame | None = None) -> Book:
    """A book with made-up rates for the months."""
    rows = [
        {
            "month": month,
            "currency": currency,
            "rate": int(rate(month, currency) * RATE_SCALE),
            "source": "fixed",
            "frozen": False,
        }
        for month in months
        for currency in ("usd", "eur", "gbp", "jpy", "kwd")
    ]
    return Book(
        item_timeline=billing.item_timeline.lazy(),
        usage_charge=billing.usage_charge.lazy(),
        price=billing.price.lazy(),
        coupon=billing.coupon.lazy(),
        product=billing.product.lazy(),
        account_link=empty_links() if links is None else links,
        fx_rate=pl.LazyFrame(rows, schema=schemas.FX_RATE.schema),
    )
