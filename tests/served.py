"""A real `dagster dev` over a folder: what it is asked, and until when one waits for it."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench import served
from pipeline.cli import running
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from pipeline.settings import Settings

NOW = datetime(2026, 6, 20, 6, tzinfo=UTC)
"""In the past for any clock: PIPELINE_NOW must decide which months there are."""
PATIENCE = 150.0
PARTITIONS = """
query ($path: [String!]!) {
  assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode { partitionKeys } }
}
"""


START = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on PythonError { message }
  }
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

    def starts(self, job: str, tags: Mapping[str, str]) -> None:
        """Launch a run of a job, as its page in the UI does."""
        selector = {
            "repositoryLocationName": "expansion",
            "repositoryName": "__repository__",
            "jobName": job,
        }
        told = [{"key": key, "value": value} for key, value in tags.items()]
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": told}}
        started = self.ask(START, params=params)["launchRun"]
        assert started["__typename"] == "LaunchRunSuccess", started

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


@contextmanager
def dagster_dev(folder: Path, environment: Mapping[str, str]) -> Iterator[Ui]:
    """`dagster dev` in a folder, until the block ends; it may not be up yet."""
    settings = Settings.load(environment, folder)
    running.prepare_home(settings.dagster_home)
    log = folder / "dagster_dev.log"
    with served.dagster_dev(folder, served.environment_of(folder, environment), log) as (
        url,
        process,
    ):
        yield Ui(url, settings, log, environment, process)


@contextmanager
def small_company(folder: Path) -> Iterator[dict[str, str]]:
    """A company of twenty customers served, and the folder of who asks it; gives the environment of commands there."""
    company = Company(seed=11, customers=20, months=7, end=NOW)
    company.advance(NOW)
    (folder / "pipeline.toml").write_text(served.CONFIG)
    with SandboxServer(company) as server:
        yield {**server.environment(), "DAGSTER_HOME": str(folder / ".dagster")}
