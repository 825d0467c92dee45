"""A night whose lake is in a bucket ends with the tables of a night whose lake is in a folder."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import database, schemas
from pipeline.lake import Lake
from pipeline.publish import published
from tests.cli.desk import CONFIG, Desk
from tests.cli.test_forget import Person, assert_same_figures
from tests.cli.test_restore import cut_off, figures, warehouse
from tests.cli.written import found
from tests.lake.bucket import new_bucket, paths, remove, save, serving

KEPT = ("raw_record", "coverage", "forgotten", "_manifest.json")
"""What nothing else could bring back."""
PUBLISHED = ("mrr_movement", "expansion_metrics")


@pytest.mark.timeout(900)
def test_the_tables_are_those_of_a_folder_and_doctor_says_where_the_lake_is(
    worked: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakes, warehouses = [], []
    with serving() as environment:
        address = new_bucket(environment, monkeypatch)
        for bucket in (False, True):
            if bucket:
                _clear(worked.folder)
                worked.environment |= {**environment, "DATA_DIR": address}
                said = worked.types("run", "--json")
                assert said.code == 0, said
            engine = database.engine(worked.settings.warehouse_url)
            try:
                lake = Lake(worked.settings.lake_root, engine)
                lakes.append(_without_syncs(lake.scan(schemas.MRR_SNAPSHOT).collect()))
                warehouses.append([_without_syncs(published(engine, name)) for name in PUBLISHED])
            finally:
                engine.dispose()
        said = worked.types("doctor")
        assert f"{address}/lake" in said.out
        assert "can be written" in said.out
        assert not (worked.folder / "data/lake").exists()
        assert any(path.endswith("_manifest.json") for path in paths(address))
        assert environment["AWS_SECRET_ACCESS_KEY"] not in said.out + said.err
    assert lakes[0].height
    assert_frame_equal(*lakes, check_row_order=False)
    for in_folder, in_bucket in zip(*warehouses, strict=True):
        assert_frame_equal(in_folder, in_bucket, check_row_order=False)


@pytest.mark.timeout(900)
def test_a_person_is_forgotten_in_a_bucket_and_the_rest_comes_back_from_it(
    worked: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving() as environment:
        address = new_bucket(environment, monkeypatch)
        _clear(worked.folder)
        worked.environment |= {**environment, "DATA_DIR": address}
        assert worked.types("run").code == 0
        person, before = Person(worked), figures(worked)
        assert found(save(address, tmp_path / "before"), {person.email})
        assert worked.types("forget", person.id, "--yes").code == 0
        assert found(save(address, tmp_path / "after"), {person.email}) == []
        assert_same_figures(worked, before)
        for path in warehouse(worked).parent.glob("warehouse.db*"):
            path.unlink()
        for path in paths(address):
            if path.removeprefix("lake/").split("/")[0] not in KEPT:
                remove(address, path)
        cut_off(worked)
        worked.environment |= {**environment, "DATA_DIR": address}
        said = worked.types("db", "restore")
        assert said.code == 0, said
        assert_same_figures(worked, before)


def _without_syncs(frame: pl.DataFrame) -> pl.DataFrame:
    """Ids of syncs, which stand as proof, are drawn by lot."""
    return frame.with_columns(pl.col(pl.String).str.replace(r"^sync_[0-9a-f]{16}$", "sync"))


def _clear(folder: Path) -> None:
    for path in (folder / "data", folder / ".dagster"):
        shutil.rmtree(path, ignore_errors=True)
    (folder / "pipeline.toml").write_text(CONFIG)
