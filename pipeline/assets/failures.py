"""A run that failed is told to operations: the first failure, not each retry, and once for a backfill.

Belongs here: which failure is told. The message goes through the outbox, so that it is told once whatever happens.
"""

from dataclasses import replace
from typing import Any

import dagster as dg

from pipeline import errors
from pipeline.alerts.delivery import report
from pipeline.alerts.messages import Failure, failure
from pipeline.assets.alerts import letterhead, slack
from pipeline.assets.place import Place
from pipeline.settings import Settings

ROOT, BACKFILL = "dagster/root_run_id", "dagster/backfill"
HURRY, SETTLING = 5.0, 2.0
"""Seconds: Dagster gives a sensor a minute in all."""
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
        way = slack(settings)
        if not (way.token or way.webhook):
            return dg.SkipReason("Slack is not connected.")
        run = context.dagster_run
        backfill = run.tags.get(BACKFILL)
        about = f"backfill|{backfill}" if backfill else f"run|{run.tags.get(ROOT, run.run_id)}"
        message = failure(_failure(context, run.job_name), letterhead(settings, run.run_id))
        place = Place(settings)
        try:
            told = report(
                place.engine,
                replace(way, timeout=HURRY, settling=SETTLING),
                f"operations|{about}",
                settings.config.slack.operations_channel,
                message,
                settings.now(),
            )
        finally:
            place.close()
        return None if told else dg.SkipReason("It was told already.")

    return sensor


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
