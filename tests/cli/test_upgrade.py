"""The first night after an upgrade: an older warehouse and older code's evidence; nothing is missing or told twice."""

import polars as pl
import pytest
from alembic import command
from polars.testing import assert_frame_equal
from sqlalchemy import delete, update

from pipeline import database
from pipeline.database import generation, reading
from pipeline.database.engine import engine
from pipeline.database.migrate import alembic_config
from pipeline.lake import Lake
from pipeline.publish import published
from pipeline.schemas import ITEM_TIMELINE, PUBLISHED, RESTATEMENT
from tests.cli.desk import Desk

OLDER = "0003"
"""A revision that earlier versions left behind; later ones added tables of months to it."""
LATER = ("cohort_growth", "intra_month_activity")
PERISHABLE = {"source_sync", "data_quality", "alert_evaluation", "alert_event", "slack_outbox"}
"""What tells of nights, not of the company: a second night adds to it."""


def _figures(desk: Desk) -> dict[str, pl.DataFrame]:
    source = engine(desk.settings.warehouse_url)
    try:
        names = [table.name for table in PUBLISHED if table.name not in PERISHABLE]
        return {name: published(source, name) for name in names}
    finally:
        source.dispose()


def _aged(desk: Desk) -> None:
    """The warehouse as an older version left it: its tables, and its own code's count of what is decoded."""
    target = engine(desk.settings.warehouse_url)
    try:
        with target.begin() as connection:
            command.downgrade(alembic_config(connection), OLDER)
            code = generation.c.name.startswith("billing/")
            connection.execute(update(generation).where(code).values(name="billing/older"))
            shape = generation.c.name.startswith("shape/")
            connection.execute(delete(generation).where(shape))
    finally:
        target.dispose()


def _code(desk: Desk) -> list[str]:
    source = engine(desk.settings.warehouse_url)
    try:
        with reading(source) as connection:
            names = connection.scalars(generation.select().with_only_columns(generation.c.name))
            return [name for name in names if name.startswith("billing/")]
    finally:
        source.dispose()


def _folded_wrong(desk: Desk) -> None:
    """The timeline as code with an error left it: every item that has units has one more."""
    target = engine(desk.settings.warehouse_url)
    try:
        lake = Lake(desk.settings.lake_root, target)
        wrong = lake.scan(ITEM_TIMELINE).with_columns(pl.col("quantity") + 1).collect()
        lake.commit([lake.write(ITEM_TIMELINE, wrong)], run_id="older")
    finally:
        target.dispose()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_better_code_corrects_is_restated_by_code(worked: Desk) -> None:
    right = _figures(worked)["mrr_movement"]
    first, last = right["month"].min(), right["month"].max()
    _folded_wrong(worked)
    told = worked.types("backfill", "--from", f"{first:%Y-%m}", "--to", f"{last:%Y-%m}")
    assert told.code == 0, told
    wrong = worked.published(RESTATEMENT.name)
    _aged(worked)

    assert worked.types("run").code == 0

    assert_frame_equal(_figures(worked)["mrr_movement"], right, check_exact=True)
    restated = worked.published(RESTATEMENT.name)
    corrected = restated.filter(pl.col("version") > wrong["version"].max())
    assert corrected.height == wrong.height > 0
    assert corrected["cause"].unique().to_list() == ["code"]
    assert corrected["evidence"].null_count() == corrected.height


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_night_after_an_upgrade(worked: Desk) -> None:
    before, sent, code = _figures(worked), worked.messages, _code(worked)
    for name in LATER:
        assert before[name].get_column("month").n_unique() > 3, name
    _aged(worked)
    assert database.pending(worked.settings.warehouse_url)

    assert "lacks tables; the next run makes them" in worked.types("doctor").out
    said = worked.types("run", "--json")

    assert said.code == 0, said
    assert '"stripe": {"stored": 0, "rejected": 0}' in said.out, "Stripe is asked for nothing more"
    assert not database.pending(worked.settings.warehouse_url)
    assert _code(worked) == code, "the evidence is decoded by this code"
    after = _figures(worked)
    for name, frame in before.items():
        assert_frame_equal(after[name], frame, check_exact=True)
    assert worked.messages == sent, "nobody hears of months that were told before"
