"""`expansion ready`: the list for Monday, on the terminal, as a CSV, and without whom an experiment holds out."""

import csv
import json
from typing import Any

from tests.cli.desk import Desk


def _listed(desk: Desk, *arguments: str) -> Any:
    said = desk.types("ready", "--first", "0", "--json", *arguments)
    assert said.code == 0, said
    return json.loads(said.out)


def test_accounts_stand_in_order_with_their_reasons(worked: Desk) -> None:
    listed = _listed(worked)
    ranks = [each["rank"] for each in listed["accounts"]]
    assert ranks == sorted(ranks)
    assert listed["month"] == "2026-10"
    assert any(each["reasons"] for each in listed["accounts"])
    told = worked.types("ready").out
    assert "too early to say" in told
    assert listed["accounts"][0]["name"].split()[0] in told


def test_an_owner_sees_its_own(worked: Desk) -> None:
    whole = _listed(worked)["accounts"]
    owner = next(each["owner"] for each in whole if each["owner"])
    mine = _listed(worked, "--owner", owner)["accounts"]
    assert mine == [each for each in whole if each["owner"] == owner]
    unknown = worked.types("ready", "--owner", "Nobody")
    known = sorted({each["owner"] for each in whole if each["owner"]})
    assert unknown.code == 2
    assert (
        "Nobody of this name owns an account in 2026-10: those that there are stand above"
        in unknown.err
    )
    assert [line.split(maxsplit=1) for line in unknown.out.splitlines()] == [
        ["owner", each] for each in known
    ]


def test_whom_an_experiment_holds_out_is_in_no_list(worked: Desk) -> None:
    before = {each["account_id"] for each in _listed(worked)["accounts"]}
    assert worked.types("experiment", "create", "autumn", "--share", "0.4").code == 0
    after = _listed(worked)
    left = {each["account_id"] for each in after["accounts"]}
    assert left < before
    assert after["held_out"] == len(before - left) > 0
    assert "held out by an experiment" in worked.types("ready").out
    report = worked.types("report")
    assert report.code == 0, report


def test_the_csv_names_the_record_of_the_crm(worked: Desk) -> None:
    target = worked.folder / "list.csv"
    assert worked.types("ready", "--first", "0", "--to", str(target)).code == 0
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    listed = _listed(worked)["accounts"]
    assert [row["account_id"] for row in rows] == [each["account_id"] for each in listed]
    for row, each in zip(rows, listed, strict=True):
        crm, _, crm_id = each["account_id"].partition(":")
        assert (row["crm"], row["crm_id"]) == ((crm, crm_id) if crm_id else ("", ""))
        assert row["reason_1"] == (each["reasons"] or [""])[0]


def test_the_page_of_the_scored_month_shows_the_list(worked: Desk) -> None:
    pages = worked.folder / "data" / "report"
    scored, before = ((pages / f"{key}.html").read_text() for key in ("2026-10", "2026-09"))
    first = _listed(worked)["accounts"][0]
    section = scored.split('id="ready"')[1].split("</section>")[0]
    assert first["reasons"][0].split(",")[0] in section
    assert 'id="ready"' not in before


def test_a_month_that_was_not_scored_says_how_to(worked: Desk) -> None:
    said = worked.types("ready", "--month", "2026-08")
    assert said.code == 2
    assert "expansion backfill --from 2026-08 --to 2026-08" in said.err
