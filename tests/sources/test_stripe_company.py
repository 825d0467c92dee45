"""The simulated company over HTTP: everything it has arrives, whole and once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest

from pipeline.database import engine, reading, table_of, upgrade
from pipeline.errors import LockHeld, SourceError
from pipeline.lake import Lake
from pipeline.lake.landing import SyncResult, sync
from pipeline.lake.lock import held
from pipeline.lake.progress import Progress
from pipeline.sandbox.company.company import Company
from pipeline.schemas import COVERAGE, RAW_RECORD, SOURCE_SYNC
from pipeline.sources import StripeSource
from pipeline.sources.protocol import Extent
from tests.sources.company import BLIND, END, KEY, QUICK, served


@pytest.fixture
def company() -> Company:
    made = Company(3, customers=25, months=6, end=END)
    made.advance(END - timedelta(days=20))
    return made


@pytest.fixture
def base(company: Company) -> Iterator[str]:
    with served(company) as address:
        yield address


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    url = f"sqlite:///{tmp_path}/warehouse.db"
    upgrade(url)
    made = engine(url)
    yield Lake(tmp_path / "lake", made)
    made.dispose()


def run(lake: Lake, base: str, now: datetime, key: str = KEY, *, full: bool = False) -> SyncResult:
    source = StripeSource(key, base, requests_per_second=100_000, patience=QUICK)
    extent: Extent = "everything" if full else "changes"
    return sync(lake, lake.engine, [source], now, "run", extent)


def ids(lake: Lake, stream: str) -> set[str]:
    return set(lake.scan(RAW_RECORD, [f"stripe.{stream}"]).collect()["id"])


COLLECTIONS = (
    "customer",
    "product",
    "price",
    "coupon",
    "promotion_code",
    "subscription",
    "invoice",
    "invoiceitem",
)


def test_everything_arrives_and_nights_add_what_changed(
    company: Company, base: str, lake: Lake
) -> None:
    first = run(lake, base, company.now)
    assert not sum(count.rejected for count in first.counts)
    for stream in COLLECTIONS:
        assert ids(lake, stream) == {
            key for key, obj in company.objects[stream].items() if not obj.get("deleted")
        }, stream
    frame = lake.scan(RAW_RECORD).collect()
    assert frame.unique(["stream", "id", "hash"]).height == frame.height
    assert frame["observed_at"].unique().to_list() == [company.now]

    again = run(lake, base, company.now)
    assert again.stored == 0

    company.advance(END)
    night = run(lake, base, END)
    assert 0 < night.stored < first.stored
    for stream in COLLECTIONS:
        present = {key for key, obj in company.objects[stream].items() if not obj.get("deleted")}
        assert present <= ids(lake, stream), stream
    oldest = int((company.now - timedelta(days=30)).timestamp())
    recent = {key for key, event in company.objects["event"].items() if event["created"] >= oldest}
    assert recent <= ids(lake, "event")


def test_what_is_kept_of_a_subscription_is_its_latest_state(
    company: Company, base: str, lake: Lake
) -> None:
    run(lake, base, company.now)
    company.advance(END)
    run(lake, base, END)
    last = (
        lake.scan(RAW_RECORD, ["stripe.subscription"])
        .sort("observed_at")
        .group_by("id")
        .agg(pl.col("payload").last())
        .collect()
    )
    assert last.height == len(company.objects["subscription"])
    for key, payload in last.iter_rows():
        kept, true = orjson.loads(payload), company.objects["subscription"][key]
        assert (kept["status"], kept["cancel_at"], kept["ended_at"]) == (
            true["status"],
            true["cancel_at"],
            true["ended_at"],
        )
        assert kept["items"]["has_more"] is False
        assert [(i["id"], i["quantity"], i["price"]["id"]) for i in kept["items"]["data"]] == [
            (i["id"], i["quantity"], i["price"]["id"]) for i in true["items"]["data"]
        ]


def test_embedded_lists_are_completed(company: Company, base: str, lake: Lake) -> None:
    invoice = max(company.objects["invoice"].values(), key=lambda each: len(each["lines"]["data"]))
    template = invoice["lines"]["data"][0]
    invoice["lines"]["data"] = [{**template, "id": f"il_{number:03d}"} for number in range(130)]
    run(lake, base, company.now)
    rows = lake.scan(RAW_RECORD, ["stripe.invoice"]).filter(pl.col("id") == invoice["id"]).collect()
    lines = orjson.loads(rows["payload"][0])["lines"]
    assert lines["has_more"] is False
    assert [line["id"] for line in lines["data"]] == [f"il_{number:03d}" for number in range(130)]


def test_coverage_is_contiguous_until_a_gap(company: Company, base: str, lake: Lake) -> None:
    start = company.now
    run(lake, base, start)
    company.advance(END)
    run(lake, base, END)
    company.advance(END + timedelta(days=40))
    run(lake, base, company.now)
    spans = lake.scan(COVERAGE).sort("covered_to").collect()
    hour = timedelta(hours=1)
    assert spans.select("covered_from", "covered_to").rows() == [
        (start - timedelta(days=30) + hour, start),
        (start, END),
        (company.now - timedelta(days=30) + hour, company.now),
    ]


def test_a_sync_that_fails_shows_nothing(company: Company, base: str, lake: Lake) -> None:
    with pytest.raises(SourceError, match="rak_invoice_read"):
        run(lake, base, company.now, BLIND)
    assert lake.partitions(RAW_RECORD) == []
    assert lake.partitions(COVERAGE) == []
    with reading(lake.engine) as connection:
        assert connection.execute(table_of(SOURCE_SYNC).select()).all() == []
    assert run(lake, base, company.now).stored > 0


def test_counts_and_progress_are_told(company: Company, base: str, lake: Lake) -> None:
    told: list[Progress] = []
    source = StripeSource(KEY, base, requests_per_second=100_000, patience=QUICK)
    result = sync(lake, lake.engine, [source], company.now, "run", progress=told.append)
    done = {each.stream: each for each in told if each.done}
    counts = {count.stream: count for count in result.counts}
    assert (
        set(done)
        == set(counts)
        == {*COLLECTIONS, "discount", "event", "subscription_schedule", "credit_note"}
    )
    assert counts["customer"].listed == done["customer"].listed == len(company.objects["customer"])
    with reading(lake.engine) as connection:
        rows = connection.execute(table_of(SOURCE_SYNC).select()).mappings().all()
    assert {row["stream"]: row["stored"] for row in rows} == {
        s: c.stored for s, c in counts.items()
    }
    assert {row["sync_id"] for row in rows} == set(result.sync_ids)


def test_a_second_sync_waits_and_then_names_the_owner(
    company: Company, base: str, lake: Lake
) -> None:
    source = StripeSource(KEY, base)
    with held(lake.engine, "sync", "other-run"), pytest.raises(LockHeld, match="other-run"):
        sync(lake, lake.engine, [source], company.now, "run", wait_seconds=0)
    assert run(lake, base, company.now).stored > 0
