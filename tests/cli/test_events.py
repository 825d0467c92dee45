"""What Dagster knows of a range run is the same, whether its events were stored one by one or together."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipeline.assets.jobs import RANGE_END, RANGE_START
from pipeline.cli import events, running

MONTHS = dg.MonthlyPartitionsDefinition("2026-01", end_date="2026-05", fmt="%Y-%m")
KEYS = ["2026-01", "2026-02", "2026-03"]
NAMES = ("movement", "component")
PLANNED = "ASSET_MATERIALIZATION_PLANNED"


@dg.multi_asset(
    specs=[dg.AssetSpec(name, partitions_def=MONTHS) for name in NAMES],
    check_specs=[dg.AssetCheckSpec("sums", asset=NAMES[0])],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def monthly(context: dg.AssetExecutionContext) -> Any:
    for name in NAMES:
        for key in context.partition_keys:
            context.add_asset_metadata({"of": f"{name} {key}"}, name, key)
    yield dg.AssetCheckResult(asset_key=NAMES[0], check_name="sums", passed=True)
    for name in NAMES:
        yield dg.MaterializeResult(name)


def ran(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Run the range; what Dagster says of it afterwards."""
    job = dg.Definitions(
        assets=[monthly], jobs=[dg.define_asset_job("months", selection=[monthly])]
    ).resolve_job_def("months")
    tags = {RANGE_START: KEYS[0], RANGE_END: KEYS[-1]}
    done = job.execute_in_process(instance=instance, tags=tags)
    told: dict[str, Any] = {}
    for name in NAMES:
        key = dg.AssetKey(name)
        wanted = dg.AssetRecordsFilter(key)
        newest = instance.get_latest_materialization_event(key)
        assert newest is not None
        told[name] = {
            "months": instance.get_materialized_partitions(key),
            "shown": [
                (record.partition_key, record.asset_materialization.metadata["of"].value)
                for record in instance.fetch_materializations(wanted, limit=10).records
                if record.asset_materialization
            ],
            "newest": newest.dagster_event.partition if newest.dagster_event else None,
            "status": instance.get_status_by_partition(key, KEYS, MONTHS),
            "run": [each.last_run_id == done.run_id for each in _entries(instance, key)],
        }
    logged = Counter(
        entry.dagster_event_type.value
        for entry in instance.all_logs(done.run_id)
        if entry.dagster_event_type
    )
    told["planned"] = logged.pop(PLANNED)
    told["logged"] = logged
    return told


def _entries(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[Any]:
    return [record.asset_entry for record in instance.get_asset_records([key])]


def test_a_range_run_is_known_as_dagster_itself_would_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in events.BATCHES:
        monkeypatch.delenv(name, raising=False)
    running.prepare_home(tmp_path / "plain")
    with dg.DagsterInstance.from_config(str(tmp_path / "plain")) as instance:
        plain = ran(instance)
    with running.opened(tmp_path / "batched") as instance:
        assert events.BATCHES.items() <= os.environ.items()
        batched = ran(instance)
    assert plain.pop("planned") == len(NAMES) * len(KEYS)
    assert batched.pop("planned") == len(NAMES), "a whole range at once"
    assert batched == plain
    for name in events.BATCHES:
        monkeypatch.delenv(name)
    with dg.DagsterInstance.from_config(str(tmp_path / "batched")) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey(NAMES[0])) == set(KEYS)
