"""Programs without an experiment: what they added is estimated, and called an estimate."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import CONFIG, NOW, Desk


def _program(desk: Desk, month: str, accounts: list[str]) -> None:
    (desk.folder / "calls.csv").write_text("\n".join(["account_id", *accounts, "hubspot:none"]))
    path = desk.folder / "pipeline.toml"
    program = f'name = "calls"\nmonth = "{month}"\ncost = 300\naccounts = "calls.csv"\n'
    path.write_text(f"{path.read_text()}\n[[readiness.programs]]\n{program}")


@pytest.fixture(scope="module")
def larger() -> Iterator[SandboxServer]:
    """Enough accounts that some are like others."""
    company = Company(seed=5, customers=150, months=14, end=NOW)
    company.advance(NOW)
    with SandboxServer(company) as server:
        yield server


@pytest.mark.slow
def test_a_program_without_an_experiment_is_estimated_and_called_an_estimate(
    tmp_path: Path,
    larger: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    worked = Desk(tmp_path, larger, monkeypatch, capfd)
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    assert worked.types("run", "--json").code == 0
    paying = worked.published("mrr_movement").filter(month=date(2026, 7, 1))
    reached = sorted(paying.filter(pl.col("closing_mrr") > 0)["account_id"])[::3]
    _program(worked, "2026-08", reached)
    (before,) = worked.reads("experiment", "status")
    assert (before["reached"], before["results"]) == (len(reached) + 1, [])
    assert worked.types("run", "--json").code == 0
    (found,) = worked.reads("experiment", "status", "calls")
    assert (found["design"], found["month"], found["over"]) == ("matched", "2026-08", "2026-10")
    results = {each["measure"]: each for each in found["results"]}
    assert set(results) == {"expansion_share", "expansion_mrr", "expansion_share_before"}
    share = results["expansion_share"]
    assert 0 < share["outreach_accounts"] <= len(reached)
    assert share["low"] <= share["effect"] <= share["high"]
    assert share["outreach"] - share["held_out"] == pytest.approx(share["effect"])
    gained, low, high = found["arr"]
    assert low <= gained <= high
    said = " ".join(worked.types("experiment", "status").out.split())
    assert "An estimate: nobody drew whom it reached." in said
    assert "By this estimate it added" in said
    assert "Three months before" in said
    kept = worked.published("experiment_result")
    assert worked.types("run", "--json").code == 0
    assert worked.published("experiment_result").equals(kept)


def test_an_estimate_waits_until_the_three_months_are_over(worked: Desk) -> None:
    _program(worked, "2026-09", ["hubspot:1"])
    assert worked.types("run", "--json").code == 0
    assert worked.published("experiment_result").is_empty()
    assert "in which 2026-11 is closed" in worked.types("experiment", "status", "calls").out


def test_a_list_of_accounts_that_cannot_be_read_says_why(worked: Desk) -> None:
    _program(worked, "2026-08", [])
    (worked.folder / "calls.csv").write_text("name\nAnn\n")
    said = worked.types("experiment", "status")
    assert said.code == 2
    assert "calls.csv (readiness.programs.accounts) has neither a column customer_id" in said.err
