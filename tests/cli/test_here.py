"""A folder without a history, or with the demo's alone: what is said, what is left, and hints that can be pasted."""

import sys
from pathlib import Path

import pytest

from pipeline.cli import here
from tests.cli.desk import Desk

READING = [
    ("explain", "--account", "cus_a", "--month", "2026-10"),
    ("report",),
    ("alerts", "status"),
    ("alerts", "backtest"),
    ("export", "expansion_metrics"),
    ("export", "expansion_metrics", "--to", "figures.csv"),
    ("restatements",),
    ("ready",),
    ("experiment", "status"),
    ("backfill", "--from", "2026-10", "--to", "2026-10"),
    ("forget", "cus_a"),
]


def _leave_a_demo(desk: Desk) -> None:
    """As `expansion demo` leaves its folder, and as its file `env` is put before a command."""
    folder = desk.folder / here.DEMO
    folder.mkdir(parents=True)
    (folder / "env").write_text(f"DATA_DIR={here.DEMO}\n")
    (folder / "pipeline.toml").touch()


@pytest.mark.parametrize("command", READING)
def test_who_reads_where_nothing_is_makes_nothing(desk: Desk, command: tuple[str, ...]) -> None:
    said = desk.types(*command)
    assert (said.code, said.out) == (2, "")
    assert said.err == "expansion: There is no history yet. Type first: expansion run\n"
    assert [path.name for path in desk.folder.iterdir()] == ["pipeline.toml"]


def test_where_only_the_demo_was_run_its_history_is_named(desk: Desk) -> None:
    _leave_a_demo(desk)
    said = desk.types(*READING[0])
    assert said.code == 2
    assert "The demo's is read with: env $(cat data/demo/env) expansion ..." in said.err


@pytest.mark.parametrize("command", ["run", "sync", "doctor"])
def test_nothing_is_read_into_the_demo_s_data(desk: Desk, command: str) -> None:
    """Not even where a key is set: simulated and real figures never mix."""
    _leave_a_demo(desk)
    desk.environment |= {"DATA_DIR": str(here.DEMO), "DAGSTER_HOME": f"{here.DEMO}/dagster"}
    said = desk.types(command)
    assert said.code == 2
    assert "This is the demo's data" in said.err
    assert "expansion demo" in said.err
    assert sorted(path.name for path in (desk.folder / here.DEMO).iterdir()) == [
        "env",
        "pipeline.toml",
    ]


@pytest.mark.parametrize(
    ("argument", "path", "typed"),
    [
        ("{here}/.venv/bin/expansion", "/nowhere", ".venv/bin/expansion"),
        (".venv/bin/expansion", "/nowhere", ".venv/bin/expansion"),
        ("{here}/.venv/bin/expansion", "{here}/.venv/bin", "expansion"),
        ("{here}/expansion", "/nowhere", "{here}/expansion"),
        ("{here}/pipeline/cli/__main__.py", "/nowhere", "expansion"),
    ],
)
def test_a_hint_can_be_pasted(
    argument: str, path: str, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / ".venv/bin/expansion"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [argument.format(here=tmp_path)])
    monkeypatch.setenv("PATH", path.format(here=tmp_path))
    assert here.typed() == typed.format(here=tmp_path)


def test_a_path_is_as_short_as_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert here.near(tmp_path / "data/warehouse.db") == "data/warehouse.db"
    assert here.near(Path("/srv")) == "/srv"
