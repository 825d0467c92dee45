"""Runs whose process is gone: they are marked as failed and give back their pool slots, so that nothing waits for them.

Belongs here: telling whether a process lives. Dagster's code server marks the runs that it started itself, as long as
it lives. Where the machine or the container went down with it, they would run on for Dagster until the longest time of
a run is over. Once a run is marked, `run_retries` in dagster.yaml says whether it is started once more.
"""

import os
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

STARTED_HERE = ".dagster/grpc_info"
"""Tag of a run that a code server started beside itself. Other launchers look after their runs themselves."""
LOCATION = "dagster/code_location"
LOOKS = 60
SLACK = 60.0
"""Seconds by which the clock may have been put since."""
UNFINISHED = (DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)


def gone_runs() -> dg.SensorDefinition:
    """The sensor `gone_runs`. It runs whatever the schedule does: backfills are started without it."""

    @dg.sensor(
        name="gone_runs",
        minimum_interval_seconds=LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs as failed whose process is gone, as after a restart of the machine, so that Dagster "
        "starts them once more and nothing waits for them.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        origin = context.code_location_origin
        marked = [] if origin is None else left_behind(context.instance, origin.location_name)
        for run in marked:
            bury(context.instance, run)
        return dg.SkipReason(f"Runs whose process is gone: {len(marked)}.")

    return sensor


def bury(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Mark a run as failed and free its pool slots; first the slots, so that who dies in between is followed up."""
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    instance.report_run_failed(run, "The process of this run is gone.")


def started_at(process: int) -> float | None:
    """When a process started, in seconds since 1970; null where there is none, or only what is left of a dead one.

    Asks Linux; elsewhere there is none.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        since = Path("/proc/stat").read_text(encoding="utf-8").partition("\nbtime ")[2].split()[0]
    except (OSError, IndexError):
        return None
    ticks = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return None if fields[0] in {"Z", "X"} else int(since) + ticks


def left_behind(instance: dg.DagsterInstance, location: str) -> list[dg.DagsterRun]:
    """The runs of this code location that began beside a code server and whose process does not live any more."""
    found = instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED), tags={LOCATION: location}))
    dead = [run for run in found if STARTED_HERE in run.tags and not _lives(instance, run)]
    # A process that came to its end meanwhile has said so.
    now = (instance.get_run_by_id(run.run_id) for run in dead)
    return [run for run in now if run is not None and not run.is_finished]


def _lives(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process that began the run lives; its number may since be another's. True where nobody can say."""
    if not Path("/proc/self/stat").exists():
        return True
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
        told = entry.get_dagster_event().engine_event_data.metadata.get("pid")
        if told is not None:
            since = started_at(int(str(told.value)))
            return since is not None and since <= entry.timestamp + SLACK
    return True
