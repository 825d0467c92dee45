"""An empty lake over a migrated SQLite ledger, in a folder or in a bucket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.database import engine, upgrade
from pipeline.lake import Lake
from tests.lake.bucket import new_bucket, serving


@pytest.fixture(scope="session")
def store() -> Iterator[dict[str, str]]:
    """The environment of who uses an object store."""
    with serving() as environment:
        yield environment


@pytest.fixture
def bucket(store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a folder in a new bucket."""
    return new_bucket(store, monkeypatch)


@pytest.fixture
def lake(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lake]:
    """In a folder; where a test asks for it (`everywhere`), in a bucket."""
    there = getattr(request, "param", "folder") == "bucket"
    root = request.getfixturevalue("bucket") if there else tmp_path / "lake"
    url = f"sqlite:///{tmp_path}/warehouse.db"
    upgrade(url)
    made = engine(url)
    yield Lake(root, made)
    made.dispose()
