"""Installations that live side by side over one simulated company: each night is the command in a process of its own.

Belongs here: what an installation is, one night of it, and what it holds afterwards. Does not belong here: what goes
wrong on a night (`tests.nights.faults`).
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from click.testing import CliRunner

from pipeline.assets.place import Place
from pipeline.cli import running
from pipeline.cli.doctor import doctor
from pipeline.publish import published
from pipeline.sandbox.server import SandboxServer
from pipeline.schemas import PUBLISHED, TABLES
from pipeline.settings import Settings
from tests.cli.desk import CONFIG
from tests.conftest import ROOT

LIMITED = """\
import os, resource, signal, sys
after, longest, *command = sys.argv[1:]
signal.setitimer(signal.ITIMER_PROF, float(after))
if int(longest):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(longest), int(longest)))
os.execv(command[0], command)
"""
"""Becomes the command, with its limits. Nobody handles the timer's signal: it ends the process wherever it is."""
PATIENCE = 240.0
"""Seconds after which a night has hung."""


@dataclass(frozen=True)
class Night:
    """How one night ended: exit code (negative: the signal), what it said, and the seconds that it took."""

    code: int
    out: str
    err: str
    took: float
    worked: float
    """Seconds of processor time."""

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


@dataclass
class Life:
    """One installation: a folder with everything of it but its warehouse on PostgreSQL, and its services."""

    folder: Path
    services: SandboxServer
    warehouse_url: str
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "pipeline.toml").write_text(CONFIG)

    def variables(self, *, astray: bool = False) -> dict[str, str]:
        """The environment of its commands, at the company's present; `astray`: at what this machine takes for it."""
        here = {
            **self.services.environment(),
            "WAREHOUSE_URL": self.warehouse_url,
            "DAGSTER_HOME": str(self.folder / ".dagster"),
        }
        if astray:
            del here["PIPELINE_NOW"]
        return here | self.environment

    def starts(
        self,
        *arguments: str,
        astray: bool = False,
        dies_after: float = 0.0,
        longest: int = 0,
    ) -> "subprocess.Popen[str]":
        """A command of it.

        Args:
            arguments: what is typed.
            astray: its clock is that of this machine, which is not the company's.
            dies_after: seconds of processor time after which it is killed; 0 for never.
            longest: the most bytes that it may write into a file; 0 for any.
        """
        command = [sys.executable, "-m", "pipeline.cli.main", *arguments]
        if dies_after or longest:
            command = [sys.executable, "-c", LIMITED, str(dies_after), str(longest), *command]
        return self.spawns(command, astray=astray)

    def spawns(self, command: Sequence[str], *, astray: bool = False) -> "subprocess.Popen[str]":
        """Any command in its folder, with its environment."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.variables(astray=astray)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def night(
        self,
        astray: bool = False,
        dies_after: float = 0.0,
        longest: int = 0,
        meanwhile: Callable[["subprocess.Popen[str]"], None] | None = None,
    ) -> Night:
        """`expansion run`, to its end; `meanwhile` is called with its process once it has started."""
        process = self.starts(
            "run", "--json", astray=astray, dies_after=dies_after, longest=longest
        )
        return ended(process, meanwhile)

    def doctor(self) -> dict[str, Mapping[str, str]]:
        """What `expansion doctor` finds, by what it looked at; in this process, which has loaded everything."""
        with chdir(self.folder):
            found = CliRunner().invoke(doctor, ["--json"], env=self.variables())
        return {each["what"]: each for each in json.loads(found.stdout)}

    @property
    def settings(self) -> Settings:
        return Settings.load(self.variables(), self.folder)

    def runs(self) -> list[dg.DagsterRun]:
        """Every run that Dagster's UI shows, the newest first; those of dead processes are marked as such by now."""
        with running.opened(self.settings.dagster_home) as instance:
            return list(instance.get_runs())

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table, from the lake and, as `warehouse.NAME`, from the warehouse."""
        place = Place(self.settings)
        try:
            found = {
                name: place.lake.scan(table).collect()
                for name, table in TABLES.items()
                if place.lake.partitions(table)
            }
            shown = {f"warehouse.{t.name}": published(place.engine, t.name) for t in PUBLISHED}
            return found | shown
        finally:
            place.close()


def ended(
    process: "subprocess.Popen[str]",
    meanwhile: Callable[["subprocess.Popen[str]"], None] | None = None,
) -> Night:
    """How a command ended."""
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        if meanwhile is not None:
            meanwhile(process)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Night(process.returncode, out, err, time.monotonic() - began, worked)
