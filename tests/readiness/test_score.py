"""Points add up, missing facts leave their weight to others, and nothing rests on what came later."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.months import Calendar, add_months
from pipeline.readiness import Known, indicators, scored
from pipeline.readiness.known import LIMITS, USAGE
from pipeline.readiness.score import RULES, TROUBLES, points_of
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    CRM_DEAL,
    CRM_DEAL_HISTORY,
    MRR_MOVEMENT,
    MRR_SNAPSHOT,
    PRODUCT,
)
from tests.readiness.frames import rows_of

ORIGIN = date(2026, 6, 1)
END = datetime(2026, 7, 1, tzinfo=UTC)
CALENDAR = Calendar(now=datetime(2026, 12, 1, tzinfo=UTC), first_month=date(2025, 1, 1))
ACCOUNTS = [f"hubspot:{number}" for number in range(14)]
SHARE = st.none() | st.floats(0, 1.5, allow_nan=False)


def item(month: date, account: str, seats: int, **more: Any) -> dict[str, Any]:
    return {
        "month": month, "account_id": account, "subscription_item_id": f"si_{account}",
        "product_id": "prod_pro", "plan": "Pro", "pricing_model": "seat", "usage_type": "licensed",
        "status": "active", "quantity": seats, "mrr": seats * 1_000_000,
        "list_mrr": seats * 1_000_000, "discount_mrr": 0, **more,
    }  # fmt: skip


def moved(month: date, account: str, movement: str) -> dict[str, Any]:
    return {"month": month, "window_months": 1, "account_id": account, "movement": movement}


def company(later: int) -> Known:
    """Fourteen accounts up to the origin; what comes after it is another for another `later`."""
    after = [add_months(ORIGIN, n) for n in (1, 2, 3)]
    before = add_months(ORIGIN, -3)
    snapshots = [item(before, each, 10 + n) for n, each in enumerate(ACCOUNTS)]
    snapshots += [item(ORIGIN, each, 10 + 2 * n) for n, each in enumerate(ACCOUNTS)]
    snapshots += [
        item(m, each, 1 + n * later, plan=f"New {later}")
        for m in after
        for n, each in enumerate(ACCOUNTS)
    ]
    movements = [
        moved(ORIGIN, ACCOUNTS[3], "expansion"),
        moved(before, ACCOUNTS[3], "expansion"),
        moved(add_months(ORIGIN, -1), ACCOUNTS[4], "contraction"),
    ]
    movements += [moved(m, ACCOUNTS[(n + later) % 14], "expansion") for n, m in enumerate(after)]
    hence = END + timedelta(days=later)
    deals = [
        {
            "deal_id": "d1",
            "account_id": ACCOUNTS[5],
            "type": "existingbusiness",
            "created": END - timedelta(days=20),
            "closed": hence,
            "won": bool(later % 2),
            "stage": f"s{later}",
        },
        {"deal_id": "d2", "account_id": ACCOUNTS[6], "type": "existingbusiness", "created": hence},
    ]
    changes = [
        {
            "deal_id": "d1",
            "at": END - timedelta(days=20),
            "field": "stage",
            "value": "talk",
            "closes": False,
            "probability": 0.6,
        },
        {
            "deal_id": "d1",
            "at": hence,
            "field": "stage",
            "value": f"s{later}",
            "closes": True,
            "probability": 1.0,
        },
    ]
    owners = [
        {
            "account_id": ACCOUNTS[7],
            "field": "owner",
            "at": END - timedelta(days=200),
            "value": "Ann",
        },
        {"account_id": ACCOUNTS[7], "field": "owner", "at": hence, "value": f"Owner {later}"},
    ]
    usage = [(ACCOUNTS[8], (END - timedelta(days=d)).date(), "seats", 25.0) for d in range(1, 29)]
    usage += [
        (ACCOUNTS[9], (END + timedelta(days=d)).date(), "seats", float(later)) for d in range(30)
    ]
    paying = [
        {"account_id": each, "source": "hubspot", "first_paid_month": date(2025, 3, 1)}
        for each in ACCOUNTS
    ]
    return Known(
        snapshot=rows_of(MRR_SNAPSHOT, snapshots),
        movement=rows_of(MRR_MOVEMENT, movements),
        account=rows_of(ACCOUNT, paying),
        account_history=rows_of(ACCOUNT_HISTORY, owners),
        deal=rows_of(CRM_DEAL, deals),
        deal_history=rows_of(CRM_DEAL_HISTORY, changes),
        product=rows_of(PRODUCT, [{"product_id": "prod_pro", "name": "Pro", "metadata": '{"seat_limit": "40"}'}]),
        usage=pl.LazyFrame(usage, schema=USAGE, orient="row"),
        limit_keys=(("seats", "seat_limit"),),
    )  # fmt: skip


def at_origin(later: int) -> pl.DataFrame:
    return scored(indicators(company(later), CALENDAR, [ORIGIN])).sort("account_id").collect()


@pytest.mark.parametrize("later", [2, 9, 40])
def test_what_comes_after_the_origin_changes_no_indicator_and_no_score(later: int) -> None:
    assert_frame_equal(at_origin(1), at_origin(later))


def test_indicators_say_what_was_known() -> None:
    found = {row["account_id"]: row for row in at_origin(1).to_dicts()}
    assert len(found) == len(ACCOUNTS)
    assert found[ACCOUNTS[3]]["expansions"] == 2
    assert found[ACCOUNTS[3]]["months_since_expansion"] == 0
    assert found[ACCOUNTS[4]]["contracted_points"] < 0
    assert found[ACCOUNTS[5]]["open_deals"] == 1
    assert found[ACCOUNTS[5]]["deal_probability"] == pytest.approx(0.6)
    assert found[ACCOUNTS[6]]["open_deals"] == 0
    assert (found[ACCOUNTS[7]]["owner"], found[ACCOUNTS[7]]["owner_changes"]) == ("Ann", 0)
    assert found[ACCOUNTS[8]]["utilisation"] == pytest.approx(25 / 26)
    assert found[ACCOUNTS[9]]["utilisation"] == pytest.approx(28 / 40)
    assert found[ACCOUNTS[8]]["tenure"] == 15


def test_the_limit_of_a_feature_stands_in_the_metadata_of_a_product() -> None:
    """Its key may have blanks; a limit in the file wins."""
    metadata = '{"seat_limit": "40", "API calls": "1000"}'
    days = [
        (ACCOUNTS[9], (END - timedelta(days=d)).date(), "api_calls", 950.0) for d in range(1, 29)
    ]
    known = replace(
        company(1),
        product=rows_of(PRODUCT, [{"product_id": "prod_pro", "name": "Pro", "metadata": metadata}]),
        usage=pl.LazyFrame(days, schema=USAGE, orient="row"),
        limit_keys=(("seats", "seat_limit"), ("api_calls", "API calls")),
    )

    def of(known: Known) -> dict[str, Any]:
        rows = indicators(known, CALENDAR, [ORIGIN]).filter(account_id=ACCOUNTS[9])
        return dict(rows.collect().row(0, named=True))

    found = of(known)
    assert (found["utilisation"], found["utilised"]) == (pytest.approx(0.95), "api_calls")
    filed = pl.LazyFrame([(found["plan"], "api_calls", 1900.0)], schema=LIMITS, orient="row")
    assert of(replace(known, limits=filed))["utilisation"] == pytest.approx(0.5)


def test_use_decides_before_seats_over_a_limit() -> None:
    days = [(ACCOUNTS[9], (END - timedelta(days=d)).date(), "seats", 7.0) for d in range(1, 29)]
    known = replace(company(1), usage=pl.LazyFrame(days, schema=USAGE, orient="row"))
    rows = indicators(known, CALENDAR, [ORIGIN]).filter(account_id=ACCOUNTS[9]).collect()
    assert rows["utilisation"].item() == pytest.approx(7 / 28), "not 28 of 40"


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_last_28_days_are_28_in_every_time_zone(timezone: str) -> None:
    last = (END - timedelta(days=1)).date()
    days = [
        (ACCOUNTS[9], last - timedelta(days=d), "seats", 28.0 if d == 27 else 0.0)
        for d in range(28)
    ]
    known = replace(company(1), usage=pl.LazyFrame(days, schema=USAGE, orient="row"))
    calendar = replace(CALENDAR, timezone=timezone)
    rows = indicators(known, calendar, [ORIGIN]).filter(account_id=ACCOUNTS[9]).collect()
    assert rows["utilisation"].item() == pytest.approx(1 / 28)


@pytest.mark.parametrize(
    ("field", "times", "touched"), [("stage", 1, False), ("stage", 2, True), ("type", 1, False)]
)
def test_what_is_known_first_of_a_deal_is_no_work_on_it(
    field: str, times: int, touched: bool
) -> None:
    """A CRM that is read for the first time, with an old deal that was lost."""
    deal = {
        "deal_id": "d", "account_id": ACCOUNTS[9], "type": "existingbusiness", "stage": "Lost", "won": False,
        "created": END - timedelta(days=900), "closed": END - timedelta(days=800),
    }  # fmt: skip
    seen = [
        {"deal_id": "d", "field": field, "value": "existingbusiness" if field == "type" else "Lost"}
        | {"at": END - timedelta(days=10 - place)}
        for place in range(times)
    ]
    known = replace(
        company(1), deal=rows_of(CRM_DEAL, [deal]), deal_history=rows_of(CRM_DEAL_HISTORY, seen)
    )
    rows = indicators(known, CALENDAR, [ORIGIN]).filter(account_id=ACCOUNTS[9]).collect()
    assert rows["touched"].item() is touched


SHARES = (
    "utilisation", "seat_growth", "usage_growth", "discount_share", "larger_plan_share", "missing_share",
    "deal_probability",
)  # fmt: skip
FACTS = st.fixed_dictionaries({
    **dict.fromkeys(SHARES, SHARE),
    "overage": st.none() | st.booleans(), "touched": st.booleans(), "in_crm": st.booleans(),
    "cancel_scheduled": st.booleans(), "past_due": st.booleans(),
    "expansions": st.integers(0, 12), "contractions_recent": st.integers(0, 3),
    "open_deals": st.integers(0, 2), "owner_changes": st.none() | st.integers(0, 2),
    "tenure": st.none() | st.integers(0, 60),
})  # fmt: skip
TYPES = pl.Schema({
    **dict.fromkeys(SHARES, pl.Float64),
    **dict.fromkeys(("overage", "touched", "in_crm", "cancel_scheduled", "past_due"), pl.Boolean),
    **dict.fromkeys(("expansions", "contractions_recent", "open_deals", "owner_changes", "tenure"), pl.Int64),
})  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(FACTS, min_size=1, max_size=20))
def test_points_sum_to_the_score(facts: list[dict[str, Any]]) -> None:
    for row in scored(pl.LazyFrame(facts, schema=TYPES)).collect().to_dicts():
        given_ = [row[points_of(rule)] for rule in RULES]
        taken = max(-30.0, sum(row[f"{name}_points"] for name in TROUBLES))
        summed = min(100.0, max(0.0, sum(p for p in given_ if p is not None) + taken))
        assert row["score"] == pytest.approx(0.0 if row["blocked"] else summed)
        assert 0 <= row["score_without_deals"] <= 100
        known = sum(r.weight for r, p in zip(RULES, given_, strict=True) if p is not None)
        assert row["confidence"] == pytest.approx(known / sum(r.weight for r in RULES))
        if not row["in_crm"]:
            assert row["score"] == pytest.approx(row["score_without_deals"])


def test_all_that_can_speak_for_it_is_a_hundred_points_however_little_is_known() -> None:
    little = {
        "expansions": 3,
        "contractions_recent": 0,
        "cancel_scheduled": False,
        "past_due": False,
        "in_crm": False,
    }
    row = scored(pl.LazyFrame([little], schema=TYPES)).collect().row(0, named=True)
    assert row["score"] == pytest.approx(100)
    assert row["confidence"] == pytest.approx(12 / 90)
