"""Every query of docs/queries.md runs on SQLite and on PostgreSQL, and both say the same."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text

from pipeline import database
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from pipeline.schemas import PUBLISHED
from tests.cli.desk import NOW, Desk

DOCUMENT, LAKE = (
    (Path(__file__).resolve().parents[2] / "docs" / "queries.md")
    .read_text(encoding="utf-8")
    .split("\n## The lake, with DuckDB\n")
)
QUERIES = re.findall(r"```sql\n(.*?);\n```", DOCUMENT, re.DOTALL)
MAY_BE_EMPTY = re.compile(r"from (restatement|data_quality)")
"""What a company in good order does not have after its first night."""


@pytest.fixture(scope="module")
def services() -> Iterator[SandboxServer]:
    """A company with an answer to every other question, changes that are scheduled among them."""
    company = Company(seed=8, customers=40, months=6, end=NOW)
    company.advance(NOW)
    with SandboxServer(company) as server:
        yield server


@pytest.fixture
def warehouse(worked: Desk) -> Iterator[Engine]:
    """The SQLite warehouse after a first night."""
    place = Place(worked.settings)
    yield place.engine
    place.close()


@pytest.fixture
def copied(warehouse: Engine, postgres_url: str) -> Iterator[Engine]:
    """The same rows in PostgreSQL."""
    database.upgrade(postgres_url)
    target = database.engine(postgres_url)
    with warehouse.begin() as source, target.begin() as connection:
        for table in map(table_of, PUBLISHED):
            rows = [dict(row) for row in source.execute(select(table)).mappings()]
            if rows:
                connection.execute(insert(table), rows)
    yield target
    target.dispose()


def answer(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        return [tuple(map(plain, row)) for row in connection.execute(text(query))]


def plain(value: Any) -> Any:
    """A value as both databases can show it."""
    if isinstance(value, bool | int | float | Decimal):
        return f"{float(value):.6f}"
    day = re.match(r"\d{4}-\d\d-\d\d", str(value))
    return day.group() if day else value


def test_three_queries_a_question() -> None:
    parts = DOCUMENT.split("\n## ")[1:]
    assert len(parts) >= 6
    for part in parts:
        assert part.count("```sql\n") >= 3, part.splitlines()[0]


@pytest.mark.postgres
def test_every_query_says_the_same_on_both(warehouse: Engine, copied: Engine) -> None:
    for query in QUERIES:
        here, there = answer(warehouse, query), answer(copied, query)
        assert here or MAY_BE_EMPTY.search(query), query
        assert sorted(here, key=str) == sorted(there, key=str), query
