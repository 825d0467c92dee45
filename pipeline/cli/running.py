"""Dagster's jobs, run in this process on the one DAGSTER_HOME.

Belongs here: the instance, one run of a job, and how its events reach the terminal. The same jobs, with the same tags,
are what the schedule and the UI run.
"""

import fcntl
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import yaml
from dagster import DagsterEventType, DagsterRunStatus

from pipeline.assets import gone, night
from pipeline.assets.alerts import NIGHTLY, PURPOSE
from pipeline.assets.jobs import BY_COMMAND, FOLD, range_tags
from pipeline.assets.place import Place
from pipeline.cli import events, terminal
from pipeline.cli.terminal import Begun, Watch
from pipeline.definitions import build_definitions
from pipeline.errors import ConfigError, PipelineError
from pipeline.settings import Settings

NEVER_AGAIN = {"dagster/max_retries": "0"}
"""Dagster's daemon does not start a run of the command again: whoever typed it does."""
HOST, PROCESS = "expansion/host", "expansion/process"
"""Tags of the command's runs: where to look whether the process of a run still lives."""
UNFINISHED = (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED)
DAEMONS = frozenset({"SCHEDULER", "SENSOR"})
"""The daemons that a night needs."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Events are kept under DAGSTER_HOME; the terminal gets progress, warnings and the error."""
SHIPPED = files("pipeline") / "dagster.yaml"
"""This version's settings of Dagster: the file at the root, which an installed package has within it."""
SYNC_STEPS, FOLD_STEPS, MONTH_STEPS = len(terminal.SYNC), len(FOLD), len(terminal.MONTHS)


class RunFailed(PipelineError):
    """A run failed with what is no error of ours: its text is for who typed the command, and for nobody else."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a job: its id, and what each asset reported."""

    run_id: str
    metadata: Mapping[str, Mapping[str, Any]]


def prepare_home(home: Path) -> None:
    """Make DAGSTER_HOME with its settings, where they are absent."""
    with _alone(home):
        _settle(home)


