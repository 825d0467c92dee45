"""The set-up promises of the README: pinned, hashed, nameless locks, and files that tools accept."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance
from dotenv import dotenv_values
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-ray.lock", "requirements-dev.lock"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> dict[str, tuple[Requirement, int]]:
    """Each pinned package of a lock: its requirement, and how many hashes it has."""
    found: dict[str, tuple[Requirement, int]] = {}
    logical_lines = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    for line in logical_lines:
        if not line.strip() or line.strip().startswith("#"):
            continue
        text, *hashes = line.split("--hash=sha256:")
        requirement = Requirement(text.strip())
        found[canonicalize_name(requirement.name)] = (requirement, len(hashes))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_by_version_and_hash(lock: str) -> None:
    found = pins(lock)

    assert len(found) > 50
    for name, (requirement, hashes) in found.items():
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), name
        assert hashes >= 1, name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE), "an option of pip"
    assert not re.search(r"(?<![\w.-])/\w+/", text), "a path"


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ["objectstore"]),
        ("requirements-ray.lock", ["objectstore", "ray"]),
        ("requirements-dev.lock", ["dev"]),
    ],
)
def test_a_lock_holds_what_the_project_asks_for(lock: str, extras: list[str]) -> None:
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    found = pins(lock)

    for text in wanted:
        requirement = Requirement(text)
        pinned, _ = found[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(str(pinned.specifier).removeprefix("==")), text
        assert requirement.extras <= pinned.extras, text


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_locks_agree(lock: str) -> None:
    other = pins(lock)

    for name, (requirement, _) in pins("requirements.lock").items():
        assert str(other[name][0].specifier) == str(requirement.specifier), name


def test_the_image_is_built_from_the_lock_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line]

    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation" in installs[1]
    assert any(line.startswith("USER ") and "root" not in line for line in lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_the_image_sees_every_file_it_copies() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copies = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    for copy in copies:
        for source in copy.split()[:-1]:
            assert source in allowed
            assert (ROOT / source).exists(), source


def test_dagster_accepts_its_settings(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())

    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        assert instance.run_monitoring_enabled is True
        limits = instance.global_op_concurrency_default_limit
    assert limits == 1


def test_the_limits_of_a_run_are_told() -> None:
    said = (
        (ROOT / "docs" / "operate.md").read_text().partition("### A run of more than six hours")[2]
    )
    dagster = yaml.safe_load((ROOT / "dagster.yaml").read_text())["run_monitoring"]
    night = (ROOT / "deploy" / "systemd" / "expansion-night.service").read_text()

    assert dagster["max_runtime_seconds"] == 6 * 3600
    assert "max_runtime_seconds: 21600" in said
    assert "TimeoutStartSec=6h\n" in night
    assert "TimeoutStartSec=6h" in said


def test_the_workspace_loads_the_definitions() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())

    (location,) = workspace["load_from"]
    assert location["python_module"]["module_name"] == "pipeline.definitions"


def test_the_example_environment_holds_names_but_no_secret() -> None:
    values = dotenv_values(ROOT / ".env.example")

    assert {"STRIPE_API_KEY", "HUBSPOT_SERVICE_KEY", "SLACK_BOT_TOKEN"} <= values.keys()
    assert not any(values.values())


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").glob("*.sh")))
def test_a_script_is_executable_and_has_valid_syntax(script: str) -> None:
    path = ROOT / "scripts" / script

    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)


def test_an_old_python_is_refused_with_a_clear_line(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.10.9" && exit 0\nexit 1\n')
    old.chmod(0o755)

    done = subprocess.run(
        [ROOT / "scripts" / "venv.sh", tmp_path / "venv"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "Python 3.10.9" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_every_data_file_of_the_package_is_installed_with_it() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    data = [
        path
        for path in (ROOT / "pipeline").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]

    assert data
    for path in data:
        assert any(path.match(pattern) for pattern in patterns), path
