"""The queries of docs/queries.md on the lake run in DuckDB, and say what the warehouse says."""

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from pipeline.assets.place import Place
from pipeline.schemas import EXPANSION_METRICS, TABLES
from tests.cli.desk import Desk
from tests.cli.test_queries import LAKE, QUERIES, answer

PREPARE, *BLOCKS = re.findall(r"```sql\n(.*?)\n```", LAKE, re.DOTALL)
NAMED = {name for block in BLOCKS for name in re.findall(r"files_of\('(\w+)'\)", block)}


@pytest.fixture
def lake(worked: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session as a user opens it, in the pipeline's folder and without a network."""
    monkeypatch.chdir(worked.folder)
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as session:
        session.execute(PREPARE)
        yield session


def rows(session: duckdb.DuckDBPyConnection, statements: str) -> list[tuple[Any, ...]]:
    return session.execute(statements).fetchall()


def test_every_query_says_something(lake: duckdb.DuckDBPyConnection) -> None:
    assert len(BLOCKS) >= 3
    for block in BLOCKS:
        assert rows(lake, block), block


def test_the_months_are_those_of_the_warehouse(
    worked: Desk, lake: duckdb.DuckDBPyConnection
) -> None:
    place = Place(worked.settings)
    try:
        stored = answer(place.engine, QUERIES[0])
    finally:
        place.close()
    found = [
        (str(month), *(f"{figure:.6f}" for figure in figures))
        for month, *figures in rows(lake, BLOCKS[0])
    ]
    assert found == stored


def test_replaced_files_are_not_read(worked: Desk, lake: duckdb.DuckDBPyConnection) -> None:
    before = rows(lake, BLOCKS[0])
    place = Place(worked.settings)
    try:
        whole = place.lake.scan(EXPANSION_METRICS).collect()
        months = whole["month"].dt.strftime("%Y-%m").unique().to_list()
        changed = whole.with_columns(ending_mrr=whole["ending_mrr"] + 1)
        staged = place.lake.write_partitions(EXPANSION_METRICS, changed, months)
        assert rows(lake, BLOCKS[0]) == before
        place.lake.commit(staged, run_id="again")
    finally:
        place.close()
    assert rows(lake, BLOCKS[0]) == before  # of the moment at which the manifest was taken
    lake.execute(PREPARE)
    after = rows(lake, BLOCKS[0])
    assert [month[-1] for month in after] == [month[-1] + 1e-6 for month in before]


def test_every_row_of_every_table_is_read(worked: Desk, lake: duckdb.DuckDBPyConnection) -> None:
    place = Place(worked.settings)
    try:
        held = {each.table for each in place.lake.live()}
        counts = {name: place.lake.scan(TABLES[name]).collect().height for name in held}
    finally:
        place.close()
    assert held >= NAMED
    for name, count in counts.items():
        lake.execute(f"set variable files = files_of('{name}')")
        scan = "from read_parquet(getvariable('files'), union_by_name = true)"
        assert rows(lake, f"select count(*) {scan}") == [(count,)], name