@contextmanager
def opened(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance on DAGSTER_HOME, without what commands that were killed still hold there.

    Dagster makes its tables when an instance opens, and two that make them at once break them: they take turns.
    """
    with _alone(home):
        _settle(home)
        instance = events.instance(home)
        _bury(instance)
    with instance:
        yield instance


def lacking(home: Path) -> list[str]:
    """The settings of this version that DAGSTER_HOME's file has not; values of its own are the operator's.

    Raises:
        ConfigError: the file is not one of settings.
    """
    target = home / "dagster.yaml"
    if not target.is_file():
        return []
    try:
        kept = yaml.safe_load(target.read_bytes())
    except yaml.YAMLError:
        raise ConfigError(
            f"{target} is not YAML. Move it away: the next start writes this version's."
        ) from None
    return list(_absent(yaml.safe_load(SHIPPED.read_bytes()), kept))


def daemon_seen(home: Path) -> datetime | None:
    """When the daemon that starts schedules and sensors last said that it lives; null: never."""
    if not (home / "dagster.yaml").is_file():
        return None
    with _alone(home), dg.DagsterInstance.from_config(str(home)) as instance:
        beats = instance.get_daemon_heartbeats()
    if not beats.keys() >= DAEMONS:
        return None
    return datetime.fromtimestamp(min(beats[each].timestamp for each in DAEMONS), UTC)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other commands out of DAGSTER_HOME; the system gives the lock back if this one dies."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".expansion.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _settle(home: Path) -> None:
    target = home / "dagster.yaml"
    if not target.exists():
        target.write_bytes(SHIPPED.read_bytes())


def _absent(wanted: Mapping[str, Any], kept: object, within: str = "") -> Iterator[str]:
    """The names of what is wanted and not kept, outermost only."""
    for name, value in wanted.items():
        if not isinstance(kept, Mapping) or name not in kept:
            yield f"{within}{name}"
        elif isinstance(value, Mapping):
            yield from _absent(value, kept[name], f"{within}{name}.")


def _bury(instance: dg.DagsterInstance) -> None:
    """Mark the command's runs whose process is gone as failed, and free their pool slots.

    Runs that a daemon launched are looked after by the sensor `gone_runs`.
    """
    mine = dg.RunsFilter(statuses=UNFINISHED, tags={**BY_COMMAND, HOST: socket.gethostname()})
    for run in instance.get_runs(mine):
        if _lives(run.tags.get(PROCESS, "")):
            continue
        gone.bury(instance, run)


def _lives(process: str) -> bool:
    """Whether the process that a run's tag names is alive; its number may since be another's."""
    pid = process.partition("@")[0]
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _process(int(pid)) == process or "@" not in process


def _process(pid: int) -> str:
    """The number of a process, and where the system tells it (Linux) the tick at which it started."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return str(pid)
    return f"{pid}@{stat.rpartition(')')[2].split()[19]}"


def sync(settings: Settings, watch: Watch, *, full: bool = False) -> Ran:
    """Pull every source and fold it: the night's first step."""
    ops = {name: {"config": {"full": full}} for name in ("stripe_records", "crm_records")}
    return _run(settings, watch, "sync", {PURPOSE: NIGHTLY}, {"ops": ops})


def fold(settings: Settings, watch: Watch, only: Sequence[str] = FOLD) -> Ran:
    """The steps of a sync that ask neither Stripe nor the CRM, or some of them: what is known already is folded."""
    return _run(settings, watch, "sync", {}, {}, only)


def due(settings: Settings) -> night.Range | None:
    """The months to compute now."""
    place = Place(settings)
    try:
        return night.due(place.engine, place.calendar(), place.policy.label)
    finally:
        place.close()


def months(
    settings: Settings,
    watch: Watch,
    wanted: night.Range,
    purpose: str = NIGHTLY,
    only: Sequence[str] | None = None,
) -> Ran:
    """Compute and publish a range of months in one run, or only some of its assets; only a nightly one may alert."""
    return _run(settings, watch, "months", {**range_tags(wanted), PURPOSE: purpose}, {}, only)


def _run(
    settings: Settings,
    watch: Watch,
    name: str,
    tags: Mapping[str, str],
    config: Mapping[str, Any],
    only: Sequence[str] | None = None,
) -> Ran:
    """Run a job, or only some of its assets, to its end.

    Raises:
        PipelineError: what the failing step raised, or where to read what it was.
    """
    watch.say("Starting Dagster")
    place = Place(settings, watch=watch.page, waits=())
    run_id = str(uuid4())
    here = {HOST: socket.gethostname(), PROCESS: _process(os.getpid())}
    with opened(settings.dagster_home) as instance:
        instance.add_event_listener(run_id, lambda entry: _heard(watch, entry))
        job = build_definitions(settings, place).resolve_job_def(name)
        watch.last = Begun(run_id, name)
        try:
            result = job.execute_in_process(
                run_config={**QUIET, **config},
                instance=instance,
                asset_selection=None if only is None else [dg.AssetKey(name) for name in only],
                run_id=run_id,
                tags={**tags, **BY_COMMAND, **NEVER_AGAIN, **here},
                raise_on_error=True,
            )
        except PipelineError:
            raise
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        except dg.DagsterError as error:
            cause = _pipeline_error(error)
            raise cause or RunFailed(
                f"The run {run_id} failed: {error}. Its log is in Dagster's UI (dagster dev)."
            ) from error
        finally:
            place.close()
        watch.last = None
        return Ran(run_id, _reported(result))


def _heard(watch: Watch, entry: dg.EventLogEntry) -> None:
    if entry.level == logging.WARNING and entry.dagster_event is None:
        watch.warnings.append(entry.user_message)
    event = entry.dagster_event
    if event is None or not event.step_key:
        return
    if event.event_type == DagsterEventType.STEP_START:
        watch.step(event.step_key)
    elif event.event_type == DagsterEventType.STEP_SUCCESS:
        watch.done()
    elif event.event_type == DagsterEventType.STEP_FAILURE and watch.last:
        watch.last.failed.append(event.step_key)


def _pipeline_error(error: BaseException) -> PipelineError | None:
    """The error of ours behind one of Dagster's."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, PipelineError):
            return seen
        seen = getattr(seen, "user_exception", None) or seen.__cause__
    return None


def _reported(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            done = event.step_materialization_data.materialization
            found[done.asset_key.to_user_string()] = {
                key: value.value for key, value in done.metadata.items()
            }
    return found
