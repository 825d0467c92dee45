"""Shares of accounts say what all together say, in this process, in two, or on a Ray cluster of two nodes."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bench.generated import NOW, calendar, history
from pipeline import billing, metrics
from pipeline.assets import crm as crm_steps
from pipeline.assets import folded, inputs, night
from pipeline.assets import metrics as metrics_steps
from pipeline.assets import mrr as mrr_steps
from pipeline.assets.billing import first_month
from pipeline.assets.fan_out import fan_out, processors
from pipeline.assets.parts import Parts
from pipeline.assets.place import Place
from pipeline.assets.shares import Share
from pipeline.assets.shares import shares as split
from pipeline.months import key_of
from pipeline.schemas import ITEM_TIMELINE, MRR_MOVEMENT, Table
from pipeline.settings import Settings

SECRET = "rk_test_nobodyshallseethis"
MONTHS = 14
WANTED = tuple(calendar(MONTHS).months[-2:])
EVERY = tuple(calendar(MONTHS).months)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A lake with the timeline of 300 accounts."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "pipeline.toml").touch()
    made = Place(Settings.load({"PIPELINE_NOW": NOW.isoformat(), "STRIPE_API_KEY": SECRET}, folder))
    frames = history(1, 300, MONTHS)
    made.lake.commit(
        [made.lake.write(table, frame) for table, frame in frames.items()],
        run_id="test",
        also=lambda connection: night.touch(connection, "evidence", list(EVERY), 1),
    )
    yield made
    made.engine.dispose()


def shares(place: Place, of: int, months: Sequence[date] = WANTED) -> list[Share]:
    book, root = inputs.book(place), place.lake.root
    return [
        Share(book, place.policy, place.calendar(), tuple(months), root, number, of)
        for number in range(of)
    ]


def rows(place: Place, done: Iterator[mrr_steps.Computed]) -> dict[Table, pl.DataFrame]:
    """What was written, in the order of the keys; nothing broke a check."""
    paths: dict[str, list[str]] = {}
    for written, violations in done:
        assert all(found.is_empty() for found in violations)
        for staged in written.staged:
            paths.setdefault(staged.table, []).append(staged.path)
    return {
        table: place.lake.read(table, paths[table.name]).sort(table.key).collect()
        for table in mrr_steps.TABLES
    }


def test_one_share_eight_shares_and_a_cluster_say_the_same(place: Place, cluster: str) -> None:
    work = mrr_steps.computed
    one = rows(place, fan_out(work, shares(place, 1)))
    eight = rows(place, fan_out(work, shares(place, 8)))
    apart = rows(place, fan_out(work, shares(place, 8), cluster))
    assert all(frame.height > 0 for frame in one.values())
    for table, expected in one.items():
        assert_frame_equal(eight[table], expected)
        assert_frame_equal(apart[table], expected)


def test_shares_that_are_files_say_what_one_says(place: Place) -> None:
    one = rows(place, fan_out(mrr_steps.computed, shares(place, 1)))
    with split(place, WANTED, spans=20) as jobs:
        assert len(jobs) > 2
        apart = rows(place, fan_out(mrr_steps.computed, jobs))
    for table, expected in one.items():
        assert_frame_equal(apart[table], expected)


def test_shares_say_together_who_pays_and_since_when(place: Place) -> None:
    one = [frame.collect().sort("customer_id") for frame in crm_steps.paying(place)]
    several = [frame.collect().sort("customer_id") for frame in crm_steps.paying(place, spans=20)]
    begun, held = one
    assert begun.height > held.height > 100
    assert [frame.schema for frame in one] == [crm_steps.BEGUN, crm_steps.HELD]
    for all_together, in_shares in zip(one, several, strict=True):
        assert_frame_equal(in_shares, all_together)


def test_the_first_month_of_the_history_is_found_part_by_part(place: Place) -> None:
    lake, of = place.lake, 4
    frames = {table: lake.scan(table).collect() for table in (*billing.DIMENSIONS, *billing.FOLDED)}
    timeline = frames.pop(ITEM_TIMELINE)
    third = timeline.get_column("customer_id").hash() % (of - 1)
    shared = [lake.write(table, frame) for table, frame in frames.items()]
    parts = [
        lake.write(ITEM_TIMELINE, timeline.filter(third == number), share=number, shares=of)
        for number in range(of - 1)
    ]
    several = folded.Written(lake, [*shared, *parts], pl.DataFrame(), 0)
    whole = folded.Written(lake, [*shared, lake.write(ITEM_TIMELINE, timeline)], pl.DataFrame(), 0)
    assert len(several.shares) == of
    assert first_month(place, several, spans=20) == first_month(place, whole) == EVERY[0]


def commit(place: Place, spans: int, months: Sequence[date] = WANTED) -> None:
    """The tables of the months, in shares of so many rows of the timeline."""
    written = Parts(place.lake.root)
    with split(place, months, spans) as jobs:
        for part, _ in fan_out(mrr_steps.computed, jobs):
            written.take(part)
    staged, keys = written.staged, [key_of(month) for month in months]
    there = {(each.table, each.partition) for each in staged}
    for table in mrr_steps.TABLES:
        none = [key for key in keys if (table.name, key) not in there]
        staged += place.lake.write_partitions(table, table.empty(), none)
    place.lake.commit(staged, run_id=f"in shares of {spans}")


def lots(place: Place, rows: int) -> tuple[list[dict[Table, pl.DataFrame]], bool]:
    """The rows of every lot, and whether each reads objects that no other does."""
    found = [dict(lot) for lot in inputs.lots(place, WANTED, *metrics_steps.INPUTS, rows=rows)]
    apart = not any(".hash(" in frame.explain() for lot in found for frame in lot.values())
    return [{table: frame.collect() for table, frame in lot.items()} for lot in found], apart


@pytest.mark.parametrize("rows", [200, 300, 10_000])
def test_lots_are_made_of_the_shares_in_which_months_were_written(place: Place, rows: int) -> None:
    commit(place, spans=10**6)
    ((whole,), _) = lots(place, rows=10**6)
    commit(place, spans=50)
    several, apart = lots(place, rows)
    assert apart
    assert (len(several) > len(WANTED)) == (rows < 10_000)
    same(several, whole)
    for lot in several:
        assert rows >= 10_000 or 0 < lot[MRR_MOVEMENT].height < 1.5 * rows


def test_lots_of_months_that_do_not_say_it_are_of_accounts(place: Place) -> None:
    commit(place, spans=10**6)
    ((whole,), _) = lots(place, rows=10**6)
    in_one = lots(place, rows=300)
    commit(place, spans=400)
    in_few = lots(place, rows=50)
    commit(place, spans=50, months=WANTED[:1])
    differently = lots(place, rows=1 + whole[MRR_MOVEMENT].height // inputs.TOGETHER)
    for several, apart in (in_one, in_few, differently):
        assert not apart
        assert len(several) > len(WANTED)
        same(several, whole)


def test_lots_that_are_published_are_whole_objects_in_order_of_months(place: Place) -> None:
    tables = mrr_steps.TABLES
    commit(place, spans=10**6)
    whole = inputs.in_lots(place, WANTED, tables)
    commit(place, spans=50)
    several = inputs.in_lots(place, WANTED, tables, rows=100)
    assert {table: len(lots) for table, lots in whole.items()} == dict.fromkeys(whole, 1)
    for table in tables:
        lots = [lot.collect() for lot in several[table.name]]
        assert all(lot.height for lot in lots)
        assert_frame_equal(
            pl.concat(lots).sort(table.key), whole[table.name][0].collect().sort(table.key)
        )
        months = [month for lot in lots for month in lot["month"].unique().sort()]
        assert months == sorted(months)
    assert len(several[MRR_MOVEMENT.name]) > len(WANTED)


def same(several: list[dict[Table, pl.DataFrame]], whole: dict[Table, pl.DataFrame]) -> None:
    """All that is in the whole is in one lot, and of an account and month all or none."""
    cells = [lot[MRR_MOVEMENT].select("month", "account_id").unique() for lot in several]
    assert pl.concat(cells).is_unique().all()
    for lot, own in zip(several, cells, strict=True):
        for rows in lot.values():
            assert rows.join(own, on=own.columns, how="anti").is_empty()
    for table, expected in whole.items():
        assert expected.height > 0
        together = pl.concat(lot[table] for lot in several)
        assert_frame_equal(together.sort(table.key), expected.sort(table.key))


def test_cohorts_of_a_cluster_are_those_of_one_share(place: Place, cluster: str) -> None:
    def found(of: int, address: str | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
        jobs = [(share, WANTED) for share in shares(place, of, EVERY)]
        sums, growths = zip(*fan_out(metrics_steps.cohorts, jobs, address), strict=True)
        return metrics.cohorts_of(sums), metrics.cohort_growth_of(growths, WANTED)

    expected = found(1)
    assert expected[0].height > 0
    for each in (found(8), found(8, cluster)):
        for one, other in zip(each, expected, strict=True):
            assert_frame_equal(one, other)


def test_metrics_of_a_cluster_are_those_of_one_lot(place: Place, cluster: str) -> None:
    commit(place, spans=50)
    (whole,) = metrics_steps.lots_of(place, WANTED)
    lots = inputs.lots(place, WANTED, *metrics_steps.INPUTS, rows=200)
    parts = [replace(whole, rows=rows) for rows in lots]
    assert len(parts) > processors(cluster)

    def found(jobs: list[metrics_steps.Lot], address: str | None = None) -> list[pl.DataFrame]:
        tallies, _ = zip(*fan_out(metrics_steps.tally, jobs, address), strict=True)
        said = metrics.concluded(tallies, whole.spec)
        return [said.expansion_metrics, said.expansion_by_type]

    expected = found([whole])
    for each in (found(parts), found(parts, cluster)):
        for one, other in zip(each, expected, strict=True):
            assert other.height > 0
            assert_frame_equal(one, other)


def test_no_secret_is_sent_to_another_machine(place: Place) -> None:
    sent = pickle.dumps(shares(place, 1))
    assert b"item_timeline" in sent
    assert SECRET.encode() not in sent
    assert b"warehouse.db" not in sent
