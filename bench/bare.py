"""Dagster alone: a range of months in one run, with steps that do nothing; what `bench.fixed` is held against.

Usage: python -m bench.bare MONTHS

As many steps and assets as the monthly job has, in a process of its own, on a SQLite instance in a temporary folder.
Nothing of the pipeline is loaded.
"""

import sys
import tempfile
from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

STEPS, ASSETS = 11, 23
FIRST = "2020-01"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def assets(months: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """A chain of steps, with the assets divided among them."""
    names = [f"asset_{number}" for number in range(ASSETS)]

    def step(number: int) -> dg.AssetsDefinition:
        mine = names[number::STEPS]
        deps = [names[number - 1]] if number else []

        @dg.multi_asset(
            name=f"step_{number}",
            specs=[dg.AssetSpec(name, deps=deps, partitions_def=months) for name in mine],
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def nothing() -> Iterator[dg.MaterializeResult[None]]:
            for name in mine:
                yield dg.MaterializeResult(name)

        return nothing

    return [step(number) for number in range(STEPS)]


def main(count: int) -> None:
    """One run of the first `count` months."""
    months = dg.MonthlyPartitionsDefinition(FIRST, fmt="%Y-%m")
    keys = months.get_partition_keys()[:count]
    job = dg.Definitions(
        assets=assets(months), jobs=[dg.define_asset_job("all", partitions_def=months)]
    ).resolve_job_def("all")
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        tags = {ASSET_PARTITION_RANGE_START_TAG: keys[0], ASSET_PARTITION_RANGE_END_TAG: keys[-1]}
        done = job.execute_in_process(run_config=QUIET, instance=instance, tags=tags)
        made = sum(event.is_step_materialization for event in done.all_events)
        if made != ASSETS * count:
            raise RuntimeError(f"{made} materializations instead of {ASSETS * count}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
