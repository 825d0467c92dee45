"""The desk's fixtures: an empty one, and one after its first night."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import CONFIG, NOW, Desk


@pytest.fixture(scope="module")
def services() -> Iterator[SandboxServer]:
    """A small company; it keeps its instant, unless a test moves it."""
    company = Company(seed=5, customers=15, months=5, end=NOW)
    company.advance(NOW)
    with SandboxServer(company) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *("STRIPE_API_KEY", "HUBSPOT_SERVICE_KEY", "SLACK_BOT_TOKEN", "SLACK_WEBHOOK_URL"),
        *("SALESFORCE_DOMAIN", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET"),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def desk(
    tmp_path: Path,
    services: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Desk:
    """A folder in which nothing has run yet."""
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    return Desk(tmp_path, services, monkeypatch, capfd)


@pytest.fixture(scope="module")
def _first_night(services: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first_night")
    (folder / "pipeline.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for name, value in services.environment().items():
            here.setenv(name, value)
        main(["run", "--json"])
    return folder


@pytest.fixture
def worked(desk: Desk, _first_night: Path) -> Desk:
    """A desk after its first night."""
    shutil.copytree(_first_night, desk.folder, dirs_exist_ok=True)
    return desk
