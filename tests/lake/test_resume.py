"""A sync that is interrupted anywhere goes on where it was: what is shown in the end is what a whole one shows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline.database import engine, reading, sync_progress, upgrade
from pipeline.lake import Lake, one_source
from pipeline.lake.landing import SyncResult, sync
from pipeline.lake.progress import Progress
from pipeline.sandbox.company import Company
from pipeline.schemas import COVERAGE, RAW_RECORD
from pipeline.sources import StripeSource
from pipeline.sources.stripe.client import StripeClient
from pipeline.sources.stripe.refusals import CursorGone
from tests.sources.company import END, KEY, served

SHOWN = ["stream", "id", "hash"]


class Interrupted(Exception):
    """The end of the process, nearly."""


@pytest.fixture(scope="module")
def company() -> Company:
    made = Company(3, customers=25, months=6, end=END)
    made.advance(END)
    return made


@pytest.fixture(scope="module")
def base(company: Company) -> Iterator[str]:
    with served(company) as address:
        yield address


@pytest.fixture(scope="module")
def whole(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """What a sync shows that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    url = f"sqlite:///{folder}/warehouse.db"
    upgrade(url)
    made = Lake(folder / "lake", engine(url))
    run(made, base)
    yield made
    made.engine.dispose()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_source, "CHUNK", 100_000)


def run(
    lake: Lake,
    base: str,
    stop_after: int | None = None,
    *,
    keep_names: bool = True,
    now: datetime = END,
) -> SyncResult:
    """A sync, interrupted after so many pages."""
    source = StripeSource(KEY, base, requests_per_second=100_000, keep_names=keep_names)
    seen = 0

    def watch(_: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == stop_after:
            raise Interrupted

    return sync(lake, lake.engine, [source], now, "run", progress=watch)


def shown(lake: Lake) -> pl.DataFrame:
    return lake.scan(RAW_RECORD).select(SHOWN).sort(SHOWN).collect()


@pytest.mark.parametrize("stops", [(1,), (9,), (24,), (16, 5), (8, 8, 8)])
def test_what_was_interrupted_is_gone_on_with(
    lake: Lake, base: str, whole: Lake, stops: tuple[int, ...]
) -> None:
    for stop in stops:
        with pytest.raises(Interrupted):
            run(lake, base, stop)
        assert lake.partitions(RAW_RECORD) == []
    found = run(lake, base)
    assert shown(lake).equals(shown(whole))
    assert shown(lake).is_unique().all()
    assert found.stored == shown(whole).height
    spans = [each.scan(COVERAGE).drop("sync_id").collect() for each in (lake, whole)]
    assert spans[0].equals(spans[1])
    with reading(lake.engine) as connection:
        assert connection.execute(sync_progress.select()).all() == []


def test_nothing_is_asked_for_twice(lake: Lake, base: str, whole: Lake) -> None:
    """Of what was written before it was interrupted, nothing is listed again."""
    with pytest.raises(Interrupted):
        run(lake, base, 24)
    with reading(lake.engine) as connection:
        (noted,) = connection.execute(sync_progress.select()).all()
    found = run(lake, base)
    listed = {count.stream: count.listed for count in found.counts}
    expected = lake.scan(RAW_RECORD).group_by("stream").len().collect()
    for stream, count in expected.iter_rows():
        # Others' events are listed too, coupons begin anew, and discounts have no list: they are seen inside others.
        if stream not in {"event", "coupon", "discount"}:
            assert listed[stream] == count, stream
    assert found.sync_ids[0] == noted.sync_id


def test_under_other_settings_it_begins_anew(lake: Lake, base: str) -> None:
    with pytest.raises(Interrupted):
        run(lake, base, 24)
    run(lake, base, keep_names=False)
    customers = lake.scan(RAW_RECORD, ["stripe.customer"]).collect()
    assert not customers["payload"].str.contains('"email"').any()
    assert shown(lake).is_unique().all()


def test_after_a_long_while_it_is_brought_up_to_date_at_once(lake: Lake, base: str) -> None:
    with pytest.raises(Interrupted):
        run(lake, base, 24, now=END - timedelta(days=2))
    run(lake, base)
    spans = lake.scan(COVERAGE).sort("covered_from").collect()
    assert spans["covered_to"].to_list() == [END - timedelta(days=2), END]
    assert spans["covered_from"][1] == spans["covered_to"][0]


def test_after_a_week_it_begins_anew(lake: Lake, base: str) -> None:
    with pytest.raises(Interrupted):
        run(lake, base, 24, now=END - timedelta(days=8))
    run(lake, base)
    spans = lake.scan(COVERAGE).collect()
    assert spans["covered_to"].to_list() == [END]


def test_what_an_unfinished_sync_wrote_is_no_orphan(lake: Lake, base: str, whole: Lake) -> None:
    with pytest.raises(Interrupted):
        run(lake, base, 24)
    lake.collect_orphans(timedelta(0))
    run(lake, base)
    assert shown(lake).equals(shown(whole))


def test_a_page_whose_beginning_is_gone_is_read_again_from_its_last_second(
    lake: Lake, base: str, whole: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, gone = StripeClient.get, []

    async def refusing(self: StripeClient, path: str, params: Any = None, *rest: Any) -> Any:
        if "starting_after" in (params or {}) and path == "/v1/events":
            gone.append(path)
            raise CursorGone("No such object")
        return await get(self, path, params, *rest)

    monkeypatch.setattr(StripeClient, "get", refusing)
    run(lake, base)
    assert gone
    assert shown(lake).unique().sort(SHOWN).equals(shown(whole))


def test_what_is_gone_on_with_late_is_told_together_with_what_came_since(
    lake: Lake, base: str
) -> None:
    with pytest.raises(Interrupted):
        run(lake, base, 24)
    found = run(lake, base, now=END + timedelta(days=1))
    assert len(found.sync_ids) == 2
    mine = pl.col("sync_id").is_in(list(found.sync_ids))
    assert lake.scan(RAW_RECORD).filter(mine).collect().height == found.stored > 100
