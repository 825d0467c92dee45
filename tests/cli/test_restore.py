"""Everything that is computed comes back from the raw records, with nobody to ask."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import database, schemas
from pipeline.assets.place import Place
from pipeline.publish import published
from tests.cli.desk import Desk

FIGURES = (
    schemas.MRR_SNAPSHOT,
    schemas.MRR_SCHEDULED,
    schemas.MRR_MOVEMENT,
    schemas.MRR_MOVEMENT_COMPONENT,
    schemas.INTRA_MONTH_ACTIVITY,
    schemas.EXPANSION_METRICS,
    schemas.EXPANSION_BY_TYPE,
    schemas.EXPANSION_COHORT,
    schemas.COHORT_GROWTH,
    schemas.ACCOUNT,
    schemas.ACCOUNT_LINK,
    schemas.CRM_DEAL,
    schemas.CRM_DEAL_HISTORY,
    schemas.FX_RATE,
)
FOLDED = (
    schemas.ITEM_TIMELINE,
    schemas.USAGE_CHARGE,
    schemas.PRICE,
    schemas.COUPON,
    schemas.DISCOUNT,
    schemas.SUBSCRIPTION_PHASE,
    schemas.CUSTOMER,
)

PERHAPS = {"mrr_scheduled", "folded subscription_phase"}
"""What a small company may have none of."""


def figures(desk: Desk) -> dict[str, pl.DataFrame]:
    """What the warehouse shows, and what the lake says that it rests on."""
    place = Place(desk.settings)
    try:
        shown = {
            table.name: published(place.engine, table.name).sort(
                [name for name in table.key if name in table.published]
            )
            for table in FIGURES
        }
        return shown | {
            f"folded {table.name}": place.lake.scan(table).collect().sort(table.key)
            for table in FOLDED
        }
    finally:
        place.close()


def cut_off(desk: Desk) -> None:
    """Neither Stripe nor the CRM nor Slack can be reached."""
    desk.environment = {
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "HUBSPOT_API_BASE": "http://127.0.0.1:9",
        "SLACK_API_BASE": "http://127.0.0.1:9",
        "PIPELINE_NOW": desk.environment["PIPELINE_NOW"],
    }


def warehouse(desk: Desk) -> Path:
    return desk.folder / "data" / "warehouse.db"


@pytest.mark.parametrize("lost", ["everything", "files"])
def test_the_raw_records_are_enough(worked: Desk, lost: str) -> None:
    before, sent = figures(worked), worked.messages
    cut_off(worked)
    if lost == "everything":
        for path in warehouse(worked).parent.glob("warehouse.db*"):
            path.unlink()
    for folder in worked.settings.lake_root.iterdir():
        if folder.is_dir() and folder.name not in {"raw_record", "coverage"}:
            shutil.rmtree(folder)
    said = worked.types("db", "restore")
    assert said.code == 0, said
    assert "months made anew from the raw records" in said.out
    after = figures(worked)
    for name, frame in before.items():
        assert frame.height or name in PERHAPS, name
        assert_frame_equal(after[name], frame, check_exact=True)
    assert worked.messages == sent


def test_a_raw_record_that_is_gone_is_named(worked: Desk) -> None:
    cut_off(worked)
    path = next((worked.settings.lake_root / "raw_record").glob("*/*.parquet"))
    path.unlink()
    for _ in range(2):
        said = worked.types("db", "restore")
        assert said.code == 1
        assert path.name in said.err
        assert "Restore them from a backup" in said.err
        warehouse(worked).unlink(missing_ok=True)


def test_without_a_lake_there_is_nothing_to_restore(desk: Desk) -> None:
    said = desk.types("db", "restore")
    assert said.code == 1
    assert "_manifest.json does not exist" in said.err


def test_the_next_night_goes_on(worked: Desk) -> None:
    services = dict(worked.environment)
    before = figures(worked)
    cut_off(worked)
    for path in warehouse(worked).parent.glob("warehouse.db*"):
        path.unlink()
    assert worked.types("db", "restore").code == 0
    worked.environment = services
    said = worked.types("run", "--json")
    assert said.code == 0, said
    assert '"stripe": {"stored": 0, "rejected": 0}' in said.out
    after = figures(worked)
    for name, frame in before.items():
        assert_frame_equal(after[name], frame, check_exact=True)
    engine = database.engine(worked.settings.warehouse_url)
    try:
        assert published(engine, "restatement").is_empty()
    finally:
        engine.dispose()
