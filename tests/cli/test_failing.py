"""A night of the command's that fails is told to operations, once, and whatever becomes of telling hides nothing."""

import errno
import socket
from dataclasses import replace
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterEventType
from sqlalchemy import select

from pipeline import database, schemas
from pipeline.assets.failures import run_failed
from pipeline.cli import failing, running
from pipeline.cli.terminal import Begun, Watch
from pipeline.errors import MissingMonth
from tests.cli.desk import Desk, Said

NO_KEY = "STRIPE_API_KEY is not set"


def _posted(desk: Desk) -> list[str]:
    channel = desk.services.store.channel("#data-ops")
    return [each["text"] for each in channel.messages] if channel else []


def _outbox(desk: Desk) -> dict[str, str]:
    """Key -> status of the messages to operations about runs."""
    table = database.table_of(schemas.SLACK_OUTBOX)
    query = select(table.c.key, table.c.status).where(table.c.key.startswith("operations|run|"))
    engine = database.engine(desk.settings.warehouse_url)
    try:
        with database.reading(engine) as connection:
            return {row.key: row.status for row in connection.execute(query)}
    finally:
        engine.dispose()


def _fails(desk: Desk, *command: str) -> Said:
    """A night without Stripe's key."""
    key = desk.environment.pop("STRIPE_API_KEY")
    said = desk.types(*command)
    desk.environment["STRIPE_API_KEY"] = key
    assert said.code == 3
    assert said.err.startswith(f"expansion: {NO_KEY}"), "nothing but the error"
    return said


def _ends(desk: Desk, error: BaseException, watch: Watch | None = None) -> None:
    """The data work of a night ends with `error`, and so does what is around it."""
    with pytest.raises(type(error)) as raised, failing.told(desk.settings, watch or _working()):
        raise error
    assert raised.value is error


def _working() -> Watch:
    return Watch(last=Begun(str(uuid4()), "months", ["warehouse"]))


def test_it_is_told_with_the_reason_and_the_sensor_would_not_tell_it_again(worked: Desk) -> None:
    before = _posted(worked)
    _fails(worked, "run")
    (message,) = _posted(worked)[len(before) :]
    assert "A run failed: sync" in message
    assert "stripe_records" in message
    assert NO_KEY in message
    with running.opened(worked.settings.dagster_home) as instance:
        (run,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        assert _outbox(worked) == {f"operations|run|{run.run_id}": "sent"}
        (ended,) = instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE)
        seen = dg.build_run_status_sensor_context(
            "run_failed",
            dagster_event=ended.get_dagster_event(),
            dagster_instance=instance,
            dagster_run=run,
        )
        assert isinstance(run_failed(worked.settings)(seen.for_run_failure()), dg.SkipReason)
    _fails(worked, "run")
    assert len(_posted(worked)) == len(before) + 2, "another night is another failure"


def test_what_a_person_watches_is_not_told(worked: Desk) -> None:
    before = worked.messages
    _fails(worked, "sync")
    _ends(worked, KeyboardInterrupt())
    assert worked.messages == before
    assert _outbox(worked) == {}


def test_without_slack_nothing_is_told_and_nothing_waits(worked: Desk) -> None:
    del worked.environment["SLACK_BOT_TOKEN"]
    _fails(worked, "run")
    assert _outbox(worked) == {}


def test_while_slack_is_down_it_waits_and_the_next_night_sends_it(worked: Desk) -> None:
    before, base = _posted(worked), worked.environment["SLACK_API_BASE"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        worked.environment["SLACK_API_BASE"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        _fails(worked, "run")
    (key,) = _outbox(worked)
    assert _outbox(worked)[key] != "sent"
    assert _posted(worked) == before
    worked.environment |= {
        "SLACK_API_BASE": base,
        "PIPELINE_NOW": "2026-11-24T06:00:00Z",
    }
    assert worked.types("run").code == 0
    assert _outbox(worked) == {key: "sent"}
    assert len(_posted(worked)) == len(before) + 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MissingMonth("2026-10 was never computed."), "2026-10 was never computed."),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (ValueError("ann@acme.example has no account"), "The reason is in the run's log."),
        (running.RunFailed("ann@acme.example broke"), "The reason is in the run's log."),
    ],
)
def test_only_what_is_written_for_people_is_told(
    worked: Desk, error: Exception, words: str
) -> None:
    before = _posted(worked)
    _ends(worked, error)
    (message,) = _posted(worked)[len(before) :]
    assert "A run failed: months" in message
    assert words in message
    assert "acme" not in message


def test_a_warehouse_without_its_tables_is_told_all_the_same(desk: Desk) -> None:
    before = _posted(desk)
    _ends(desk, MissingMonth("2026-10 was never computed."))
    assert len(_posted(desk)) == len(before) + 1


def test_what_fails_after_a_run_is_not_told_as_that_run(worked: Desk) -> None:
    watch = Watch()
    running.fold(worked.settings, watch)
    assert watch.last is None


def test_what_cannot_be_told_is_said_beside_the_error(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    _ends(desk, MissingMonth("Never computed."), Watch())
    assert capfd.readouterr().err == (
        "warning: operations were not told in Slack: no run was going on.\n"
    )
    unknown = replace(desk.settings, warehouse_url="nonsense")
    with pytest.raises(MissingMonth), failing.told(unknown, _working()):
        raise MissingMonth("Never computed.")
    assert "were not told in Slack: ConfigError." in capfd.readouterr().err
