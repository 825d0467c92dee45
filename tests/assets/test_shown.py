"""What Dagster is shown of a table: it keeps that for ever, so it names nobody."""

from datetime import date
from typing import Any

import polars as pl

from pipeline.assets import checked, shown
from pipeline.schemas import ACCOUNT, CRM_PIPELINE, EXPANSION_METRICS, Table


def preview(table: Table, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    frame = pl.DataFrame([dict.fromkeys(table.names) | row for row in rows], schema=table.schema)
    return [dict(record.data) for record in shown.rows(frame, table).records]


def test_accounts_and_their_owners_are_not_named() -> None:
    (found,) = preview(
        ACCOUNT, {"account_id": "hubspot:7", "name": "Ada", "owner": "Ann Lee <ann@a.example>"}
    )
    assert found["account_id"] == "hubspot:7"
    assert found["name"] is None
    assert found["owner"] is None


def test_owners_of_deals_are_not_named() -> None:
    row = {"month": date(2026, 1, 1), "stage": "Proposal", "owner": "Ann Lee", "deals": 3}
    (found,) = preview(CRM_PIPELINE, row)
    assert (found["stage"], found["owner"], found["deals"]) == ("Proposal", None, 3)


def test_members_that_are_owners_are_not_named() -> None:
    month = {"month": date(2026, 1, 1), "window_months": 1, "policy": "default"}
    members = {"channel": "Web", "owner": "Ann Lee", "segment+owner": "smb + Ann Lee"}
    rows = [{**month, "dimension": each, "member": name} for each, name in members.items()]
    found = preview(EXPANSION_METRICS, *rows)
    assert [each["member"] for each in found] == ["Web", None, None]


def test_a_broken_identity_names_no_owner() -> None:
    rows = [
        {"month": date(2026, 1, 1), "dimension": "owner", "member": "Ann Lee", "found": 1},
        {"month": date(2026, 1, 1), "dimension": "country", "member": "DE", "found": 2},
    ]
    spec = checked.check("expansion_metrics", "members", "Members sum to the total.")
    found = [(spec, pl.DataFrame(rows))]
    (result,) = checked.results(found)
    assert "Ann Lee" not in str(result.metadata)
    assert "DE" in str(result.metadata)
    assert "Ann Lee" not in str(checked.broken(found))


def test_each_month_shows_its_own_rows_and_rates_with_the_total_first() -> None:
    def row(month: int, dimension: str, member: str, rate: float | None) -> dict[str, Any]:
        known = {"month": date(2026, month, 1), "window_months": 1, "expansion_rate": rate}
        return (
            dict.fromkeys(EXPANSION_METRICS.names)
            | known
            | {"dimension": dimension, "member": member}
        )

    rows = [
        *(row(1, "owner", f"Ann {number}", 0.5) for number in range(9)),
        row(1, "total", "all", 0.02),
        row(2, "country", "DE", 0.5),
        row(2, "total", "all", 0.03),
    ]
    frame = pl.DataFrame(rows, schema=EXPANSION_METRICS.schema)
    found = shown.of_months(EXPANSION_METRICS, frame, ["2026-01", "2026-02", "2026-03"])
    assert [each["dagster/partition_row_count"] for each in found.values()] == [10, 2, 0]
    assert [each.get("expansion_rate") for each in found.values()] == [0.02, 0.03, None]
    previews = [[dict(it.data) for it in each["preview"].records] for each in found.values()]
    assert [len(each) for each in previews] == [shown.PREVIEW, 2, 0]
    assert [each[0]["member"] for each in previews[:2]] == ["all", "all"]
    assert {it["month"] for it in previews[0]} == {"2026-01"}
    assert "Ann" not in str(previews)


def test_money_is_shown_as_people_write_it() -> None:
    month = {"month": date(2026, 1, 1), "window_months": 1, "policy": "default"}
    row = {**month, "dimension": "total", "member": "all", "starting_mrr": 1_593_900_000}
    (found,) = preview(EXPANSION_METRICS, row)
    assert str(found["starting_mrr"]) == "1593.9"
