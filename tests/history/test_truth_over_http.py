"""Published MRR, movements and components equal the simulated truth: through HTTP, lake and warehouse."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline import crm, mrr
from pipeline.config import Config
from pipeline.database import engine as open_engine
from pipeline.database import upgrade
from pipeline.lake import Lake
from pipeline.lake.landing import sync
from pipeline.months import Calendar
from pipeline.publish.warehouse import publish_months, published
from pipeline.sandbox.company import FEATURES, Company
from pipeline.sandbox.company.versions import ACACIA, BASIL, CLOVER, VERSIONS
from pipeline.sandbox.server import HUBSPOT_KEY, STRIPE_KEY, SandboxServer
from pipeline.sandbox.truth import Truth
from pipeline.schemas import COVERAGE, RAW_RECORD
from pipeline.sources.hubspot import HubSpotSource
from pipeline.sources.hubspot.streams import Wanted
from pipeline.sources.protocol import Source
from pipeline.sources.stripe import StripeSource
from tests import in_memory
from tests.history.against_truth import Comparison, compare_accounts, compare_items
from tests.history.records import book, rate

END = datetime(2026, 11, 23, 6, tzinfo=UTC)
STEP = timedelta(days=28)
FAST = 1_000_000
WIDE = "many_items"
"""Subscriptions with more than ten items: their events leave items out, so they cannot be exact."""


@dataclass
class Told:
    """What the product says of a company, and the truth."""

    truth: Truth
    months: list[date]
    snapshot: pl.DataFrame
    movement: pl.DataFrame
    component: pl.DataFrame
    in_lake: mrr.Movements


@contextmanager
def served(company: Company, tmp_path: Path) -> Iterator[tuple[SandboxServer, Lake]]:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    upgrade(url)
    with SandboxServer(company) as server:
        yield server, Lake(tmp_path / "lake", open_engine(url))


def pull(server: SandboxServer, lake: Lake, now: datetime) -> None:
    """One sync of Stripe; of HubSpot, which is asked at its own pace, only the last."""
    sources: list[Source] = [StripeSource(STRIPE_KEY, server.stripe_url, requests_per_second=FAST)]
    if now == END:
        hubspot = HubSpotSource(
            HUBSPOT_KEY, server.hubspot_url, wanted=Wanted.of(Config(), alone=True)
        )
        sources.append(hubspot)
    sync(lake, lake.engine, sources, now, f"run-{now:%Y%m%d}")


def published_months(company: Company, lake: Lake) -> Told:
    """Fold, value and publish every month, then read it back from the warehouse."""
    streams = lake.partitions(RAW_RECORD)
    stripe = [name for name in streams if name.startswith("stripe.")]
    hubspot = [name for name in streams if name.startswith("hubspot.")]
    folded = in_memory.fold(lake.scan(RAW_RECORD, stripe), lake.scan(COVERAGE))
    told = crm.CRMS["hubspot"].told(lake.scan(RAW_RECORD, hubspot), crm.fields_of(Config()))
    links = crm.accounts(
        [("hubspot", told)], folded.customer.lazy(), crm.LinkRules.of(Config())
    ).account_link
    truth = Truth(company, rate, dict(links.select("customer_id", "account_id").iter_rows()))
    months = truth.months()
    held = book(folded, months, links.lazy())
    calendar = Calendar(now=company.now, first_month=months[0])
    policy = mrr.Policy()
    moved = mrr.movements(held, calendar, months, policy)
    frames = {
        "mrr_snapshot": mrr.snapshot(held, calendar, months, policy).collect(),
        "mrr_movement": moved.movement,
        "mrr_movement_component": moved.component,
    }
    publish_months(lake.engine, frames, months, item_months=1000)
    read = {name: published(lake.engine, name) for name in frames}
    return Told(
        truth,
        [month for month in months if calendar.is_closed(month)],
        read["mrr_snapshot"],
        read["mrr_movement"],
        read["mrr_movement_component"],
        moved,
    )


def compared(told: Told, months: list[date]) -> Iterator[Comparison]:
    """The published window of one month, and the longer ones as the lake has them."""
    yield compare_accounts(told.truth, told.movement, told.component, months, 1)
    for window in (3, 12):
        here = pl.col("window_months") == window
        movement, component = (
            frame.filter(here) for frame in (told.in_lake.movement, told.in_lake.component)
        )
        yield compare_accounts(told.truth, movement, component, months, window)


@pytest.mark.parametrize("seed", range(20))
def test_synced_every_28_days_every_account_month_is_exact(seed: int, tmp_path: Path) -> None:
    company = Company(seed=seed, customers=12, months=10, end=END, features=FEATURES - {WIDE})
    with served(company, tmp_path) as (server, lake):
        now = company.now
        while now < END:
            now = min(now + STEP, END)
            company.advance(now)
            pull(server, lake, now)
        told = published_months(company, lake)
    assert compare_items(told.truth, told.snapshot, told.months) == []
    for found in compared(told, told.months):
        assert found.examples == {}
        assert set(found.graded) == {"exact"}
        assert found.graded.total() > 30


UPGRADES = [
    (datetime(2026, 4, 12, tzinfo=UTC), ACACIA),
    (datetime(2026, 6, 20, tzinfo=UTC), BASIL),
    (datetime(2026, 9, 5, tzinfo=UTC), CLOVER),
]


@pytest.mark.parametrize("seed", range(200, 206))
def test_events_keep_the_version_of_their_creation(seed: int, tmp_path: Path) -> None:
    features = FEATURES - {WIDE}
    company = Company(seed, customers=15, months=11, end=END, features=features, upgrades=UPGRADES)
    with served(company, tmp_path) as (server, lake):
        now = company.now
        while now < END:
            now = min(now + STEP, END)
            company.advance(now)
            pull(server, lake, now)
        told = published_months(company, lake)
    shapes = {event["api_version"] for event in company.objects["event"].values()}
    assert shapes == set(VERSIONS)
    assert compare_items(told.truth, told.snapshot, told.months) == []
    for found in compared(told, told.months):
        assert found.examples == {}
        assert found.graded["exact"] / found.graded.total() > 0.9


BILLS = {"taxes", "tax_changes", "one_offs", "balances", "item_coupons", "currencies"}


@pytest.mark.parametrize("seed", range(300, 304))
def test_taxes_fees_and_currencies(seed: int, tmp_path: Path) -> None:
    """What no line tells of computed tax yet is inferred; everything else is exact."""
    company = Company(seed, customers=15, months=10, end=END, features=FEATURES - {WIDE} | BILLS)
    with served(company, tmp_path) as (server, lake):
        now = company.now
        while now < END:
            now = min(now + STEP, END)
            company.advance(now)
            pull(server, lake, now)
        told = published_months(company, lake)
    for found in compared(told, told.months):
        assert not found.wrong["exact"] + found.wrong["missing"], found.examples
        assert set(found.graded) <= {"exact", "inferred"}
        assert found.graded["exact"] > 0.9 * found.graded.total()


@pytest.mark.parametrize("seed", range(100, 104))
def test_more_than_ten_items_are_bounded_never_silently_wrong(seed: int, tmp_path: Path) -> None:
    company = Company(seed=seed, customers=25, months=14, end=END)
    with served(company, tmp_path) as (server, lake):
        now = company.now
        while now < END:
            now = min(now + STEP, END)
            company.advance(now)
            pull(server, lake, now)
        told = published_months(company, lake)
    for found in compared(told, told.months):
        assert found.wrong["exact"] == found.wrong["missing"] == 0, found.examples


@pytest.mark.parametrize("seed", range(20))
def test_after_one_first_sync_what_is_graded_exact_is_exact(
    seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    company = Company(seed=seed, customers=12, months=10, end=END)
    with served(company, tmp_path) as (server, lake):
        company.advance(END)
        pull(server, lake, END)
        told = published_months(company, lake)
    graded: Counter[str] = Counter()
    for found in compared(told, told.truth.months()):
        assert found.wrong["exact"] == 0, found.examples["exact"]
        graded += found.graded
    assert graded["exact"] > 0
    record_property("grades", dict(graded))
