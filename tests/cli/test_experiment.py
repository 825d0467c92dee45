"""`expansion experiment`: who is held out stays so, and what outreach added is said with how far it is known."""

from datetime import date

import polars as pl

from pipeline import database, schemas
from tests.cli.desk import Desk


def test_accounts_are_drawn_once_and_for_all(worked: Desk) -> None:
    made = worked.reads("experiment", "create", "autumn", "--share", "0.4")
    drawn = worked.published("experiment_member")
    clear = worked.published("readiness_score").filter(pl.col("blocked").is_null())
    assert set(drawn["account_id"]) == set(clear["account_id"])
    assert made["held_out"] == drawn.filter(arm="held_out").height > 0
    assert made["outreach"] == drawn.filter(arm="outreach").height > 0
    again = worked.types("experiment", "create", "autumn")
    assert again.code == 2
    assert 'There is an experiment "autumn"' in again.err
    other = worked.types("experiment", "create", "winter")
    assert other.code == 2
    assert "an experiment that still runs" in other.err
    assert worked.published("experiment_member").equals(drawn)
    assert "Nothing is known before 2026-11 is closed" in worked.types("experiment", "status").out


def test_outcomes_are_those_of_the_months_after(worked: Desk) -> None:
    assert worked.types("backfill", "--from", "2026-08", "--to", "2026-08").code == 0
    worked.reads("experiment", "create", "summer", "--share", "0.5", "--month", "2026-08")
    assert worked.types("run", "--json").code == 0
    (found,) = worked.reads("experiment", "status", "summer")
    results = {each["measure"]: each for each in found["results"]}
    assert set(results) == {"expansion_share", "expansion_mrr"}
    assert {each["month"] for each in results.values()} == {"2026-10"}
    drawn = worked.published("experiment_member").filter(experiment="summer")
    told = results["expansion_share"]
    assert told["outreach_accounts"] + told["held_out_accounts"] <= drawn.height
    if told["effect"] is not None:
        assert told["low"] <= told["effect"] <= told["high"]
    assert "not over yet" in worked.types("experiment", "status", "summer").out


def test_what_cannot_be_drawn_says_why(desk: Desk, worked: Desk) -> None:
    for arguments, told in (
        (["create", "  "], "name cannot be used"),
        (["create", "x", "--month", "2026-07"], "2026-07 is not scored. Run: expansion backfill"),
        (["status", "spring"], 'no experiment "spring"'),
    ):
        said = worked.types("experiment", *arguments)
        assert said.code == 2
        assert told in said.err


def test_without_experiments_status_says_how_to_begin(worked: Desk) -> None:
    assert "expansion experiment create" in worked.types("experiment", "status").out
    assert worked.reads("experiment", "status") == []


def test_a_program_s_cost_is_held_against_what_it_added(worked: Desk) -> None:
    worked.reads("experiment", "create", "autumn", "--share", "0.4")
    engine = database.engine(worked.settings.warehouse_url)
    table = database.table_of(schemas.EXPERIMENT_RESULT)
    row = {"experiment": "autumn", "month": date(2026, 11, 1), "design": "randomised"}
    effect = {"outreach": 30.0, "held_out": 20.0, "effect": 10.0, "low": 4.0, "high": 16.0}
    counts = {"outreach_accounts": 5, "held_out_accounts": 4}
    with engine.begin() as connection:
        connection.execute(
            table.insert().values(**row, **effect, **counts, measure="expansion_mrr")
        )
    engine.dispose()
    path = worked.folder / "pipeline.toml"
    program = 'name = "calls"\nmonth = "2026-11"\ncost = 300\nexperiment = "autumn"\n'
    path.write_text(f"{path.read_text()}\n[[readiness.programs]]\n{program}")
    (found,) = worked.reads("experiment", "status")
    asked = found["outreach"]
    assert found["arr"] == [each * 12 * asked for each in (10.0, 4.0, 16.0)]
    said = " ".join(worked.types("experiment", "status").out.split())
    assert f"{10 * 12 * asked / 300:.1f} times its cost" in said
