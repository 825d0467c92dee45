"""Spoiled objects never stop a sync: each is stored, or counted as rejected with its id and why."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.lake import Lake
from pipeline.lake.landing import SyncResult, sync
from pipeline.sandbox.company import FEATURES, RARE, Company
from pipeline.schemas import RAW_RECORD
from pipeline.sources.protocol import Clock, Cursors, Drained, Page, Resume
from pipeline.sources.stripe.allowlist import EVENT_OBJECTS
from pipeline.sources.stripe.records import Records
from tests.sources.fuzz import spoiled

END = datetime(2026, 11, 23, tzinfo=UTC)


class Spoiled:
    """A source that returns these objects."""

    name, account, settings = "stripe", "", None

    def __init__(self, objects: list[tuple[str, str, Any]]) -> None:
        self.objects = objects

    def pull(
        self, cursors: Cursors, clock: Clock, full: bool = False, resume: Resume | None = None
    ) -> Iterator[Page | Drained]:
        del cursors, full, resume
        records, now = Records(keep_names=True), clock()
        for stream in sorted({stream for stream, *_ in self.objects}):
            mine = [each for name, _, each in self.objects if name == stream]
            for start in range(0, len(mine), 100):
                page = mine[start : start + 100]
                if stream == "event":
                    yield records.of_events(now, page)
                else:
                    yield from records.of_list(stream, now, page)
            yield Drained(stream, {})


@pytest.fixture(scope="module")
def company() -> Company:
    made = Company(3, customers=30, months=12, end=END, features=FEATURES | RARE)
    made.advance(END)
    return made


def landed(lake: Lake, objects: list[tuple[str, str, Any]]) -> SyncResult:
    return sync(lake, lake.engine, [Spoiled(objects)], END, "run")


def told_of(stream: str, each: Any) -> bool:
    """Whether something comes of it: nothing does of an event about what is not kept."""
    try:
        name, about = each["id"], each["data"]["object"]["object"]
    except (TypeError, KeyError, IndexError):
        return True
    nameless = not isinstance(name, str) or not name
    return stream != "event" or nameless or not isinstance(about, str) or about in EVENT_OBJECTS


def check(lake: Lake, company: Company, seed: int, count: int) -> None:
    rejected = 0
    for stream, what, each in spoiled(company, seed, count):
        expected = int(told_of(stream, each))
        name = each.get("id") if isinstance(each, dict) else None
        one = Spoiled([(stream, what, each)])
        *_, page, _ = one.pull({}, lambda: END)
        assert isinstance(page, Page)
        assert len(page.records) + len(page.rejected) == expected, (stream, what)
        for rejection in page.rejected:
            assert rejection.reason
            assert rejection.id == (name if isinstance(name, str) else ""), (stream, what)
        rejected += len(page.rejected)
    found = landed(lake, list(spoiled(company, seed, count)))
    assert sum(row.listed for row in found.counts) >= count
    assert sum(row.rejected for row in found.counts) >= rejected > 0
    assert lake.scan(RAW_RECORD).collect().height == found.stored > count / 2


def test_spoiled_objects_are_stored_or_counted(
    lake: Lake, company: Company, soak_seed: int
) -> None:
    check(lake, company, soak_seed, 1_000)


@pytest.mark.soak
def test_ten_thousand_spoiled_objects(lake: Lake, company: Company, soak_seed: int) -> None:
    check(lake, company, soak_seed, 10_000)


DEEP: Any = 1
for _ in range(300):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("stream", "each", "reason"),
    [
        ("customer", {"id": "cus_1", "object": "customer", "metadata": DEEP}, "cus_1: Recursion"),
        ("invoice", {"id": "in_1", "lines": {"data": 3}, "created": 2**62}, None),
        ("product", {"id": "prod_1", "type": [[]], "created": -5}, None),
        ("price", ["no object"], "price : a price without an id"),
        (
            "event",
            {"id": "evt_1", "data": {"object": {"id": "x"}}},
            "evt_1: an event without an id",
        ),
    ],
)
def test_what_becomes_of_one(lake: Lake, stream: str, each: Any, reason: str | None) -> None:
    found = landed(lake, [(stream, "", each)])
    if reason is None:
        assert found.stored == 1
        assert lake.scan(RAW_RECORD).collect()["created"].to_list() == [None]
    else:
        assert found.stored == 0
        assert reason in found.examples[0]
