"""A whole history at scale: snapshots, movements and components of every month, from the item timeline to Parquet.

Usage: python -m bench.history [--accounts 1000000] [--months 60] [--folder FOLDER] [--step STEP]

Beside it, in the same run: the floor, which writes the same rows as files; the usual way, a spine of customers and
months in SQL on DuckDB, which gives totals only; the metrics of all months, in all dimensions, with cohorts; the
current month alone, computed as a night does; and the same with all else that follows a sync: attribution, scores, the
warehouse (SQLite), the report; last, the step of a sync that looks at every customer's whole history. Each in a process
of its own. The result goes to bench/results/.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from bench.generated import NOW, calendar, history
from bench.measuring import Together, apart, keep, timed
from pipeline.assets import night
from pipeline.cli import running
from pipeline.cli.terminal import Watch
from pipeline.database import engine, upgrade
from pipeline.lake import Lake
from pipeline.months import key_of
from pipeline.schemas import (
    INTRA_MONTH_ACTIVITY,
    ITEM_TIMELINE,
    MRR_ITEM_MOVEMENT,
    MRR_MOVEMENT,
    MRR_MOVEMENT_COMPONENT,
    MRR_SCHEDULED,
    MRR_SNAPSHOT,
    Table,
)
from pipeline.settings import Settings

SEED = 1
STEPS = ("build", "product", "floor", "spine", "metrics", "night", "whole_night", "accounts")
COMPUTED = (
    "mrr_snapshot",
    "mrr_scheduled",
    "mrr_movement",
    "mrr_item_movement",
    "mrr_movement_component",
    "intra_month_activity",
)
MEASURED = ("expansion_metrics", "expansion_by_type", "expansion_cohort", "cohort_growth")
NAMED = (MRR_SNAPSHOT, MRR_MOVEMENT, MRR_MOVEMENT_COMPONENT)
WRITTEN = (*NAMED, MRR_ITEM_MOVEMENT, INTRA_MONTH_ACTIVITY, MRR_SCHEDULED)
"""What a run writes; the first three are those that people read."""

SPINE = """
COPY (
    WITH customers AS (
        SELECT customer_id, date_trunc('month', min(valid_from)) AS first_month,
            date_trunc('month', max(coalesce(valid_to, now()))) AS last_month
        FROM items GROUP BY 1
    ),
    customer_months AS (
        SELECT customer_id, month, boundary FROM customers
        JOIN months ON month >= first_month AND month <= last_month
    ),
    monthly AS (
        SELECT each.month, each.customer_id, coalesce(sum(item.mrr), 0) AS mrr
        FROM customer_months AS each
        LEFT JOIN items AS item ON item.customer_id = each.customer_id
            AND item.valid_from < each.boundary
            AND (item.valid_to IS NULL OR item.valid_to >= each.boundary)
        GROUP BY 1, 2
    ),
    active AS (
        SELECT *, mrr > 0 AS is_active,
            min(CASE WHEN mrr > 0 THEN month END) OVER whole AS first_active,
            max(CASE WHEN mrr > 0 THEN month END) OVER whole AS last_active
        FROM monthly WINDOW whole AS (PARTITION BY customer_id)
    ),
    with_churn AS (
        SELECT month, customer_id, mrr, is_active, month = first_active AS is_first FROM active
        UNION ALL
        SELECT month + INTERVAL 1 MONTH, customer_id, 0, false, false FROM active
        WHERE month = last_active AND month < (SELECT max(month) FROM months)
    ),
    changes AS (
        SELECT *, coalesce(lag(is_active) OVER ordered, false) AS was_active,
            coalesce(lag(mrr) OVER ordered, 0) AS previous
        FROM with_churn WINDOW ordered AS (PARTITION BY customer_id ORDER BY month)
    ),
    named AS (
        SELECT month, mrr, mrr - previous AS change, CASE
            WHEN is_first THEN 'new'
            WHEN NOT is_active AND was_active THEN 'churn'
            WHEN is_active AND NOT was_active THEN 'reactivation'
            WHEN mrr > previous THEN 'upgrade'
            WHEN mrr < previous THEN 'downgrade' END AS category
        FROM changes
    )
    SELECT month, category, sum(change) AS change, sum(mrr) AS mrr
    FROM named GROUP BY 1, 2 ORDER BY 1, 2
) TO '{target}' (FORMAT parquet)
"""
"""The models of dbt-labs/mrr-playbook one after the other (a spine of customers and months, active months, a month of
churn, changes and their category), on items that are valued already, down to totals."""


def settings_in(folder: Path) -> Settings:
    """The pipeline in `folder`, at the instant at which the history ends."""
    (folder / "pipeline.toml").touch()
    return Settings.load({"PIPELINE_NOW": NOW.isoformat()}, folder)


def build(folder: Path, accounts: int, months: int) -> dict[str, Any]:
    """The timeline and what it refers to, in a lake."""
    told: dict[str, Any] = {}
    settings = settings_in(folder)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    upgrade(settings.warehouse_url)
    lake = Lake(settings.lake_root, engine(settings.warehouse_url))
    with timed(told, "generate"):
        frames = history(SEED, accounts, months)
    wanted = calendar(months).months
    lake.commit(
        [lake.write(table, frame) for table, frame in frames.items()],
        run_id="bench",
        expect=(night.TIMELINE, 0),
        bump=night.TIMELINE,
        also=lambda connection: night.touch(connection, "evidence", wanted, 1),
    )
    return told | {"spans": frames[ITEM_TIMELINE].height}


def product(folder: Path, months: int) -> dict[str, Any]:
    """Snapshots, movements and components of all months, in one range run of Dagster."""
    told: dict[str, Any] = {}
    settings, wanted = settings_in(folder), calendar(months).months
    with timed(told, "run"):
        running.months(
            settings, Watch(), night.Range(wanted[0], wanted[-1]), "backfill", only=COMPUTED
        )
    lake = Lake(settings.lake_root, engine(settings.warehouse_url))
    return told | {"rows": {table.name: sum(lake.counts(table).values()) for table in WRITTEN}}


def figures(folder: Path, months: int) -> dict[str, Any]:
    """Metrics and cohorts of all months, from what `product` wrote."""
    told: dict[str, Any] = {}
    settings, wanted = settings_in(folder), calendar(months).months
    with timed(told, "run"):
        running.months(
            settings, Watch(), night.Range(wanted[0], wanted[-1]), "backfill", only=MEASURED
        )
    return told


def one_night(folder: Path, months: int) -> dict[str, Any]:
    """The current month alone: what a night computes when nothing of the past changed."""
    return _current_month(folder, months, (*COMPUTED, *MEASURED))


def whole_night(folder: Path, months: int) -> dict[str, Any]:
    """Everything of the current month that follows a sync."""
    return _current_month(folder, months, None)


def accounts(folder: Path, months: int) -> dict[str, Any]:
    """The step of a sync that links customers to accounts and finds out since when each pays."""
    told: dict[str, Any] = {}
    with timed(told, "run"):
        running.fold(settings_in(folder), Watch(), only=["accounts"])
    return told


def _current_month(folder: Path, months: int, only: Sequence[str] | None) -> dict[str, Any]:
    told: dict[str, Any] = {}
    settings, current = settings_in(folder), calendar(months).months[-1]
    with timed(told, "run"):
        running.months(settings, Watch(), night.Range(current, current), "backfill", only=only)
    return told


def floor(folder: Path, months: int) -> dict[str, Any]:
    """The same rows, read month by month and written as files; only the writing is counted.

    `write` is all that the run writes, `write_named` snapshots, movements and components alone.
    """
    settings, target = settings_in(folder), folder / "floor"
    spent = {table.name: (0.0, 0.0) for table in WRITTEN}
    for table in WRITTEN:
        (target / table.name).mkdir(parents=True, exist_ok=True)
        for month in calendar(months).months:
            frame = _scan(settings, table, month)
            began, busy = time.monotonic(), time.process_time()
            frame.write_parquet(
                target / table.name / f"{month:%Y-%m}.parquet", compression="zstd", statistics=True
            )
            wall, used = spent[table.name]
            wall, used = wall + time.monotonic() - began, used + time.process_time() - busy
            spent[table.name] = wall, used
    return {"write": _together(spent, WRITTEN), "write_named": _together(spent, NAMED)}


def _together(spent: dict[str, tuple[float, float]], tables: tuple[Table, ...]) -> dict[str, float]:
    wall, used = (sum(spent[table.name][place] for table in tables) for place in (0, 1))
    return {"seconds": round(wall, 2), "cpu_seconds": round(used, 2)}


def spine(folder: Path, months: int) -> dict[str, Any]:
    """Totals only, from a spine of customers and months in DuckDB; items are given with their values."""
    told: dict[str, Any] = {}
    settings, ours = settings_in(folder), calendar(months)
    items = Lake(settings.lake_root, engine(settings.warehouse_url)).scan(ITEM_TIMELINE)
    valued = items.select(
        "customer_id",
        "valid_from",
        "valid_to",
        mrr=pl.col("quantity") * (pl.col("price_id").hash() % 10_000).cast(pl.Int64),
    )
    valued.sink_parquet(folder / "items.parquet")
    ends = pl.DataFrame(
        {"month": ours.months, "boundary": [ours.boundary(month) for month in ours.months]}
    )
    ends.write_parquet(folder / "months.parquet")
    with timed(told, "query"), duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW items AS FROM '{folder}/items.parquet'")
        connection.execute(f"CREATE VIEW months AS FROM '{folder}/months.parquet'")
        connection.execute(SPINE.format(target=folder / "spine.parquet"))
    return told


def _scan(settings: Settings, table: Table, month: date) -> pl.DataFrame:
    lake = Lake(settings.lake_root, engine(settings.warehouse_url))
    return lake.scan(table, [key_of(month)]).collect()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=STEPS)
    given = parser.parse_args(arguments)
    if given.step:
        steps = {
            "product": product,
            "floor": floor,
            "spine": spine,
            "metrics": figures,
            "night": one_night,
            "whole_night": whole_night,
            "accounts": accounts,
        }
        memory = Together()
        memory.start()
        told = (
            build(given.folder, given.accounts, given.months)
            if given.step == "build"
            else steps[given.step](given.folder, given.months)
        )
        told["peak_gibibytes"] = round(memory.most_mebibytes / 2**10, 2)
        print(json.dumps(told))
        return
    size = ("--accounts", str(given.accounts), "--months", str(given.months))
    found: dict[str, Any] = {"accounts": given.accounts, "months": given.months, "seed": SEED}
    with tempfile.TemporaryDirectory() as temporary:
        folder = str(given.folder or temporary)
        for step in STEPS:
            found[step] = apart("bench.history", "--step", step, "--folder", folder, *size)
            print(step, found[step], flush=True)
    keep(f"history-{given.accounts}", found)


if __name__ == "__main__":
    main(sys.argv[1:])
