"""A night costs what changed: events, a short look back, what is open, and what events name."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest

from pipeline.database import engine, upgrade
from pipeline.lake import Lake
from pipeline.lake.landing import SyncResult, sync
from pipeline.sandbox.company import Company
from pipeline.sandbox.stripe_api import StripeApi
from pipeline.schemas import RAW_RECORD
from pipeline.sources import StripeSource
from pipeline.sources.protocol import Extent
from tests.sources.company import END, KEY, QUICK, answering

DAY = timedelta(days=1)
MOST = 25
"""Requests of a night on which nothing changed."""
CURRENT = ("customer", "product", "price", "promotion_code", "invoice", "credit_note")
"""Streams whose last record is what Stripe has, after every night."""


@pytest.fixture
def company() -> Company:
    made = Company(3, customers=60, months=6, end=END)
    made.advance(END - 6 * DAY)
    return made


@pytest.fixture
def stripe(company: Company) -> Iterator[tuple[str, StripeApi]]:
    with answering(company) as found:
        yield found


@pytest.fixture
def lakes(tmp_path: Path) -> Iterator[list[Lake]]:
    with ExitStack() as closing:
        made = []
        for name in ("nightly", "anew"):
            url = f"sqlite:///{tmp_path}/{name}.db"
            upgrade(url)
            base = engine(url)
            closing.callback(base.dispose)
            made.append(Lake(tmp_path / name, base))
        yield made


def run(lake: Lake, base: str, now: datetime, extent: Extent = "changes") -> SyncResult:
    source = StripeSource(KEY, base, requests_per_second=100_000, patience=QUICK)
    return sync(lake, lake.engine, [source], now, "run", extent)


def current(lake: Lake, stream: str) -> dict[str, dict[str, object]]:
    """The last record of each object of a stream."""
    rows = lake.scan(RAW_RECORD, [f"stripe.{stream}"]).sort("observed_at", maintain_order=True)
    last = rows.group_by("id").agg(pl.col("payload").last()).collect()
    return {id_: orjson.loads(payload) for id_, payload in last.iter_rows()}


def test_a_night_on_which_nothing_changed(
    company: Company, stripe: tuple[str, StripeApi], lakes: list[Lake]
) -> None:
    base, api = stripe
    for invoice in company.objects["invoice"].values():
        if invoice["status"] == "paid":
            invoice["status"] = "open"
    run(lakes[0], base, company.now)
    asked = sum(api.requests.values())
    night = run(lakes[0], base, company.now + DAY)
    assert night.stored == 0
    assert sum(api.requests.values()) - asked <= MOST
    assert api.requests["/v1/invoices"] > 2 * 4  # more are open than a night reads


def test_nights_bring_what_a_first_sync_brings(
    company: Company, stripe: tuple[str, StripeApi], lakes: list[Lake]
) -> None:
    base, api = stripe
    run(lakes[0], base, company.now)
    listed = api.requests["/v1/subscriptions"]
    while company.now < END:
        company.advance(company.now + DAY)
        run(lakes[0], base, company.now)
    run(lakes[1], base, END)
    for stream in CURRENT:
        nightly, anew = current(lakes[0], stream), current(lakes[1], stream)
        assert {id_: nightly.get(id_) for id_ in anew} == anew, stream
    assert api.requests["/v1/subscriptions"] > listed


def test_a_listing_is_due_after_a_week(
    company: Company, stripe: tuple[str, StripeApi], lakes: list[Lake]
) -> None:
    base, _ = stripe
    run(lakes[0], base, company.now)
    subscription = next(iter(company.objects["subscription"].values()))
    subscription["cancel_at"] = int(END.timestamp())  # and no event says so
    for days in range(1, 7):
        assert run(lakes[0], base, company.now + days * DAY).stored == 0
    assert run(lakes[0], base, company.now + 7 * DAY).stored == 1
    assert current(lakes[0], "subscription")[subscription["id"]]["cancel_at"] is not None
