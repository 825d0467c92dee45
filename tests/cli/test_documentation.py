"""What the documents promise: every key, variable and command that exists is told, and the links lead somewhere."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline import schemas
from pipeline.cli.doctor.figures import LATER
from pipeline.cli.main import cli
from pipeline.config import Config

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
README = (ROOT / "README.md").read_text()


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _sections() -> list[tuple[str, str]]:
    found = []
    for section, field in Config.model_fields.items():
        inner = field.annotation
        models = [inner, *getattr(inner, "__args__", ())]
        model = next(m for m in models if isinstance(m, type) and issubclass(m, BaseModel))
        found += [(section, key) for key in _keys(model)]
    return found


@pytest.mark.parametrize(("section", "key"), _sections())
def test_every_key_is_documented(section: str, key: str) -> None:
    assert re.search(rf"`(\w+\.)?{key}`", CONFIGURATION), f"[{section}] {key}"


def test_doctor_names_the_keys_that_are_documented_as_later() -> None:
    marked = []
    for section in re.split(r"^###+ ", CONFIGURATION, flags=re.MULTILINE)[1:]:
        name = re.match(r"`\[+([\w.]+)\]+`", section)
        for row in re.findall(r"^\|(.*)\|.*\*later\*", section, flags=re.MULTILINE):
            marked += [f"{name[1] if name else ''}.{key}" for key in re.findall(r"`(\w+)`", row)]
    assert marked == list(LATER)


def test_every_variable_is_documented() -> None:
    settings = (ROOT / "pipeline/settings.py").read_text()
    for name in set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', settings)):
        assert f"`{name}`" in CONFIGURATION, name


def test_every_command_is_in_the_readme() -> None:
    for name, command in cli.commands.items():
        assert f"`{name}" in README, name
        for part in getattr(command, "commands", ()):
            assert f"`{name} {part}" in README or f"`{part}`" in README, (name, part)


def test_tables_that_the_readme_names_exist() -> None:
    part = README.split("## Where the numbers are")[1].split("## Commands")[0]
    named = {name for line in part.splitlines() for name in re.findall(r"`([a-z]+_[a-z_]+)`", line)}
    assert "expansion_metrics" in named
    assert named <= {table.name for table in schemas.PUBLISHED}


@pytest.mark.parametrize("path", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"])
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def test_documents_that_the_code_names_exist() -> None:
    for module in (ROOT / "pipeline").rglob("*.py"):
        for name in re.findall(r"docs/[a-z]+\.md", module.read_text()):
            assert (ROOT / name).exists(), f"{module}: {name}"
