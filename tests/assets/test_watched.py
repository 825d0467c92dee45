"""Who answers for assets, and how old they may become: what the UI shows beside each of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessPolicy

from pipeline.assets import watched
from pipeline.definitions import build_definitions
from pipeline.settings import Settings

NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settings(folder: Path, toml: str = "", **environment: str) -> Settings:
    (folder / "pipeline.toml").write_text(toml)
    return Settings.load(environment, folder)


def policies(found: Settings) -> dict[bool, set[FreshnessPolicy | None]]:
    """By whether they have months: the assets' policies."""
    specs = list(build_definitions(found).resolve_all_asset_specs())
    return {
        monthly: {
            spec.freshness_policy for spec in specs if (spec.partitions_def is not None) is monthly
        }
        for monthly in (True, False)
    }


def published(instance: dg.DagsterInstance, month: str) -> None:
    done = dg.AssetMaterialization(watched.MONTHLY, partition=month)
    instance.report_runless_asset_event(done)


def this_month(found: Settings) -> str:
    return f"{found.now():%Y-%m}"


def test_the_owner_is_who_is_told_when_a_run_fails(tmp_path: Path) -> None:
    found = settings(tmp_path, '[slack]\noperations_channel = "#revenue-ops"\n')
    specs = build_definitions(found).resolve_all_asset_specs()
    assert {tuple(spec.owners) for spec in specs} == {("team:revenue-ops",)}


@pytest.mark.parametrize(
    ("nightly", "hours"),
    [("0 3 * * *", 24), ("30 22 * * 1-5", 72), ("0 3 * * 1", 7 * 24), ("0 */6 * * *", 6)],
)
def test_what_every_night_makes_may_be_as_old_as_the_longest_time_between_two(
    tmp_path: Path, nightly: str, hours: int
) -> None:
    found = settings(tmp_path, f'[schedule]\nnightly = "{nightly}"\n')
    longest = dg.FreshnessPolicy.time_window(hours * HOUR + watched.LATE)
    assert policies(found) == {True: {None}, False: {longest}}


def test_nothing_grows_old_where_no_schedule_runs(tmp_path: Path) -> None:
    found = settings(tmp_path, "[schedule]\nrunning = false\n")
    assert policies(found) == {True: {None}, False: {None}}
    sensor = build_definitions(found).resolve_sensor_def("current_month")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED


def test_only_the_current_month_makes_months_fresh(tmp_path: Path) -> None:
    found = settings(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        published(instance, this_month(found))
        now = datetime.now(UTC)
        assert watched.seen(instance, found, now).fresh
        published(instance, "2020-01")
        late = watched.seen(instance, found, now + 28 * HOUR)
        assert not late.fresh
        assert this_month(found) in late.said
        published(instance, this_month(found))
        assert watched.seen(instance, found, datetime.now(UTC) + 26 * HOUR).fresh


def test_a_month_that_just_began_has_time_to_be_computed(tmp_path: Path) -> None:
    found = settings(tmp_path)
    began = found.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with dg.DagsterInstance.ephemeral() as instance:
        assert watched.seen(instance, found, began + 26 * HOUR).fresh
        never = watched.seen(instance, found, began + 28 * HOUR)
    assert not never.fresh
    assert "was never published" in never.said


def test_the_sensor_says_it_once_and_again_when_it_changes(tmp_path: Path) -> None:
    found = settings(tmp_path)
    sensor = watched.current_month(found)
    with dg.DagsterInstance.ephemeral() as instance:

        def looks(cursor: str | None) -> dg.SensorResult | dg.SkipReason:
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                told = sensor(context)
            assert isinstance(told, dg.SensorResult | dg.SkipReason)
            return told

        published(instance, this_month(found))
        first = looks(None)
        assert isinstance(first, dg.SensorResult)
        (told,) = first.asset_events
        assert isinstance(told, dg.AssetCheckEvaluation)
        assert (told.check_name, told.passed) == ("current_month_fresh", True)
        assert isinstance(looks(first.cursor), dg.SkipReason)
        published(instance, this_month(found))
        assert isinstance(looks(first.cursor), dg.SensorResult)
