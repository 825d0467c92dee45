"""The systemd units: systemd accepts them, and what they start works, with Dagster on SQLite.

Their own commands and environments are used; `/opt`, `/etc` and `/var/lib` become folders of the test. What only
systemd does (users, the limits on system calls and addresses) is checked as text by its own tool, not in force.
"""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.setup.dockerfile import ROOT
from tests.setup.processes import GRACE, Process, free_port
from tests.setup.written import blocks

UNITS = ROOT / "deploy" / "systemd"
NAMES = sorted(path.name for path in UNITS.glob("expansion-*.*") if path.is_file())
SYSTEM = Path("/usr/lib/systemd/system")
WORST = 20
"""Of systemd's exposure level in tenths: 2.0 of 10."""
NOW = datetime(2026, 6, 20, 6, tzinfo=UTC)
CONFIG = '[fx]\nsource = "fixed"\n[fx.rates]\neur = 1.08\n[stripe]\nrequests_per_second = 2000\n'
LOCATION = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"


SHIMS = {
    # What the unit would have, and then the command.
    "systemd-run": """
while [[ $1 == -* ]]; do
  case $1 in
  -p) if [[ $2 == EnvironmentFile=* ]]; then set -a && . "${2#*=}" && set +a; fi
      if [[ $2 == WorkingDirectory=* ]]; then cd "${2#*=}"; fi
      shift 2 ;;
  -E) export "$2"; shift 2 ;;
  *) shift ;;
  esac
done
exec "$@"
""",
    "install": 'while [[ $1 != /* ]]; do shift; done; mkdir -p "$@"',
    "chown": "",
    "systemctl": "",
}
"""The tools of the documentation's lines that need systemd, or a user of its own."""


