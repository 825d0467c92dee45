"""What a CRM does not list any more is kept as gone; a list that loses too much is not believed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.crm.protocol import latest, versions
from pipeline.database import engine, upgrade
from pipeline.errors import SourceError
from pipeline.lake import Lake
from pipeline.lake.landing import sync
from pipeline.schemas import RAW_RECORD
from pipeline.sources.protocol import (
    Clock,
    Cursors,
    Drained,
    Extent,
    Page,
    Record,
    Rejection,
    Resume,
)

NOW = datetime(2026, 11, 1, 3, tzinfo=UTC)
NIGHT = timedelta(days=1)


class Listing:
    """A source that lists some objects of one stream."""

    account = ""
    settings = None

    def __init__(
        self,
        ids: Sequence[str],
        rejected: Sequence[str] = (),
        *,
        name: str = "file",
        stream: str = "account",
        whole: bool = True,
        deleted: Mapping[str, dict[str, bool]] | None = None,
    ) -> None:
        self.name, self.stream, self.whole = name, stream, whole
        self.ids, self.rejected, self.deleted = ids, rejected, deleted or {}

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        del cursors, extent, resume
        records = [
            Record.of({"id": id_, **self.deleted.get(id_, {})}, api_version="1", created=None)
            for id_ in self.ids
        ]
        aside = tuple(Rejection(id_, "a date that is none") for id_ in self.rejected)
        yield Page(self.stream, clock(), tuple(records), len(records), aside)
        yield Drained(self.stream, {}, whole=self.whole)

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        del wanted, clock
        return iter(())


def night(lake: Lake, source: Listing, at: datetime, extent: Extent = "changes") -> int:
    return sync(lake, lake.engine, [source], at, "run", extent).stored


def here(lake: Lake, stream: str = "account") -> list[str]:
    return latest(lake.scan(RAW_RECORD), stream).collect()["id"].sort().to_list()


def test_what_is_not_listed_is_gone_and_comes_back(lake: Lake) -> None:
    assert night(lake, Listing(["a", "b", "c"]), NOW) == 3
    assert night(lake, Listing(["a", "c"]), NOW + NIGHT) == 1
    assert here(lake) == ["a", "c"]
    assert night(lake, Listing(["a", "c"]), NOW + 2 * NIGHT) == 0, "gone once is enough"
    assert night(lake, Listing(["a", "b", "c"]), NOW + 3 * NIGHT) == 1
    assert here(lake) == ["a", "b", "c"]
    told = versions(lake.scan(RAW_RECORD), "account").filter(pl.col("id") == "b").collect()
    assert told["gone"].to_list() == [False, True, False]


def test_where_the_clock_stands_still_gone_is_the_latest(lake: Lake) -> None:
    night(lake, Listing(["a", "b"]), NOW)
    night(lake, Listing(["a"]), NOW)
    assert here(lake) == ["a"]


def test_what_is_set_aside_is_not_gone(lake: Lake) -> None:
    night(lake, Listing(["a", "b"]), NOW)
    night(lake, Listing(["a"], rejected=["b"]), NOW + NIGHT)
    assert here(lake) == ["a", "b"]


@pytest.mark.parametrize(
    "source",
    [
        Listing(["a"], name="stripe"),
        Listing(["a"], whole=False),
        Listing(["a"], stream="deal"),
    ],
    ids=["Stripe", "a list of changes", "another stream"],
)
def test_who_takes_no_part(lake: Lake, source: Listing) -> None:
    night(lake, Listing(["a", "b"], name=source.name), NOW)
    night(lake, source, NOW + NIGHT)
    assert here(lake) == ["a", "b"]


@pytest.mark.parametrize("left", [0, 9], ids=["none", "less than half"])
def test_a_list_that_loses_too_much_is_not_believed(lake: Lake, left: int) -> None:
    ids = [str(number) for number in range(20)]
    night(lake, Listing(ids), NOW)
    with pytest.raises(SourceError, match=r"of the 20 objects \(account\).*sync --full"):
        night(lake, Listing([*ids[:left], "new"]), NOW + NIGHT)
    assert here(lake) == sorted(ids), "nothing is shown, not even what is new"
    night(lake, Listing(ids[:left]), NOW + 2 * NIGHT, "everything")
    assert here(lake) == sorted(ids[:left])


def test_an_empty_list_of_accounts_is_not_believed_however_few_there_were(lake: Lake) -> None:
    night(lake, Listing(["a"]), NOW)
    night(lake, Listing(["x"], stream="deal"), NOW)
    with pytest.raises(SourceError, match="lists 0 of the 1"):
        night(lake, Listing([]), NOW + NIGHT)
    night(lake, Listing([], stream="deal"), NOW + NIGHT)
    assert (here(lake), here(lake, "deal")) == (["a"], [])


def test_links_of_deals_follow_the_deals(lake: Lake) -> None:
    """Archived deals are listed and their companies are not: many may be archived in one night."""
    ids = [f"{number:02}" for number in range(30)]
    night(lake, Listing(ids, name="hubspot", stream="association"), NOW)
    night(lake, Listing(ids[:5], name="hubspot", stream="association"), NOW + NIGHT)
    assert here(lake, "association") == ids[:5]


@pytest.mark.parametrize(
    ("name", "how"), [("hubspot", {"archived": True}), ("salesforce", {"IsDeleted": True})]
)
def test_what_was_listed_as_deleted_may_leave_the_lists(
    lake: Lake, name: str, how: dict[str, bool]
) -> None:
    """Archives and recycle bins are emptied after some weeks, all at once."""
    ids = [f"{number:02}" for number in range(30)]
    deleted = dict.fromkeys(ids[5:], how)
    night(lake, Listing(ids, name=name, deleted=deleted), NOW)
    night(lake, Listing(ids[:5], name=name), NOW + NIGHT)
    assert here(lake) == ids[:5]
    with pytest.raises(SourceError, match="lists 0 of the 5"):
        night(lake, Listing([], name=name), NOW + 2 * NIGHT)


def test_half_may_go(lake: Lake) -> None:
    ids = [f"{number:02}" for number in range(20)]
    night(lake, Listing(ids), NOW)
    night(lake, Listing(ids[:10]), NOW + NIGHT)
    assert here(lake) == ids[:10]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(nights=st.lists(st.sets(st.sampled_from("abcdef"), min_size=1), min_size=1, max_size=5))
def test_what_is_there_is_what_the_last_night_listed(
    tmp_path_factory: pytest.TempPathFactory, nights: list[set[str]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("lake")
    url = f"sqlite:///{folder}/warehouse.db"
    upgrade(url)
    made = engine(url)
    try:
        lake = Lake(folder / "lake", made)
        for number, ids in enumerate(nights):
            at = NOW + number * NIGHT
            if number and not ids & nights[number - 1]:
                with pytest.raises(SourceError):
                    night(lake, Listing(sorted(ids)), at)
            night(lake, Listing(sorted(ids)), at + NIGHT / 2, "everything")
            assert here(lake) == sorted(ids)
    finally:
        made.dispose()
