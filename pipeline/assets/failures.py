"""A run that failed is told to operations: the first failure, not each retry, and once for a backfill.

Belongs here: which failure is told, by the sensor and by the command. The message goes through the outbox, so that it
is told once whatever happens.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from pipeline import database, errors
from pipeline.alerts.delivery import report
from pipeline.alerts.messages import Failure, failure
from pipeline.assets.alerts import letterhead, slack
from pipeline.settings import Settings

ROOT, BACKFILL = "dagster/root_run_id", "dagster/backfill"
HURRY, SETTLING = 5.0, 2.0
"""Seconds: Dagster gives a sensor a minute in all, and who typed a command waits to read what is wrong."""
OURS = frozenset(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.PipelineError)
)
"""Errors whose text is written for people and names nobody."""


def run_failed(settings: Settings) -> dg.SensorDefinition:
    """The sensor `run_failed`."""

    @dg.run_failure_sensor(
        name="run_failed",
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.config.schedule.running
        else dg.DefaultSensorStatus.STOPPED,
        description="Tells slack.operations_channel that a run failed: once for its retries, once for a backfill.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        if not connected(settings):
            return dg.SkipReason("Slack is not connected.")
        run = context.dagster_run
        backfill = run.tags.get(BACKFILL)
        about = f"backfill|{backfill}" if backfill else f"run|{run.tags.get(ROOT, run.run_id)}"
        told = tell(settings, about, _failure(context, run.job_name), run.run_id)
        return None if told else dg.SkipReason("It was told already, or cannot be told now.")

    return sensor


def tell_of_command(
    settings: Settings, run_id: str, job: str, steps: Sequence[str], error: Exception
) -> bool:
    """Tell operations of a run of a command's, which the sensor does not see; false as `tell` says.

    Args:
        settings: where.
        run_id: the run.
        job: its job.
        steps: the steps that failed.
        error: what it failed with; of another's the text is kept.
    """
    why = str(error) if type(error).__name__ in OURS else None
    return tell(settings, f"run|{run_id}", Failure(job, tuple(steps), why), run_id)


def connected(settings: Settings) -> bool:
    """Whether there is a Slack to tell it to."""
    way = slack(settings)
    return bool(way.token or way.webhook)


def tell(settings: Settings, about: str, found: Failure, run_id: str) -> bool:
    """Tell operations of a failure; false where it was told before, or can neither wait in the outbox nor be sent.

    Args:
        settings: where.
        about: what failed, `run|ROOT_RUN_ID` or `backfill|ID`; each is told once.
        found: the failure.
        run_id: the run.
    """
    engine = database.engine(settings.warehouse_url)
    try:
        return report(
            engine,
            replace(slack(settings), timeout=HURRY, settling=SETTLING),
            f"operations|{about}",
            settings.config.slack.operations_channel,
            failure(found, letterhead(settings, run_id)),
            settings.now(),
        )
    finally:
        engine.dispose()


def _failure(context: dg.RunFailureSensorContext, job: str) -> Failure:
    backfill = BACKFILL in context.dagster_run.tags
    shown = "months" if job.startswith("__") else job
    events = context.get_step_failure_events()
    steps = tuple(dict.fromkeys(event.step_key for event in events if event.step_key))
    found = (
        _ours(event.step_failure_data.error) for event in events if event.step_failure_data.error
    )
    why = next((each for each in found if each), None)
    if not steps:
        why = "Its process ended, or Dagster could not start it."
    return Failure(job=shown, steps=steps, why=why, backfill=backfill)


def _ours(error: Any) -> str | None:
    """The text of the error of ours behind one of Dagster's; another's may hold anything."""
    while error is not None:
        if error.cls_name in OURS:
            return str(error.message).partition(": ")[2].strip()
        error = error.cause
    return None
