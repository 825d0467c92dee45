"""A migrated warehouse and a simulated Slack."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

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
