"""The definitions as Dagster's server loads them."""

import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import dagster as dg
import pytest
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration

from pipeline.cli import running
from pipeline.definitions import build_definitions
from pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {
    "sources": {"stripe_records", "crm_records"},
    "billing": {"item_timeline"},
    "fx": {"fx_rate"},
    "crm": {"accounts"},
    "mrr": {
        "mrr_snapshot",
        "mrr_scheduled",
        "mrr_movement",
        "mrr_item_movement",
        "mrr_movement_component",
        "intra_month_activity",
    },
    "metrics": {"expansion_metrics", "expansion_by_type", "expansion_cohort", "cohort_growth"},
    "attribution": {
        "expansion_attribution",
        "attribution_sensitivity",
        "crm_pipeline",
        "deal_reconciliation",
    },
    "readiness": {
        "readiness_score",
        "readiness_reason",
        "score_evaluation",
        "experiment_result",
        "readiness_list",
    },
    "publish": {"warehouse", "report"},
    "alerts": {"alert_evaluation", "slack_delivery"},
}


def _definitions(folder: Path, toml: str = "", **environment: str) -> dg.Definitions:
    (folder / "pipeline.toml").write_text(toml)
    return build_definitions(Settings.load(environment, folder))


def _assets(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return list(definitions.resolve_all_asset_specs())


def test_the_groups(tmp_path: Path) -> None:
    found: dict[str, set[str]] = {}
    for spec in _assets(_definitions(tmp_path)):
        found.setdefault(str(spec.group_name), set()).add(spec.key.to_user_string())
    assert found == GROUPS


def test_months_are_mapped_by_identity_and_computed_in_one_run(tmp_path: Path) -> None:
    definitions = _definitions(tmp_path)
    monthly = {spec.key for spec in _assets(definitions) if spec.partitions_def}
    for spec in _assets(definitions):
        for dep in spec.deps:
            if spec.key in monthly and dep.asset_key in monthly:
                assert isinstance(dep.partition_mapping, dg.IdentityPartitionMapping), spec.key
    for asset in definitions.assets or ():
        assert isinstance(asset, dg.AssetsDefinition)
        if asset.partitions_def:
            assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_assets_computed_together_have_their_parents_on_one_level(tmp_path: Path) -> None:
    """Else a backfill from the UI is refused by chance: Dagster 1.13 walks the graph breadth first in a set's order,
    and compares how it arrived at the months of each ("Targeted subset must match between every key").
    """
    definitions = _definitions(tmp_path)
    monthly = {
        spec.key: {dep.asset_key for dep in spec.deps}
        for spec in _assets(definitions)
        if spec.partitions_def
    }
    together = [
        asset.keys
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition) and len(asset.keys) > 1 and asset.partitions_def
    ]
    assert len(together) == 5, "movements, metrics, cohorts, attribution and readiness"
    for keys in together:
        parents = set.union(*(monthly[key] for key in keys)) & set(monthly)
        assert not any(monthly[parent] & parents for parent in parents), keys


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2020-03-31T22:30:00Z", "2020-04"),
        ("2020-03-31T21:30:00Z", "2020-03"),
        ("2031-01-02", "2031-01"),
    ],
)
def test_pipeline_now_decides_the_last_month(tmp_path: Path, now: str, last: str) -> None:
    toml = '[company]\nfirst_month = "2020-01"\ntimezone = "Europe/Berlin"\n'
    definitions = _definitions(tmp_path, toml, PIPELINE_NOW=now)
    months = next(spec.partitions_def for spec in _assets(definitions) if spec.partitions_def)
    keys = months.get_partition_keys()
    assert (keys[0], keys[-1]) == ("2020-01", last)


def test_the_clock_decides_the_last_month_otherwise(tmp_path: Path) -> None:
    definitions = _definitions(tmp_path, '[company]\nfirst_month = "2020-01"\n')
    months = next(spec.partitions_def for spec in _assets(definitions) if spec.partitions_def)
    at = datetime(2026, 12, 1, tzinfo=UTC)
    assert months.get_partition_keys(at)[-1] == "2026-12"


@pytest.mark.parametrize("running_", [True, False])
def test_the_schedule_runs_unless_the_configuration_stops_it(
    tmp_path: Path, running_: bool
) -> None:
    toml = f'[schedule]\nrunning = {str(running_).lower()}\nnightly = "30 2 * * *"\n'
    definitions = _definitions(tmp_path, toml)
    schedule = definitions.resolve_schedule_def("nightly")
    sensor = definitions.resolve_sensor_def("months_due")
    assert schedule.cron_schedule == "30 2 * * *"
    assert (schedule.default_status == dg.DefaultScheduleStatus.RUNNING) is running_
    assert (sensor.default_status == dg.DefaultSensorStatus.RUNNING) is running_


def test_loading_touches_no_disk(tmp_path: Path) -> None:
    _definitions(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline.toml"]


def _dagster(folder: Path, *arguments: str) -> str:
    home = folder / "dagster"
    running.prepare_home(home)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dagster", *arguments],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("STRIPE", "HUBSPOT"))},
            "DAGSTER_HOME": str(home),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_dagster_accepts_the_workspace(tmp_path: Path) -> None:
    said = _dagster(tmp_path, "definitions", "validate", "-w", str(ROOT / "workspace.yaml"))
    assert "Validation successful" in said


def test_dagster_accepts_its_settings(tmp_path: Path) -> None:
    said = _dagster(tmp_path, "instance", "info")
    assert "enabled: false" in said
    assert "default_limit: 1" in said


def test_a_run_that_died_gives_its_pool_slots_back(tmp_path: Path) -> None:
    """Else every later night would wait for the slot of a process that is gone."""
    running.prepare_home(tmp_path)
    settings = tmp_path / "dagster.yaml"
    kept = "free_slots_after_run_end_seconds: 60"
    assert kept in settings.read_text()
    settings.write_text(settings.read_text().replace(kept, kept.removesuffix("60") + "1"))
    dead, next_night = (str(uuid4()) for _ in range(2))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        pools = instance.event_log_storage
        pools.initialize_concurrency_limit_to_default("publish")
        run = dg.DagsterRun(job_name="months", run_id=dead, status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        assert pools.claim_concurrency_slot("publish", dead, "warehouse").is_claimed
        instance.report_run_failed(run)
        assert not pools.claim_concurrency_slot("publish", next_night, "warehouse").is_claimed
        daemon = SimpleNamespace(instance=instance)
        until = time.monotonic() + 30
        while dead in pools.get_concurrency_run_ids():
            assert time.monotonic() < until, "the slot of the dead run was never given back"
            time.sleep(0.2)
            list(execute_concurrency_slots_iteration(daemon, logging.getLogger("daemon")))  # type: ignore[arg-type]
        assert pools.claim_concurrency_slot("publish", next_night, "warehouse").is_claimed
