"""An empty lake over a migrated SQLite ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.database import engine, upgrade
from pipeline.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    url = f"sqlite:///{tmp_path}/warehouse.db"
    upgrade(url)
    made = engine(url)
    yield Lake(tmp_path / "lake", made)
    made.dispose()
