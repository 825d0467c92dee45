"""A real `dagster dev` over a folder: what it is asked, and until when one waits for it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli import running
from pipeline.settings import Settings
from tests.conftest import ROOT

PATIENCE = 150.0
PARTITIONS = """
query ($path: [String!]!) {
  assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode { partitionKeys } }
}
"""


class NotYet(Exception):
    """The server answers, but its databases are still being made."""


@dataclass
class Ui:
    """Where its pages are, and the process behind them."""

    url: str
    settings: Settings
    log: Path
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes]"

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """What its GraphQL answers."""
        # Connections that are refused were never requests: they may be tried again.
        with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=30) as client:
            answer = client.post(
                f"{self.url}/graphql", json={"query": query, "variables": variables}
            )
        if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            raise NotYet(answer.text)
        found = answer.raise_for_status().json()
        assert "errors" not in found, found
        return dict(found["data"])

    def partitions(self, asset: str) -> list[str] | None:
        """The months that Dagster knows of an asset; null while the server is not up."""
        try:
            found = self.ask(PARTITIONS, path=[asset])["assetNodeOrError"]
        except (httpx.TransportError, NotYet):
            return None
        return list(found["partitionKeys"]) if found else None

    def daemon(self) -> bool:
        """Whether the daemon that launches runs lives."""
        return running.daemon_seen(self.settings.dagster_home) is not None

    def wait(self, ready: Callable[[], Any], what: str) -> Any:
        """What `ready` says once it says something."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"dagster dev ended: {self.tail()}"
            found = ready()
            if found:
                return found
            time.sleep(0.5)
        pytest.fail(f"{what} did not come about: {self.tail()}")

    def tail(self) -> str:
        """The end of what it logged."""
        return self.log.read_text()[-3000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dagster_dev(folder: Path, environment: Mapping[str, str]) -> Iterator[Ui]:
    """`dagster dev` in a folder, until the block ends; it may not be up yet."""
    settings = Settings.load(environment, folder)
    running.prepare_home(settings.dagster_home)
    port, log = _free_port(), folder / "dagster_dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "dagster", "dev"),
                *("-w", str(ROOT / "workspace.yaml")),
                *("-h", "127.0.0.1", "-p", str(port), "--log-level", "warning"),
            ],
            cwd=folder,
            env={
                **os.environ,
                **environment,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Ui(f"http://127.0.0.1:{port}", settings, log, environment, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
