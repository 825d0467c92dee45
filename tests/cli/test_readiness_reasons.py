"""The whole way on two companies: one whose customers fill their seats and buy more, one that lives by chance."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline import database
from pipeline.publish import published
from pipeline.sandbox.company import FEATURES, REASONS, Company
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import Desk

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CONFIG = '[fx]\nsource = "fixed"\n[fx.rates]\neur = 1.08\n[stripe]\nrequests_per_second = 2000\n'


def _record(
    folder: Path,
    features: frozenset[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> pl.DataFrame:
    """`score_evaluation` after the first night."""
    company = Company(11, customers=250, months=18, end=NOW, features=features)
    company.advance(NOW)
    text = CONFIG
    if company.reasons is not None:
        with (folder / "usage.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["customer_id", "day", "feature", "value"])
            rows.writerows(company.reasons.used)
        text += '[readiness]\nusage = "usage.csv"\n'
    (folder / "pipeline.toml").write_text(text)
    with SandboxServer(company) as server:
        desk = Desk(folder, server, monkeypatch, capfd)
        said = desk.types("run", "--json")
    assert said.code == 0, said
    engine = database.engine(desk.settings.warehouse_url)
    try:
        return published(engine, "score_evaluation")
    finally:
        engine.dispose()


@pytest.mark.slow
def test_the_score_sees_reasons_and_none_in_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = {}
    for name, features in (("reasons", FEATURES | {REASONS}), ("chance", FEATURES)):
        folder = tmp_path / name
        folder.mkdir()
        found[name] = _record(folder, features, monkeypatch, capfd)
    rules = {name: each.filter(method="rules", measure="auc") for name, each in found.items()}
    assert rules["reasons"]["low"].item() > 0.5
    assert rules["reasons"]["value"].item() > rules["chance"]["value"].item()
    assert set(found["chance"]["verdict"]) != {"better"}
