"""A run that fails is told to operations: once for its retries, once for a backfill, and without anybody's name."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from pipeline.assets.failures import run_failed
from pipeline.database import engine, upgrade
from pipeline.errors import SourceError
from pipeline.sandbox.server import SandboxServer
from pipeline.settings import Settings

TOLD = "Stripe does not answer. Check the network."


@pytest.fixture
def slack() -> Iterator[SandboxServer]:
    with SandboxServer(None) as server:
        yield server


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def settings(folder: Path, environment: Mapping[str, str]) -> Settings:
    found = Settings.load(environment, folder)
    upgrade(found.warehouse_url)
    return found


def fails(
    instance: dg.DagsterInstance, error: Exception, tags: Mapping[str, str] | None = None
) -> dg.RunFailureSensorContext:
    """What the sensor sees of a run whose step raises `error`."""

    @dg.op
    def stripe_records() -> None:
        raise error

    @dg.job
    def sync() -> None:
        stripe_records()

    ran = sync.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    return dg.build_run_status_sensor_context(
        "run_failed",
        dagster_event=ran.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=ran.dagster_run,
    ).for_run_failure()


def posted(slack: SandboxServer) -> list[str]:
    channel = slack.store.channel("#data-ops")
    assert channel is not None
    return [each["text"] for each in channel.messages]


def test_the_first_failure_is_told_and_its_retries_are_not(
    tmp_path: Path, slack: SandboxServer, instance: dg.DagsterInstance
) -> None:
    sensor = run_failed(settings(tmp_path, slack.environment()))
    first = fails(instance, SourceError(TOLD))
    assert sensor(first) is None
    retry = fails(instance, SourceError(TOLD), {"dagster/root_run_id": first.dagster_run.run_id})
    assert isinstance(sensor(retry), dg.SkipReason)
    (message,) = posted(slack)
    assert "A run failed: sync" in message
    assert "stripe_records" in message
    assert TOLD in message
    assert sensor(fails(instance, SourceError(TOLD))) is None
    assert len(posted(slack)) == 2, "another run is another failure"


def test_a_backfill_is_told_once(
    tmp_path: Path, slack: SandboxServer, instance: dg.DagsterInstance
) -> None:
    sensor = run_failed(settings(tmp_path, slack.environment()))
    for _ in range(3):
        sensor(fails(instance, SourceError(TOLD), {"dagster/backfill": "abc"}))
    (message,) = posted(slack)
    assert "A backfill failed" in message


def test_what_an_error_of_another_says_is_kept(
    tmp_path: Path, slack: SandboxServer, instance: dg.DagsterInstance
) -> None:
    sensor = run_failed(settings(tmp_path, slack.environment()))
    sensor(fails(instance, ValueError("ann@acme.example has no account")))
    (message,) = posted(slack)
    assert "acme" not in message
    assert "run's log" in message


def test_without_slack_nothing_is_told_and_nothing_waits(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    found = settings(tmp_path, {})
    assert isinstance(run_failed(found)(fails(instance, SourceError(TOLD))), dg.SkipReason)
    warehouse = engine(found.warehouse_url)
    with warehouse.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM slack_outbox")) == 0
    warehouse.dispose()


def test_a_database_that_is_broken_is_told_all_the_same_and_once(
    tmp_path: Path, slack: SandboxServer, instance: dg.DagsterInstance
) -> None:
    found = settings(tmp_path, slack.environment())
    warehouse = engine(found.warehouse_url)
    with warehouse.begin() as connection:
        connection.execute(text("DROP TABLE slack_outbox"))
    warehouse.dispose()
    failed = fails(instance, SourceError(TOLD))
    sensor = run_failed(found)
    assert sensor(failed) is None
    assert isinstance(sensor(failed), dg.SkipReason)
    assert len(posted(slack)) == 1
