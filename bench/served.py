"""A folder in which commands run against simulated services, and `dagster dev` over it.

Belongs here: what benches and tests of the whole program start alike. Does not belong here: what they ask of it.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.measuring import ROOT

CONFIG = """\
[fx]
source = "fixed"
[fx.rates]
eur = 1.08
[stripe]
requests_per_second = 2000
[schedule]
nightly = "0 3 1 1 *"
"""
"""Asks no one but the services; sensors run, and the schedule never does while somebody waits."""


def environment_of(folder: Path, services: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process in the folder, which asks the services."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(folder / ".dagster"),
        **services,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def dagster_dev(
    folder: Path, environment: Mapping[str, str], log: Path
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """`dagster dev` in the folder until the block ends: its address, and its process; it may not be up yet."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml")),
        *("-h", "127.0.0.1", "-p", str(port), "--log-level", "warning"),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder, env=dict(environment), start_new_session=True,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
