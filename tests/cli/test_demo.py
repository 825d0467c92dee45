"""`expansion demo`: what it prints, what it leaves, and that it always says the same."""

from pathlib import Path

import pytest

from pipeline import database
from pipeline.publish import published
from tests.cli.desk import Desk

SIZE = ("--customers", "30", "--months", "8")
TABLES = ("mrr_snapshot", "mrr_movement", "mrr_movement_component", "expansion_metrics", "account")


def _left(folder: Path) -> list[list[tuple[object, ...]]]:
    engine = database.engine(f"sqlite:///{folder}/data/demo/warehouse.db")
    try:
        return [published(engine, name).rows() for name in TABLES]
    finally:
        engine.dispose()


@pytest.mark.slow
def test_the_demo_twice(desk: Desk) -> None:
    desk.environment = {
        "STRIPE_API_KEY": "sk_live_never_used",
        "WAREHOUSE_URL": "sqlite:///real.db",
    }
    (desk.folder / ".env").write_text("SLACK_BOT_TOKEN=xoxb-real\n")
    first = desk.types("demo", *SIZE)
    assert first.code == 0, first
    figures = _left(desk.folder)
    again = desk.types("demo", *SIZE)
    assert again.out == first.out
    assert _left(desk.folder) == figures
    for words in (
        "MRR, month by month",
        "Expansion rate",
        "Where expansion comes from",
        "30 days of events",
        "data/demo/warehouse.db",
        "data/demo/slack.html",
        "expansion init",
    ):
        assert words in first.out, words
    assert first.err == ""


@pytest.mark.slow
def test_the_demo_touches_nothing_real(desk: Desk) -> None:
    desk.environment = {"WAREHOUSE_URL": "sqlite:///real.db", "DATA_DIR": "real"}
    assert desk.types("demo", *SIZE, "--json").code == 0
    assert sorted(path.name for path in desk.folder.iterdir()) == ["data", "pipeline.toml"]
    assert sorted(path.name for path in (desk.folder / "data").iterdir()) == ["demo"]
    env = (desk.folder / "data/demo/env").read_text()
    assert "PIPELINE_NOW=2026-11-23T06:00:00+00:00" in env
    assert "#" in (desk.folder / "data/demo/slack.html").read_text()
