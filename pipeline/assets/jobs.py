"""Jobs, and when they run: the night in two steps.

Belongs here: `sync` pulls the sources and folds them; `months` computes, publishes and alerts for a range of months.
After a sync the sensor starts ONE run of `months`, from the earliest month that is due to the current one, so that
nights that were missed come together in it. A run that the command started is followed up by the command itself.
"""

import dagster as dg
from dagster import DagsterRunStatus

from pipeline.assets import night
from pipeline.assets.alerts import NIGHTLY, PURPOSE
from pipeline.assets.place import Place
from pipeline.settings import Settings

FOLD = ("item_timeline", "fx_rate", "accounts")
SYNC = ("stripe_records", "crm_records", *FOLD)
BY_COMMAND = {"expansion/started_by": "command"}
"""Tags of the command's runs: no sensor sees them."""
LOOKED_BACK = 100
"""Runs among which the last of the schedule's is looked for."""
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


sync_job = dg.define_asset_job(
    "sync",
    selection=dg.AssetSelection.assets(*SYNC),
    description="Sources, timeline, rates and accounts: everything that is not computed by month.",
)
months_job = dg.define_asset_job(
    "months",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(*SYNC),
    description="Snapshots to alerts, for a range of months in one run.",
)


def range_tags(months: night.Range) -> dict[str, str]:
    """The tags that make one run of a range of months."""
    first, last = months.keys
    return {RANGE_START: first, RANGE_END: last}


def nightly(settings: Settings) -> dg.ScheduleDefinition:
    """The night's first step, on the configured schedule."""
    schedule = settings.config.schedule
    return dg.ScheduleDefinition(
        name="nightly",
        job=sync_job,
        cron_schedule=schedule.nightly,
        execution_timezone=settings.config.company.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING
        if schedule.running
        else dg.DefaultScheduleStatus.STOPPED,
        tags={PURPOSE: NIGHTLY},
        description="Pulls the sources; the sensor months_due follows.",
    )


def months_due(settings: Settings) -> dg.SensorDefinition:
    """The night's second step: after a sync, one run over the months that are due."""

    @dg.run_status_sensor(
        name="months_due",
        run_status=DagsterRunStatus.SUCCESS,
        monitored_jobs=[sync_job],
        request_job=months_job,
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.config.schedule.running
        else dg.DefaultSensorStatus.STOPPED,
        description=months_due.__doc__,
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        if run.tags.get(PURPOSE) != NIGHTLY:
            return dg.SkipReason("The sync was not a nightly one.")
        if _newer(context.instance, run):
            return dg.SkipReason("A later sync has finished; its months include these.")
        place = Place(settings)
        try:
            months = night.due(place.engine, place.calendar(), place.policy.label)
        finally:
            place.close()
        if months is None:
            return dg.SkipReason("Nobody has paid yet: there is no month to compute.")
        return dg.RunRequest(
            run_key=f"after-{run.run_id}", tags={**range_tags(months), PURPOSE: NIGHTLY}
        )

    return sensor


def _newer(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a later night of the schedule's has finished, which is followed up itself."""
    finished = dg.RunsFilter(
        job_name=run.job_name, statuses=[DagsterRunStatus.SUCCESS], tags={PURPOSE: NIGHTLY}
    )
    latest = next(
        (
            each
            for each in instance.get_runs(finished, limit=LOOKED_BACK)
            if not BY_COMMAND.items() <= each.tags.items()
        ),
        run,
    )
    return latest.run_id != run.run_id
