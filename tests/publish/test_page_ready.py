"""Who expands next, on the page: what orders the accounts stands beside them, in words that need no explanation."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from pipeline.database import table_of
from pipeline.publish.page import Given, write_report
from pipeline.schemas import READINESS_REASON, READINESS_SCORE, SCORE_EVALUATION
from tests.publish.company import LAST, published_company
from tests.publish.test_page_growth import said

REASON = (
    "26% of the accounts on Enterprise hold API usage, too; expanded 2 times in the last 12 months"
)


def fill(warehouse: Engine, method: str, verdict: str, chances: tuple[float, float]) -> None:
    """Two accounts of the latest closed month, scored; the smaller one has the larger score."""
    scored = dict.fromkeys(READINESS_SCORE.names) | {"month": LAST, "method": method}
    scored |= {"owner": "Carla Rossi", "motion": "cross_sell"}
    scores = [
        scored | {"account_id": "acc_0", "rank": 1, "score": 12, "probability": chances[0], "mrr": 24_000},
        scored | {"account_id": "acc_1", "rank": 2, "score": 77, "probability": chances[1], "mrr": 4_900},
    ]  # fmt: skip
    reasons = [
        dict.fromkeys(READINESS_REASON.names)
        | {"month": LAST, "account_id": each["account_id"], "position": 1, "words": REASON}
        for each in scores
    ]
    measured = dict.fromkeys(SCORE_EVALUATION.names) | {"month": LAST, "verdict": verdict}
    measured |= {"origins": 8, "positives": 260, "measure": "lift_tenth"}
    record = [
        measured | {"method": method, "value": 1.5, "low": 1.4, "high": 1.6},
        *([] if method == "logistic" else [measured | {"method": "logistic", "value": 1.14}]),
        measured | {"method": "logistic", "measure": "lift_over_rules", "value": 0.06},
    ]
    with warehouse.begin() as connection:
        for table, rows in (
            (READINESS_SCORE, scores),
            (READINESS_REASON, reasons),
            (SCORE_EVALUATION, record),
        ):
            connection.execute(insert(table_of(table)), rows)


def section(warehouse: Engine, folder: Path) -> str:
    return said(write_report(warehouse, folder, Given(), [LAST]).page, "ready")


def test_where_nothing_orders_the_accounts_their_mrr_does_and_no_score_is_shown(
    warehouse: Engine, tmp_path: Path
) -> None:
    published_company(warehouse)
    fill(warehouse, "largest_mrr", "nothing", (0.31, 0.31))
    told = section(warehouse, tmp_path)
    assert "no order was surely better than chance. So the accounts stand by MRR" in told
    assert (
        "stood as high at earlier month ends, the chance to expand within three months is 31%"
        in told
    )
    assert f"Account Owner MRR Acme Carla Rossi 24,000 Offer another product: {REASON}" in told
    assert "its first tenth expanded 1.14 times as often as all accounts, 0.06 more than" in told


def test_where_the_score_orders_the_accounts_it_stands_beside_them(
    warehouse: Engine, tmp_path: Path
) -> None:
    published_company(warehouse)
    fill(warehouse, "logistic", "better", (0.4, 0.3))
    told = section(warehouse, tmp_path)
    assert "its first tenth expanded 1.50 times as often within three months as all" in told
    assert "(1.40 to 1.60, at 8 earlier month ends)" in told
    assert "Account Owner Score Chance in 3 m. MRR Acme Carla Rossi 12 40% 24,000" in told
    assert "stood as high" not in told
    assert "More about it" not in told


@pytest.mark.parametrize(("chances", "shown"), [((0.4, 0.4), False), ((0.4, 0.3), True)])
def test_a_chance_that_all_have_is_said_once(
    warehouse: Engine, tmp_path: Path, chances: tuple[float, float], shown: bool
) -> None:
    published_company(warehouse)
    fill(warehouse, "rules", "better", chances)
    told = section(warehouse, tmp_path)
    assert ("Chance in 3 m." in told) is shown
    assert ("to expand within three months is 40%." in told) is not shown
