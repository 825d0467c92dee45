"""A migrated warehouse: SQLite for every test, PostgreSQL where the test asks for both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.database import engine, upgrade


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    upgrade(url)
    made = engine(url)
    yield made
    made.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = (
        f"sqlite:///{tmp_path / 'warehouse.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    upgrade(url)
    made = engine(url)
    yield made
    made.dispose()
