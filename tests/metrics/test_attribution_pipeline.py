"""The pipeline at the end of each month: deals as they were then, and not as they are now."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.attribution import AttributionRules, Crm, crm_pipeline
from pipeline.money import MICRO, RATE_SCALE
from pipeline.months import Calendar, add_months
from pipeline.schemas import CRM_DEAL, CRM_DEAL_HISTORY, FX_RATE

Row = dict[str, Any]
RULES = AttributionRules()
CALENDAR = Calendar(now=datetime(2026, 6, 15, tzinfo=UTC), first_month=date(2026, 1, 1))
MONTHS = [date(2026, number, 1) for number in range(1, 7)]


def at(month: int, day: int = 10) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


def deal(name: str = "1", **also: Any) -> Row:
    return dict.fromkeys(CRM_DEAL.names) | {
        "deal_id": f"hubspot:{name}", "account_id": "hubspot:1", "type": "existingbusiness",
        "stage": "Contract sent", "owner": "Ann Lee", "amount": 1000 * MICRO, "currency": "usd",
        "created": at(1), "closed": at(6, 30), "won": None, "probability": 0.5, **also,
    }  # fmt: skip


def change(month: int, field: str, value: str | None, name: str = "1", **also: Any) -> Row:
    return {"deal_id": f"hubspot:{name}", "at": at(month), "field": field, "value": value, **also}


def stage(month: int, value: str, probability: float, *, closes: bool = False) -> Row:
    return change(month, "stage", value, probability=probability, closes=closes)


def frame(schema: Any, rows: list[Row]) -> pl.LazyFrame:
    return pl.LazyFrame([{k: row.get(k) for k in schema} for row in rows], schema=schema)


def found(
    deals: list[Row], history: tuple[Row, ...] | list[Row] = (), rules: AttributionRules = RULES
) -> dict[int, list[Any]]:
    """Month -> (stage, owner, deals, without amount, amount, weighted) in dollars."""
    rates = [
        {"month": month, "currency": "eur", "rate": RATE_SCALE * (100 + month.month) // 100}
        for month in MONTHS
    ]
    nothing = Crm.nothing()
    crm = Crm(
        frame(CRM_DEAL.schema, deals),
        frame(CRM_DEAL_HISTORY.schema, list(history)),
        nothing.account,
        nothing.account_history,
        nothing.account_link,
        frame(FX_RATE.schema, rates),
    )
    told: dict[int, list[Any]] = {}
    for row in crm_pipeline(crm, CALENDAR.ends(MONTHS), rules).to_dicts():
        told.setdefault(row["month"].month, []).append(
            (
                row["stage"],
                row["owner"],
                row["deals"],
                row["without_amount"],
                row["amount"] / MICRO,
                None if row["weighted"] is None else row["weighted"] / MICRO,
            )
        )
    return told


def test_stage_owner_and_amount_are_those_of_the_month_s_end() -> None:
    history = [
        stage(1, "Qualified", 0.2),
        stage(3, "Contract sent", 0.9),
        change(1, "amount", "500"),
        change(4, "amount", "800.50"),
        change(1, "owner", "Ben Okafor"),
        change(5, "owner", "Ann Lee"),
        stage(6, "Closed won", 1.0, closes=True),
    ]
    told = found([deal(created=at(2), won=True, closed=at(6), stage="Closed won")], history)
    assert told == {
        2: [("Qualified", "Ben Okafor", 1, 0, 500, 100)],
        3: [("Contract sent", "Ben Okafor", 1, 0, 500, 450)],
        4: [("Contract sent", "Ben Okafor", 1, 0, 800.5, 720.45)],
        5: [("Contract sent", "Ann Lee", 1, 0, 800.5, 720.45)],
    }


def test_without_history_a_deal_is_as_it_is_now_and_open_until_it_closed() -> None:
    as_now = ("Contract sent", "Ann Lee", 1, 0, 1000, 500)
    assert found([deal()]) == {month: [as_now] for month in range(1, 7)}
    closed = deal(won=False, closed=at(3), stage="Closed lost", probability=0.0)
    lost = ("unknown", "Ann Lee", 1, 0, 1000, None)
    assert found([closed]) == {1: [lost], 2: [lost]}, "nobody knows its stage of then"
    seen_late = [change(5, "stage", "Closed lost", closes=True, probability=0.0)]
    assert found([closed], seen_late) == {1: [lost], 2: [lost]}


def test_without_any_likelihood_nothing_is_weighted() -> None:
    told = found([deal(probability=None), deal("2", probability=None)])
    assert set(told[1]) == {("Contract sent", "Ann Lee", 2, 0, 2000, None)}


def test_a_deal_that_was_opened_again() -> None:
    history = [
        stage(1, "Qualified", 0.2),
        stage(2, "Closed lost", 0.0, closes=True),
        stage(4, "Qualified", 0.2),
    ]
    assert sorted(found([deal(stage="Qualified")], history)) == [1, 4, 5, 6]


def test_amounts_are_at_the_month_s_rate_and_those_without_are_counted() -> None:
    deals = [
        deal("1", currency="eur"),
        deal("2", currency="gbp"),
        deal("3", amount=None),
        deal("4", currency=None),
    ]
    assert found(deals)[3] == [("Contract sent", "Ann Lee", 4, 2, 2030, 1015)]
    assert found(deals)[4] == [("Contract sent", "Ann Lee", 4, 2, 2040, 1020)]


def test_only_expansion_counts_by_the_type_of_then() -> None:
    assert found([deal(type="newbusiness"), deal("2", type=None)]) == {}
    history = [change(1, "type", "newbusiness"), change(4, "type", "existingbusiness")]
    assert sorted(found([deal()], history)) == [4, 5, 6]


def test_nobody_is_unknown_and_an_odd_amount_is_none() -> None:
    history = [change(1, "amount", "a lot"), change(1, "owner", None)]
    assert found([deal()], history)[2] == [("Contract sent", "unknown", 1, 1, 0, 0)]


@given(
    lives=st.lists(
        st.tuples(
            st.integers(1, 6), st.one_of(st.none(), st.tuples(st.integers(1, 6), st.booleans()))
        ),
        max_size=8,
    )
)
def test_each_month_counts_the_deals_that_were_made_and_not_closed(lives: Any) -> None:
    deals, history = [], []
    for number, (made, end) in enumerate(lives):
        closed = None if end is None else at(max(end[0], made), 20)
        deals.append(
            deal(str(number), created=at(made), closed=closed, won=None if end is None else end[1])
        )
        if number % 2:
            history.append(
                change(made, "stage", "Open", str(number), closes=False, probability=0.5)
            )
            if closed is not None:
                history.append(
                    change(max(end[0], made), "stage", "Closed", str(number), closes=True)
                    | {"at": closed}
                )
    told = {month: sum(row[2] for row in rows) for month, rows in found(deals, history).items()}
    for month in MONTHS:
        boundary = CALENDAR.boundary(month)
        expected = sum(
            each["created"] < boundary and (each["won"] is None or not each["closed"] < boundary)
            for each in deals
        )
        assert told.get(month.month, 0) == expected
    assert add_months(MONTHS[-1], 1) not in told
