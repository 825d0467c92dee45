"""What CRMs said in one sync: reasons and notices are kept, and a notice is said in one night only."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline import database
from pipeline.assets.answered import Asked
from pipeline.assets.place import Place
from pipeline.config import CrmFiles
from pipeline.errors import SourceError
from pipeline.lake.landing import SyncResult
from pipeline.schemas import COVERAGE, DATA_QUALITY
from pipeline.settings import Settings
from pipeline.sources import ConnectedCrm, FilesSource

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HUBSPOT = ConnectedCrm("hubspot", "HubSpot", "HUBSPOT_SERVICE_KEY", lambda: FilesSource(CrmFiles()))
HIDDEN = "HubSpot has no property industry of companies: it is left out."


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(Settings.load({"PIPELINE_NOW": NOW.isoformat()}, tmp_path))
    yield made
    made.close()


def night(place: Place, run_id: str, *notices: str) -> list[str]:
    """What the night says anew."""
    asked = Asked()
    asked.answered(HUBSPOT, SyncResult((run_id,), NOW, (), COVERAGE.empty(), notices=notices))
    told = asked.new_notices(place)
    assert asked.noted(place, run_id).passed
    return told


def test_a_notice_is_said_once_and_kept_every_night(place: Place) -> None:
    assert night(place, "first", HIDDEN, HIDDEN) == [HIDDEN]
    assert night(place, "second", HIDDEN) == []
    assert night(place, "third", HIDDEN, "another") == ["another"]
    table = database.table_of(DATA_QUALITY)
    with database.reading(place.engine) as connection:
        rows = connection.execute(
            select(table.c.run_id, table.c.passed, table.c.examples).where(
                table.c.check == "crm_records fields_there"
            )
        ).all()
    kept = {run_id: (passed, json.loads(examples)) for run_id, passed, examples in rows}
    assert kept["second"] == (False, [HIDDEN])
    assert kept["third"] == (False, [HIDDEN, "another"])


def test_one_that_failed_beside_one_that_answered(place: Place) -> None:
    asked = Asked()
    asked.answered(HUBSPOT, SyncResult(("1",), NOW, (), COVERAGE.empty()))
    asked.failed(
        ConnectedCrm("file", "The CRM's export", "crm.files", HUBSPOT.open), SourceError("a reason")
    )
    result = asked.noted(place, "run")
    assert not result.passed
    assert result.description == "The CRM's export: a reason"


def test_no_crm_is_no_failure(place: Place) -> None:
    asked = Asked()
    assert asked.noted(place, "run").passed
    assert asked.metadata["connected"] is False
