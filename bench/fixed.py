"""What is paid whatever the size: a backfill, a night without changes, the UI's start, and loading the code.

Usage: python -m bench.fixed [--customers 400] [--months 60] [--times 3]

A simulated company is read once. Then each command runs in a process of its own, from shell to shell, and the median
of its times is kept beside the target. Beside them, in the same run: Dagster alone, which does nothing with as many
steps, assets and months (`bench.bare`): machines differ, and it says how fast this one is. The result goes to
bench/results/fixed.json.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.measuring import keep
from bench.served import CONFIG, dagster_dev, environment_of
from pipeline.months import add_months, key_of
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
TARGETS = {"backfill": 12.0, "night without changes": 15.0, "dagster dev": 20.0, "loading": 0.5}
"""Seconds."""
LOADED = '{"query": "{ assetNodes { id } }"}'
LOADING = """\
import time, dagster
began = time.perf_counter()
from pipeline.definitions import build_definitions
from pipeline.settings import Settings
build_definitions(Settings.load()).get_repository_def()
print(time.perf_counter() - began)
"""
PATIENCE = 120.0
Told = dict[str, Any]


class Place:
    """The folder that commands run in, with their environment."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {
            **environment_of(folder, environment),
            "PYTHONWARNINGS": "ignore",
            # What is installed has its bytecode beside it, so the first command alone compiles.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder / ".bytecode"),
        }

    def python(self, *arguments: str) -> str:
        """What Python prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.stderr.write(done.stderr)
            done.check_returncode()
        return done.stdout

    def expansion(self, *arguments: str) -> None:
        """A command, to its end."""
        self.python("-m", "pipeline.cli.main", *arguments)

    def answers(self) -> float:
        """Seconds until the UI knows the assets."""
        began = time.monotonic()
        with (
            dagster_dev(self.folder, self.environment, self.folder / "dev.log") as (address, _),
            httpx.Client(trust_env=False, timeout=10) as client,
        ):
            while time.monotonic() - began < PATIENCE:
                try:
                    said = client.post(
                        f"{address}/graphql",
                        content=LOADED,
                        headers={"Content-Type": "application/json"},
                    )
                    if said.is_success and (said.json().get("data") or {}).get("assetNodes"):
                        return time.monotonic() - began
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
        raise TimeoutError("dagster dev did not answer")


def measured(what: Callable[[], object], times: int) -> Told:
    """Wall and processor seconds of each time; what returns a number measured itself."""
    walls, used = [], []
    for _ in range(times):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        own = what()
        walls.append(own if isinstance(own, float) else time.monotonic() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {
        "seconds": round(median(walls), 2),
        "all": [round(each, 2) for each in walls],
        "cpu_seconds": round(median(used), 2),
        "load": round(os.getloadavg()[0], 2),
    }


def run(customers: int, months: int, times: int) -> Told:
    """Every measurement."""
    told: Told = {"cores": os.cpu_count(), "customers": customers, "months": months}
    company = Company(seed=5, customers=customers, months=months, end=NOW)
    company.advance(NOW)
    last = date(NOW.year, NOW.month, 1)
    with tempfile.TemporaryDirectory() as folder, SandboxServer(company) as server:
        (Path(folder) / "pipeline.toml").write_text(CONFIG)
        place = Place(Path(folder), server.environment())
        told["first night"] = measured(lambda: place.expansion("run", "--json"), 1)
        span = ("--from", key_of(add_months(last, 1 - months)), "--to", key_of(last))
        told["Dagster alone"] = measured(
            lambda: place.python("-m", "bench.bare", str(months)), times
        )
        told["backfill"] = measured(lambda: place.expansion("backfill", *span), times)
        told["night without changes"] = measured(lambda: place.expansion("run", "--json"), times)
        told["loading"] = measured(lambda: float(place.python("-c", LOADING)), times)
        told["dagster dev"] = measured(place.answers, times)
    for name, target in TARGETS.items():
        told[name]["target"] = target
    return told


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args(arguments)
    told = run(given.customers, given.months, given.times)
    table = Table()
    for name in ("what", "seconds", "target", "CPU s", "load"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for name, row in told.items():
        if isinstance(row, dict):
            table.add_row(
                name,
                f"{row['seconds']:.2f}",
                f"{row['target']:g}" if "target" in row else "",
                f"{row['cpu_seconds']:.2f}",
                f"{row['load']:.1f}",
            )
    Console().print(table)
    keep("fixed", told)


if __name__ == "__main__":
    main(sys.argv[1:])
