"""Backups of warehouse and lake, and the way back from them, by the commands of docs/production.md word for word."""

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.database.engine import engine
from pipeline.publish import published
from pipeline.schemas import PUBLISHED
from tests.cli.desk import Desk

DOCS = (Path(__file__).resolve().parents[2] / "docs/production.md").read_text()
PERISHABLE = {"source_sync", "data_quality", "alert_evaluation"}
"""What a second night adds to."""


def _figures(desk: Desk) -> dict[str, pl.DataFrame]:
    source = engine(desk.settings.warehouse_url)
    try:
        names = [table.name for table in PUBLISHED if table.name not in PERISHABLE]
        return {name: published(source, name) for name in names}
    finally:
        source.dispose()


def _types(desk: Desk, beginning: str, folder: Path, **variables: str) -> None:
    """The documentation's line that begins so, in a shell on the desk."""
    (line,) = re.findall(rf"^    ({beginning}.*?)(?:  +#.*)?$", DOCS, re.MULTILINE)
    line = line.replace("/backup/expansion", str(folder))
    subprocess.run(
        ["/bin/bash", "-euc", line], cwd=desk.folder, env=os.environ | variables, check=True
    )


def _dies(warehouse: Path) -> None:
    """Leave the warehouse as a process does that is killed while it writes."""
    beside = warehouse.with_name("warehouse.db-wal")
    with closing(sqlite3.connect(warehouse)) as writer:
        writer.execute("UPDATE expansion_metrics SET nrr = 0")
        writer.commit()
        left = beside.read_bytes()
    beside.write_bytes(left)


def _same(desk: Desk, before: dict[str, pl.DataFrame]) -> None:
    said = desk.types("run", "--json")
    assert said.code == 0, said
    assert '"stripe": {"stored": 0, "rejected": 0}' in said.out
    after = _figures(desk)
    for name, frame in before.items():
        assert_frame_equal(after[name], frame, check_exact=True)


def test_back_from_a_backup_on_sqlite(worked: Desk, tmp_path: Path) -> None:
    folder, before = tmp_path / "backup", _figures(worked)
    first = worked.types("db", "backup", str(folder))
    assert first.code == 0, first
    again = worked.types("db", "backup", str(folder))
    assert "0 objects copied" in again.out
    assert worked.types("run").code == 0
    # A night has gone on; then only the lake is copied, as if the night had come in between.
    assert worked.types("db", "backup", "--lake-only", str(folder)).code == 0

    _dies(worked.folder / "data/warehouse.db")
    shutil.rmtree(worked.folder / "data/lake")
    _types(worked, "rm -f data/warehouse", folder)

    doctor = worked.types("doctor")
    assert "✓ Lake" in doctor.out, doctor.out
    _same(worked, before)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.postgres
def test_back_from_a_backup_on_postgresql(
    desk: Desk, postgres_url: str, postgres_tools: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    desk.environment["WAREHOUSE_URL"] = postgres_url
    assert "Run: expansion db upgrade" in desk.types("run").err
    assert desk.types("db", "upgrade").code == 0
    assert desk.types("run").code == 0
    before = _figures(desk)

    refused = desk.types("db", "backup", str(folder))
    assert (refused.code, folder.exists()) == (2, False)
    assert "pg_dump" in refused.err
    folder.mkdir()
    address = postgres_url.replace("+psycopg", "")
    variables = postgres_tools | {"WAREHOUSE_URL": address}
    _types(desk, "pg_dump", folder, **variables)
    assert desk.types("db", "backup", "--lake-only", str(folder)).code == 0
    assert not (folder / "warehouse.db").exists()

    shutil.rmtree(desk.folder / "data")
    (desk.folder / "data").mkdir()
    source = engine(postgres_url)
    with source.begin() as connection:
        connection.exec_driver_sql("DELETE FROM lake_object")
        connection.exec_driver_sql("DROP TABLE expansion_metrics")
    source.dispose()
    _types(desk, "cp -r /backup/expansion/lake data", folder)
    _types(desk, "pg_restore", folder, **variables)
    _same(desk, before)


@pytest.mark.parametrize(
    ("folder", "said"),
    [("data/lake/inside", "is inside the lake"), ("backup", "there is nothing to copy")],
)
def test_what_cannot_be_copied(desk: Desk, folder: str, said: str) -> None:
    refused = desk.types("db", "backup", folder)
    assert refused.code == 2
    assert said in refused.err
    assert not (desk.folder / folder).exists()


@pytest.mark.parametrize(
    ("folder", "arguments", "code"),
    [
        ("data", (), 2),
        ("data", ("--lake-only",), 2),
        ("link", (), 2),
        ("store", ("--lake-only",), 2),
        ("beside", (), 2),
        ("beside", ("--lake-only",), 0),
    ],
)
def test_no_backup_is_written_over_what_it_copies(
    worked: Desk, folder: str, arguments: tuple[str, ...], code: int
) -> None:
    (worked.folder / "link").symlink_to("data")
    for each in ("store", "beside"):
        (worked.folder / each).mkdir()
    (worked.folder / "store/lake").symlink_to("../data/lake")
    warehouse = worked.folder / "data/warehouse.db"
    (worked.folder / "beside/warehouse.db").symlink_to(warehouse)
    before = warehouse.stat().st_ino, warehouse.stat().st_mtime_ns
    said = worked.types("db", "backup", *arguments, folder)
    assert (said.code, "holds the warehouse or the lake itself" in said.err) == (code, code == 2)
    assert (warehouse.stat().st_ino, warehouse.stat().st_mtime_ns) == before
