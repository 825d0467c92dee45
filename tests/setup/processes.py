"""Processes of a deployment, started and ended as their supervisor would.

Belongs here: free ports, waiting with an end, and a log to show when it does not come about.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

PATIENCE = 300.0
GRACE = 90.0
"""Seconds between SIGTERM and SIGKILL, as compose.yaml gives them."""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One long-lived process, with its output in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        where: Path,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=where,
                env=dict(environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, ready: Callable[[], T | None], what: str) -> T:
        """What `ready` gives as soon as it gives something; a failure when this process ends before."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := ready():
                return found
            if self._process.poll() is not None:
                break
            time.sleep(0.5)
        pytest.fail(f"{what} did not come about; {self.name} said: {self._log.read_text()[-3000:]}")

    def ends(self) -> float:
        """Seconds from SIGTERM to its end, at most the grace; then everything of it is killed."""
        began = time.monotonic()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return time.monotonic() - began
