"""Readiness through the command: the newest closed month is scored, published, and explained."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipeline import database
from tests.cli.desk import Desk

NEWEST = date(2026, 10, 1)


def _months(desk: Desk) -> list[date]:
    return sorted(set(desk.published("readiness_score")["month"]))


def test_the_newest_closed_month_is_scored_and_ranked(worked: Desk) -> None:
    scores = worked.published("readiness_score")
    paying = worked.published("mrr_movement").filter(month=NEWEST).filter(pl.col("closing_mrr") > 0)
    assert _months(worked) == [NEWEST]
    assert set(scores["account_id"]) == set(paying["account_id"])
    assert sorted(scores["rank"]) == list(range(1, scores.height + 1))
    assert scores["score"].is_between(0, 100).all()
    assert scores["score"].max() > 0
    assert dict(scores.select("account_id", "mrr").iter_rows()) == dict(
        paying.select("account_id", "closing_mrr").iter_rows()
    )


def test_the_reasons_are_sentences_whose_points_are_part_of_the_score(worked: Desk) -> None:
    scores = worked.published("readiness_score")
    reasons = worked.published("readiness_reason")
    assert not reasons.is_empty()
    whole = {row["account_id"]: row for row in scores.to_dicts()}
    for (account,), part in reasons.partition_by("account_id", as_dict=True).items():
        rows: list[dict[str, Any]] = part.sort("position").to_dicts()
        top = [round(row["points"], 6) for row in rows if row["position"] <= 3]
        assert top == sorted(top, reverse=True)
        assert min(top) > 0
        assert sum(row["points"] for row in rows) <= whole[account]["score"] + 1e-9
        assert all(len(row["words"]) > 8 and "null" not in row["words"] for row in rows)


def test_a_score_stays_as_it_was_known_until_a_backfill_asks(worked: Desk) -> None:
    before = worked.published("readiness_score")
    assert worked.types("run", "--json").code == 0
    assert worked.published("readiness_score").equals(before)
    said = worked.types("backfill", "--from", "2026-08", "--to", "2026-08")
    assert said.code == 0, said
    assert _months(worked) == [date(2026, 8, 1), NEWEST]


def test_a_warehouse_of_an_older_version_gets_the_newest_month(worked: Desk) -> None:
    before = worked.published("readiness_score")
    engine = database.engine(worked.settings.warehouse_url)
    with engine.begin() as connection:
        objects = database.lake_object
        names = ("readiness_score", "readiness_reason", "score_evaluation")
        connection.execute(objects.delete().where(objects.c.table_name.in_(names)))
        for name in names:
            connection.exec_driver_sql(f"delete from {name}")
    engine.dispose()
    assert worked.types("run", "--json").code == 0
    assert worked.published("readiness_score").equals(before)


def test_what_is_switched_off_scores_nothing(desk: Desk) -> None:
    path = desk.folder / "pipeline.toml"
    path.write_text(f"{path.read_text()}\n[readiness]\nenabled = false\n")
    assert desk.types("run", "--json").code == 0
    assert desk.published("readiness_score").is_empty()


def test_usage_and_limits_come_from_files(worked: Desk) -> None:
    customers = worked.published("account_link").select("customer_id", "account_id")
    scores = worked.published("readiness_score").filter(pl.col("blocked").is_null())
    one = scores.join(customers, on="account_id").sort("account_id").row(0, named=True)
    days = "\n".join(f"{one['customer_id']},2026-10-{day:02},api_calls,950" for day in range(1, 32))
    strangers = "\n".join(f"cus_of_{each},2026-10-31,api_calls,9" for each in "ab")
    (worked.folder / "usage.csv").write_text(
        f"customer_id,day,feature,value\n{days}\n{strangers}\n"
    )
    plans = worked.published("mrr_snapshot")["plan"].unique().drop_nulls()
    limits = "\n".join(f'"{plan}",api_calls,1000' for plan in plans)
    (worked.folder / "limits.csv").write_text(f"plan,feature,limit\n{limits}\n")
    path = worked.folder / "pipeline.toml"
    path.write_text(
        f'{path.read_text()}\n[readiness]\nusage = "usage.csv"\nlimits = "limits.csv"\n'
    )
    said = worked.types("backfill", "--from", "2026-10", "--to", "2026-10")
    assert said.code == 0, said
    assert "names 2 customers or accounts that nobody knows" in said.err
    reasons = worked.published("readiness_reason").filter(account_id=one["account_id"])
    assert "95% of 1000 api_calls used" in reasons["words"].to_list()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("day,feature,value\n2026-10-01,seats,3\n", "neither a column customer_id nor account_id"),
        (
            "customer_id,day,feature,value\ncus_1,31.10.2026,seats,3\n",
            "row 1 after the header: day",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_write(worked: Desk, text: str, told: str) -> None:
    (worked.folder / "usage.csv").write_text(text)
    path = worked.folder / "pipeline.toml"
    path.write_text(f'{path.read_text()}\n[readiness]\nusage = "usage.csv"\n')
    said = worked.types("backfill", "--from", "2026-10", "--to", "2026-10")
    assert said.code != 0
    assert told in said.err + said.out