def _systemd(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None or not SYSTEM.is_dir():
        pytest.skip("systemd-analyze is not on this machine")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder as the documentation lays it out, with empty programs."""
    folder = tmp_path_factory.mktemp("root")
    if SYSTEM.is_dir():
        shutil.copytree(SYSTEM, folder / SYSTEM.relative_to("/"), symlinks=True)
    shutil.copytree(UNITS, folder / "etc/systemd/system")
    for program in ("scripts/serve.sh", ".venv/bin/expansion"):
        path = folder / "opt/expansion" / program
        path.parent.mkdir(parents=True)
        path.touch(0o755)
    return folder


def test_systemd_accepts_the_units(root: Path) -> None:
    said = _systemd("verify", "--man=no", f"--root={root}", *NAMES)
    ours = [line for line in said.stderr.splitlines() if "expansion" in line]
    assert ours == []
    (root / "opt/expansion/scripts/serve.sh").chmod(0o644)
    spoiled = _systemd("verify", "--man=no", f"--root={root}", *NAMES)
    assert "serve.sh is not executable" in spoiled.stderr, "it looks"
    (root / "opt/expansion/scripts/serve.sh").chmod(0o755)


@pytest.mark.parametrize("unit", [name for name in NAMES if name.endswith(".service")])
def test_a_unit_may_do_little_on_the_machine(root: Path, unit: str) -> None:
    level = _systemd(
        *("security", "--offline=true", "--no-pager", f"--threshold={WORST}", f"--root={root}"),
        unit,
    )
    assert "Overall exposure level" in level.stdout
    assert level.returncode == 0, level.stdout[-200:]


@pytest.mark.parametrize("unit", ["code", "night"])
def test_want_of_memory_ends_a_process_and_not_the_unit(unit: str) -> None:
    lines = (UNITS / f"expansion-{unit}.service").read_text().splitlines()
    assert {"MemoryMax=4G", "OOMPolicy=continue"} <= set(lines)


class Machine:
    """The units' commands in folders of the test."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        for place in ("opt", "etc/expansion", "var/lib/expansion"):
            (folder / place).mkdir(parents=True)
        app = folder / "opt/expansion"
        (app / ".venv").mkdir(parents=True)
        (app / ".venv/bin").symlink_to(Path(sys.executable).parent)
        for name in ("workspace.yaml", "dagster.yaml", "deploy", "scripts", "pipeline"):
            (app / name).symlink_to(ROOT / name)

    def here(self, text: str) -> str:
        """`text` with its folders inside the test's and its ports free ones."""
        mapped = re.sub(
            r"(?<![\w.])/(?=(opt|etc|var/lib|backup)/expansion)", f"{self.folder}/", text
        )
        for port, free in self.ports.items():
            mapped = mapped.replace(f"={port}", f"={free}")
        return mapped

    def unit(self, name: str) -> tuple[list[str], dict[str, str]]:
        """A unit's command and environment."""
        lines = (UNITS / "expansion-.service.d/common.conf").read_text().splitlines()
        lines += (UNITS / f"expansion-{name}.service").read_text().splitlines()
        told = [tuple(self.here(line).split("=", 1)) for line in lines if "=" in line]
        environment = {"PYTHONPATH": str(ROOT), "HOME": str(self.folder)}
        environment |= dict(value.split("=", 1) for key, value in told if key == "Environment")
        for key, value in told:
            file = Path(value.removeprefix("-"))
            if key == "EnvironmentFile" and (file.exists() or not value.startswith("-")):
                pairs = [line.split("=", 1) for line in file.read_text().splitlines()]
                environment |= dict(pairs)
        (command,) = [value for key, value in told if key == "ExecStart"]
        return command.split(), environment

    def runs(self, name: str) -> subprocess.CompletedProcess[str]:
        command, environment = self.unit(name)
        return subprocess.run(
            command,
            cwd=self.folder / "opt/expansion",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def types(self, lines: str) -> None:
        """Lines of the documentation in a shell, as root's."""
        shims = self.folder / "shims"
        shims.mkdir(exist_ok=True)
        for name, body in SHIMS.items():
            (shims / name).write_text(f"#!/bin/bash\n{body}\n")
            (shims / name).chmod(0o755)
        subprocess.run(
            ["/bin/bash", "-euc", self.here(lines)],
            cwd=self.folder,
            env={
                "PATH": f"{shims}:/usr/bin:/bin",
                "PYTHONPATH": str(ROOT),
                "HOME": str(self.folder),
            },
            check=True,
        )

    def starts(self, name: str) -> Process:
        command, environment = self.unit(name)
        where = self.folder / "opt/expansion"
        return Process(name, command, where, environment, self.folder / f"{name}.log")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(
        tmp_path_factory.mktemp("machine"), {"3000": str(free_port()), "4000": str(free_port())}
    )
    company = Company(seed=11, customers=8, months=2, end=NOW)
    company.advance(NOW)
    (made.folder / "etc/expansion/pipeline.toml").write_text(CONFIG)
    with SandboxServer(company) as server:
        given = "".join(f"{name}={value}\n" for name, value in server.environment().items())
        (made.folder / "etc/expansion/code.env").write_text(given)
        yield made


def _location(port: str) -> str | None:
    try:
        told = httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": LOCATION}, timeout=30)
        (entry,) = told.raise_for_status().json()["data"]["workspaceOrError"]["locationEntries"]
    except (httpx.HTTPError, KeyError, TypeError):
        return None
    loaded = entry["locationOrLoadError"]
    # Until the code server is up there is an error, which the web server gets over by itself.
    return str(loaded["__typename"]) if loaded else None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_night_by_the_timer_s_unit_and_then_the_three_services(machine: Machine) -> None:
    for name in ("prepare", "night"):
        done = machine.runs(name)
        assert done.returncode == 0, done.stderr
    state = machine.folder / "var/lib/expansion"
    assert (state / "warehouse.db").is_file()
    assert (state / "data/lake/_manifest.json").is_file()
    started = [machine.starts(name) for name in ("code", "webserver", "daemon")]
    try:
        started[1].wait_for(
            lambda: _location(machine.ports["3000"]) == "RepositoryLocation", "The code location"
        )
    finally:
        took = [process.ends() for process in reversed(started)]
    assert max(took) < GRACE


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_back_from_a_backup_by_the_documentation_s_lines(machine: Machine) -> None:
    for name in ("prepare", "night"):
        assert machine.runs(name).returncode == 0
    by_hand = blocks("One machine with systemd")[-1].replace("expansion doctor\n", "")
    sqlite, _, back = blocks("Backup under systemd")
    before = _published(machine)
    assert before
    machine.types(by_hand + sqlite)
    shutil.rmtree(machine.folder / "var/lib/expansion")
    machine.types(by_hand + back)
    assert _published(machine) == before


def _published(machine: Machine) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(machine.folder / "var/lib/expansion/warehouse.db")) as reader:
        query = "SELECT * FROM expansion_metrics ORDER BY month, window_months, dimension, member"
        return reader.execute(query).fetchall()
