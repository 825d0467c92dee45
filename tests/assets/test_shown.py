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
