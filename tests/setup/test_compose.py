"""What compose.yaml starts, as processes of this machine: Dagster on PostgreSQL, a code server, a web server, a daemon.

Commands, environments and health checks are the file's own; names of containers become addresses of this machine, and
the image's files are laid out by the Dockerfile's own lines. A run started through the web server works in the code
server and reaches the warehouse.
"""

import re
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml

from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.setup.dockerfile import ROOT, Stage, instructions, last_stage
from tests.setup.processes import GRACE, Process, free_port
from tests.setup.written import blocks

NOW = datetime(2026, 6, 20, 6, tzinfo=UTC)
CONFIG = '[fx]\nsource = "fixed"\n[fx.rates]\neur = 1.08\n[stripe]\nrequests_per_second = 2000\n'
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
LAKE, HOME = "state:/app/state", "dagster:/app/state/dagster"
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")
LOCATION = """
{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    __typename ... on PythonError { message } } } } } }
"""
START = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
RELOAD = """
mutation { reloadRepositoryLocation(repositoryLocationName: "expansion") {
    __typename ... on WorkspaceLocationEntry { loadStatus } } }
"""
DOCKER = """#!/bin/bash
# docker compose exec|run [options] service command...; what is to start or stop runs elsewhere or not at all
shift
[[ $1 == exec || $1 == run ]] || exit 0
shift
while [[ $1 == -* ]]; do
  if [[ $1 == -v ]]; then mounted=${2%%:*}; shift; fi
  shift
done
service=$1 && shift
cd "$APP" && set -a && . "$ENVIRONMENTS/$service" && exec "${@//\\/backup/$mounted}"
"""
"""In place of Docker: the command of each documented line, in the environment of its service."""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass
class Deployment:
    """The compose file's services on this machine."""

    image: Stage
    secrets: dict[str, str]
    addresses: dict[str, str]
    started: dict[str, Process] = field(default_factory=dict)

    def variables(self, service: str) -> dict[str, str]:
        """The environment that compose gives a service, with this machine's addresses."""
        given = SERVICES[service]
        of_file = self.secrets if given.get("env_file") else {}
        set_here = {name: self.here(value) for name, value in given.get("environment", {}).items()}
        image = self.image.variables()
        image["PATH"] = f"{Path(sys.executable).parent}:{image['PATH']}"
        if LAKE not in given["volumes"]:
            for name in ("DATA_DIR", "WAREHOUSE_URL"):
                image[name] = image[name].replace(
                    str(self.image.place("state")), str(self.without(service))
                )
        # In place of what the image has under /opt/venv.
        return {**image, "PYTHONPATH": str(ROOT), **of_file, **set_here}

    def without(self, service: str) -> Path:
        """Where a service that does not mount the lake would look for it."""
        return self.image.folder / f"state of {service}"

    def here(self, text: str) -> str:
        """A value of the file, interpolated, with containers' names as addresses of this machine."""
        filled = VARIABLE.sub(lambda each: self.addresses.get(each[1], each[2] or ""), text)
        for name, address in self.addresses.items():
            filled = filled.replace(name, address)
        return filled

    def runs(self, service: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        """One command in a service's environment."""
        return subprocess.run(
            [self.here(word) for word in command],
            cwd=self.image.place("."),
            env=self.variables(service),
            capture_output=True,
            text=True,
            check=False,
        )

    def starts(self, service: str) -> Process:
        """A service that goes on, once its health check says that it is well."""
        process = self.started[service] = Process(
            service,
            SERVICES[service]["command"],
            self.image.place("."),
            self.variables(service),
            self.image.folder / f"{service}.log",
        )
        process.wait_for(lambda: self.healthy(service), f"A healthy {service}")
        return process

    def healthy(self, service: str) -> bool:
        """What the service's health check says: compose's, else the image's."""
        check = SERVICES[service].get("healthcheck", {}).get("test")
        command = check[1:] if check else self.image.health
        return not self.runs(service, command).returncode

    def asks(self, query: str, **variables: object) -> dict[str, Any]:
        """The web server's answer."""
        port = self.addresses["3000"]
        answer = httpx.post(
            f"http://127.0.0.1:{port}/graphql",
            json={"query": query, "variables": variables},
            timeout=60,
        )
        found = answer.raise_for_status().json()
        assert "errors" not in found, found
        return dict(found["data"])


@pytest.fixture(scope="module")
def databases(postgres_server: sa.URL, postgres_tools: dict[str, str]) -> Iterator[dict[str, str]]:
    """The two databases as PostgreSQL's image makes them: addresses and passwords by their names in the file."""
    passwords = {
        "POSTGRES_PASSWORD": secrets.token_hex(8),
        "EXPANSION_DB_PASSWORD": secrets.token_hex(8),
        "DAGSTER_DB_PASSWORD": secrets.token_hex(8),
    }
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    subprocess.run(
        [ROOT / "deploy/postgres/databases.sh"], env=postgres_tools | passwords, check=True
    )
    host = postgres_server.query.get("host") or postgres_server.host
    yield passwords | {
        f"@postgres/{name}": f"@/{name}?host={host}" for name in ("expansion", "dagster")
    }
    with admin.connect() as connection:
        for name in ("expansion", "dagster"):
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(sa.text(f"DROP ROLE {name}"))


@pytest.fixture(scope="module")
def deployment(
    databases: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The image's files in a folder, the simulated company, and nothing started yet."""
    image = last_stage(tmp_path_factory.mktemp("compose"))
    (image.place("config") / "pipeline.toml").write_text(CONFIG)
    company = Company(seed=11, customers=10, months=3, end=NOW)
    company.advance(NOW)
    with SandboxServer(company) as server:
        addresses = databases | {
            "0.0.0.0": "127.0.0.1",
            "code": "127.0.0.1",
            "4000": str(free_port()),
            "3000": str(free_port()),
        }
        made = Deployment(image, dict(server.environment()), addresses)
        image.environment["PORT"] = addresses["3000"]
        yield made
        for process in made.started.values():
            process.ends()


def test_only_the_code_server_sees_the_lake() -> None:
    mounted = {name: each["volumes"] for name, each in SERVICES.items()}
    assert {name for name, volumes in mounted.items() if LAKE in volumes} == {"prepare", "code"}
    for name in ("webserver", "daemon"):
        assert mounted[name] == [HOME]
    for name in ("prepare", "code"):
        assert HOME in mounted[name]
    (image,) = [
        argument for name, argument in instructions() if name == "ENV" and "HOME" in argument
    ]
    assert f"DAGSTER_HOME={HOME.partition(':')[2]}" in image.split()


def test_only_the_code_server_gets_credentials_and_no_port_is_open_to_others() -> None:
    with_secrets = {name for name, each in SERVICES.items() if "env_file" in each}
    assert with_secrets == {"prepare", "code"}
    for name, each in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in each.get("ports", [])), name
        if name != "postgres":
            assert each["read_only"] is True
            assert each["cap_drop"] == ["ALL"]
        if name not in with_secrets | {"postgres"}:
            assert "EXPANSION_DB_PASSWORD" not in yaml.safe_dump(each), name
    assert "POSTGRES_PASSWORD" not in yaml.safe_dump(
        {name: each for name, each in SERVICES.items() if name != "postgres"}
    )
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_logs_end_and_a_run_cannot_take_all_memory() -> None:
    assert all(each["logging"] == {"driver": "local"} for each in SERVICES.values())
    limits = {name: each["mem_limit"] for name, each in SERVICES.items() if "mem_limit" in each}
    assert limits == {"prepare": "4g", "code": "4g"}


@pytest.mark.postgres
def test_a_database_s_owner_cannot_enter_the_other(
    databases: dict[str, str], postgres_server: sa.URL
) -> None:
    for owner, other in (("dagster", "expansion"), ("expansion", "dagster")):
        mine = sa.create_engine(
            postgres_server.set(username=owner, database=owner), poolclass=sa.NullPool
        )
        with mine.connect() as connection:
            assert connection.scalar(sa.text("SELECT current_user")) == owner
        theirs = sa.create_engine(
            postgres_server.set(username=owner, database=other), poolclass=sa.NullPool
        )
        with pytest.raises(sa.exc.OperationalError, match="permission denied for database"):
            theirs.connect()


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _status(deployment: Deployment, run: str) -> str | None:
    status = str(deployment.asks(STATUS, id=run)["runOrError"]["status"])
    return status if status in ENDED else None


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_a_night_through_web_server_code_server_and_daemon(deployment: Deployment) -> None:
    app = deployment.image.place(".")
    before = _files(app)
    for _ in range(2):  # each start prepares
        prepared = deployment.runs("prepare", SERVICES["prepare"]["command"])
        assert prepared.returncode == 0, prepared.stderr
    assert not deployment.healthy("code")
    deployment.starts("code")
    web = deployment.starts("webserver")
    deployment.starts("daemon")

    (entry,) = deployment.asks(LOCATION)["workspaceOrError"]["locationEntries"]
    assert (entry["name"], entry["loadStatus"]) == ("expansion", "LOADED")
    assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation", entry

    selector = {
        "repositoryLocationName": "expansion",
        "repositoryName": "__repository__",
        "jobName": "sync",
    }
    params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": []}}
    started = deployment.asks(START, params=params)["launchRun"]
    assert started["__typename"] == "LaunchRunSuccess", started
    run = started["run"]["runId"]
    assert web.wait_for(lambda: _status(deployment, run), "The sync's end") == "SUCCESS"
    warehouse = deployment.variables("code")["WAREHOUSE_URL"]
    assert _rows(warehouse, "lake_object") > 0
    assert deployment.asks(RELOAD)["reloadRepositoryLocation"]["loadStatus"] == "LOADED"
    doctor = deployment.runs("code", ["expansion", "doctor"])
    assert "Dagster's daemon is running" in doctor.stdout, doctor.stdout + doctor.stderr
    assert shlex.quote(deployment.secrets["STRIPE_API_KEY"]) not in doctor.stdout

    outside = {path for path in _files(app) - before if not path.startswith("state/")}
    assert outside == set(), "the image's own files can be read-only"
    assert (app / "state/data/lake/_manifest.json").is_file()
    for name in ("daemon", "webserver"):
        assert not deployment.without(name).exists(), f"{name} needs no lake"
    for name in ("daemon", "webserver", "code"):
        assert deployment.started[name].ends() < GRACE, name


def _rows(url: str, table: str) -> int:
    with _engine(url).connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_back_from_a_backup_by_the_documentation_s_lines(
    deployment: Deployment, postgres_tools: dict[str, str], tmp_path: Path
) -> None:
    assert not deployment.runs("prepare", SERVICES["prepare"]["command"]).returncode
    night = deployment.runs("code", ["expansion", "run"])
    assert not night.returncode, night.stderr
    variables = deployment.variables("code")
    before = _published(variables["WAREHOUSE_URL"])
    assert before

    for name, given in (("code", variables), ("postgres", postgres_tools)):
        told = [f"{key}={shlex.quote(value)}\n" for key, value in given.items()]
        (tmp_path / name).write_text("".join(told))
    docker, folder = tmp_path / "bin/docker", tmp_path / "copies"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    shell = {
        "PATH": f"{docker.parent}:/usr/bin:/bin",
        "APP": str(deployment.image.place(".")),
        "ENVIRONMENTS": str(tmp_path),
    }
    backup, back = (
        lines.replace("/backup/expansion", str(folder)) for lines in blocks("Backup under compose")
    )
    mine = backup.replace("-o 1000 ", "")
    assert mine != backup
    subprocess.run(["/bin/bash", "-euc", mine], env=shell, check=True)
    shutil.rmtree(deployment.image.place("state/data"))
    lost = _engine(variables["WAREHOUSE_URL"])
    with lost.begin() as connection:
        connection.execute(sa.text("DROP TABLE expansion_metrics"))
        connection.execute(sa.text("DELETE FROM lake_object"))
    subprocess.run(["/bin/bash", "-euc", back], env=shell, check=True)
    assert _published(variables["WAREHOUSE_URL"]) == before


def _published(url: str) -> list[sa.Row[tuple[object, ...]]]:
    query = "SELECT * FROM expansion_metrics ORDER BY month, window_months, dimension, member"
    with _engine(url).connect() as connection:
        return list(connection.execute(sa.text(query)))


def _engine(url: str) -> sa.Engine:
    address = sa.make_url(url).set(drivername="postgresql+psycopg")
    return sa.create_engine(address, poolclass=sa.NullPool)
