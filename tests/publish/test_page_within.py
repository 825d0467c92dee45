"""What happens within a month and takes itself back, on the page: how much of it, whose, and where there is none."""

from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from pipeline.money import MICRO
from pipeline.publish import publish_months
from pipeline.publish.page import Given, write_report
from pipeline.schemas import INTRA_MONTH_ACTIVITY
from tests.publish.company import LAST, published_company
from tests.publish.test_page_growth import said


def fill(warehouse: Engine, accounts: dict[str, tuple[int, int, int]]) -> None:
    """(up, down, passing items) of each account in the latest closed month, in whole dollars."""
    rows = [
        {
            "month": LAST,
            "account_id": account,
            "changes": 2,
            "up_mrr": up * MICRO,
            "down_mrr": down * MICRO,
            "delta_mrr": (up - down) * MICRO,
            "netted_mrr": min(up, down) * MICRO,
            "passing_items": passing,
            "evidence": "exact",
        }
        for account, (up, down, passing) in accounts.items()
    ]
    frame = pl.DataFrame(rows, schema=INTRA_MONTH_ACTIVITY.schema)
    publish_months(warehouse, {"intra_month_activity": frame}, [LAST])


def section(warehouse: Engine, folder: Path) -> str:
    return said(write_report(warehouse, folder, Given(), [LAST]).page, "within")


def test_accounts_that_turned_are_counted_and_the_largest_named(
    any_warehouse: Engine, tmp_path: Path
) -> None:
    published_company(any_warehouse)
    many = {f"acc_{number}": (number, 10 * number, 0) for number in range(2, 8)}
    fill(any_warehouse, {"acc_0": (4_000, 1_500, 2), "acc_1": (30, 0, 1)} | many)
    told = section(any_warehouse, tmp_path)
    assert "7 accounts went up and down within the month: 1,527 of MRR that no movement" in told
    assert "3 items of 2 accounts came and left between the two month ends." in told
    assert "The 5 largest of 8:" in told
    rows = told.split("Items passing ")[1]
    assert rows == (
        "Acme 4,000 1,500 1,500 2 acc_7 7 70 7 0 acc_6 6 60 6 0 acc_5 5 50 5 0 acc_4 4 40 4 0"
    )


def test_one_account_alone(any_warehouse: Engine, tmp_path: Path) -> None:
    published_company(any_warehouse)
    fill(any_warehouse, {"acc_1": (100, 100, 1)})
    told = section(any_warehouse, tmp_path)
    assert "1 account went up and down within the month: 100 of MRR" in told
    assert "1 item of 1 account came and left" in told
    assert "largest of" not in told
    assert told.endswith("Bolt 100 100 100 1")


def test_a_quiet_month(any_warehouse: Engine, tmp_path: Path) -> None:
    published_company(any_warehouse)
    told = section(any_warehouse, tmp_path)
    assert told.endswith("No account went up and down within the month, and no item came and left.")
