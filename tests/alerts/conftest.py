"""A migrated warehouse and a simulated Slack."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.database import upgrade
from tests.alerts.workspace import Workspace, empty_warehouse, workspace


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Engine]:
    made = empty_warehouse(tmp_path)
    yield made
    made.dispose()


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with workspace() as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a migrated warehouse is, of either kind."""
    if request.param == "sqlite":
        made = empty_warehouse(tmp_path / "shared")
        made.dispose()
        return f"sqlite:///{tmp_path}/shared/warehouse.db"
    found = str(request.getfixturevalue("postgres_url"))
    upgrade(found)
    return found
