"""Who brought the expansion: against the rules in plain Python, and the edges of the windows by hand."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.attribution import (
    AttributionRules,
    Crm,
    attributed,
    check_attribution,
    reconciliation,
    sensitivity,
)
from pipeline.schemas import ACCOUNT, ACCOUNT_HISTORY, ACCOUNT_LINK, CRM_DEAL, MRR_MOVEMENT
from tests.metrics.attribution_oracle import Oracle, Row, key_of

SOURCES = {"hubspot:1": "hubspot", "hubspot:2": "hubspot", "salesforce:A": "salesforce", "cus_1": "stripe"}  # fmt: skip
EXPANSION, NEW = "existingbusiness", "newbusiness"
DATED = {
    "month": pl.Date, "account_id": pl.String, "subscription_item_id": pl.String, "type": pl.String,
    "amount": pl.Int64, "opening_at": pl.Datetime("us", "UTC"), "at": pl.Datetime("us", "UTC"),
    "schedule_id": pl.String,
}  # fmt: skip
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DOLLAR = 1_000_000


def part(at: datetime, zone: str = "UTC", **also: Any) -> Row:
    """A component whose change was at `at`; its month is that of the zone."""
    local = at.astimezone(ZoneInfo(zone))
    opening = datetime(local.year, local.month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return {
        "month": date(local.year, local.month, 1), "account_id": "hubspot:1",
        "subscription_item_id": "si_1", "type": "seat", "amount": 100 * DOLLAR,
        "opening_at": opening, "at": at, "schedule_id": None, **also,
    }  # fmt: skip


def deal(name: str, created: datetime | None, closed: datetime | None, **also: Any) -> Row:
    """A won expansion deal of the account hubspot:1 over $1,200."""
    return dict.fromkeys(CRM_DEAL.names) | {
        "deal_id": f"hubspot:{name}", "account_id": "hubspot:1", "type": EXPANSION, "owner": "Ann Lee",
        "created": created, "closed": closed, "won": True, "amount": 1200 * DOLLAR, "currency": "usd", **also,
    }  # fmt: skip


def frame(schema: Any, rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame([{k: row.get(k) for k in schema} for row in rows], schema=schema)


def crm_of(deals: list[Row], history: list[Row] | None = None) -> Crm:
    nothing = Crm.nothing()
    accounts = [
        {"account_id": k, "source": v, "owner": f"owner of {k}"} for k, v in SOURCES.items()
    ]
    links = [{"customer_id": f"cus_{k}", "account_id": k} for k in SOURCES]
    return Crm(
        deal=frame(CRM_DEAL.schema, deals).lazy(),
        deal_history=nothing.deal_history,
        account=frame(ACCOUNT.schema, accounts).lazy(),
        account_history=frame(ACCOUNT_HISTORY.schema, history or []).lazy(),
        account_link=frame(ACCOUNT_LINK.schema, links).lazy(),
        fx_rate=nothing.fx_rate,
    )  # fmt: skip


DEFAULT = AttributionRules()


def said(parts: list[Row], deals: list[Row], rules: AttributionRules = DEFAULT) -> pl.DataFrame:
    """What is attributed, in the order of the key; the CRM reaches back to 2020."""
    old = deal("old", LONG_AGO, LONG_AGO, account_id="hubspot:9")
    return attributed(frame(DATED, parts), crm_of([*deals, old]), rules)


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


instants = st.integers(0, 180 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@st.composite
def companies(draw: st.DrawFn) -> tuple[list[Row], list[Row], AttributionRules]:
    zone = draw(st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland"]))
    parts: dict[Any, Row] = {}
    for number in range(draw(st.integers(1, 12))):
        made = part(
            draw(instants),
            zone,
            account_id=draw(st.sampled_from(list(SOURCES))),
            subscription_item_id=f"si_{number % 3}",
            type=draw(st.sampled_from(["seat", "plan", "price", "discount", "usage", "add_on"])),
            amount=draw(st.sampled_from([1, 2, 2, 3])) * DOLLAR,
            schedule_id=draw(st.sampled_from([None, None, None, "sub_sched_1"])),
        )
        parts[key_of(made)] = made
    for number, made in enumerate(list(parts.values())):
        if draw(st.integers(0, 4)) == 0:
            less = made | {
                "type": "cross_sell",
                "amount": -1,
                "subscription_item_id": f"si_less_{number}",
            }
            parts[key_of(less)] = less
    deals = []
    for number in range(draw(st.integers(0, 8))):
        created = draw(st.one_of(instants, st.just(LONG_AGO), st.just(None)))
        deals.append(
            deal(
                str(number),
                created,
                draw(st.one_of(instants, st.none())),
                account_id=draw(st.sampled_from([*SOURCES, None])),
                type=draw(st.sampled_from([EXPANSION, EXPANSION, EXPANSION, NEW, "Upsell", None])),
                won=draw(st.sampled_from([True, True, True, False, None])),
                amount=draw(st.sampled_from([None, DOLLAR, 2 * DOLLAR])),
            )
        )
    days = st.integers(0, 60)
    rules = AttributionRules(
        before=draw(days), after=draw(days), influence=draw(days), timezone=zone
    )
    return list(parts.values()), deals, rules


def oracle(parts: list[Row], deals: list[Row], rules: AttributionRules) -> Oracle:
    return Oracle(parts, [each | {"value": each["amount"]} for each in deals], SOURCES, rules)


@given(company=companies())
def test_every_component_is_attributed_as_the_rules_say(company: Any) -> None:
    parts, deals, rules = company
    found = attributed(frame(DATED, parts), crm_of(deals), rules)
    told = {
        key_of(row): (row["attribution"], row["deal_id"], tuple(json.loads(row["evidence"])))
        for row in found.to_dicts()
    }
    expected = oracle(parts, deals, rules).said()
    assert told == {k: (v.attribution, v.deal_id, v.evidence) for k, v in expected.items()}
    assert {key_of(row): row["amount"] for row in found.to_dicts()} == {
        key_of(row): row["amount"] for row in parts
    }
    owners = {each["deal_id"]: each["owner"] for each in deals}
    for row in found.to_dicts():
        sold = row["attribution"] == "sales_driven"
        assert row["owner"] == (owners[row["deal_id"]] if sold else f"owner of {row['account_id']}")


@given(company=companies(), seed=st.integers(0, 9))
def test_the_order_of_rows_decides_nothing(company: Any, seed: int) -> None:
    parts, deals, rules = company
    dated, crm = frame(DATED, parts), crm_of(deals)
    shuffled = Crm(
        *(
            getattr(crm, name).collect().sample(fraction=1, shuffle=True, seed=seed).lazy()
            for name in Crm.__slots__
            if name != "told"
        )
    )
    other = dated.sample(fraction=1, shuffle=True, seed=seed)
    assert attributed(dated, crm, rules).equals(attributed(other, shuffled, rules))


@given(company=companies())
def test_a_deal_pays_one_month_of_one_account_and_a_month_has_one_deal(company: Any) -> None:
    parts, deals, rules = company
    sold = attributed(frame(DATED, parts), crm_of(deals), rules).filter(
        pl.col("attribution") == "sales_driven"
    )
    months = sold.select("deal_id", "account_id", "month").unique()
    assert months["deal_id"].is_unique().all()
    assert months.select("account_id", "month").is_unique().all()


@given(company=companies())
def test_amounts_sum_to_the_expansion_of_each_account(company: Any) -> None:
    parts, deals, rules = company
    found = attributed(frame(DATED, parts), crm_of(deals), rules)
    sums = frame(DATED, parts).group_by("month", "account_id").agg(delta_mrr=pl.col("amount").sum())
    moved = sums.with_columns(window_months=pl.lit(1, dtype=pl.Int64), movement=pl.lit("expansion"))
    movement = frame(MRR_MOVEMENT.schema, moved.to_dicts()).lazy()
    assert check_attribution(movement, found.lazy()).is_empty()
    spoiled = found.with_columns(
        amount=pl.col("amount") + (pl.int_range(pl.len()) == 0).cast(pl.Int64)
    )
    assert check_attribution(movement, spoiled.lazy()).height == 1
    assert check_attribution(movement, found.head(0).lazy()).height == sums.height


@given(company=companies())
def test_sensitivity_is_the_attribution_under_other_windows(company: Any) -> None:
    parts, deals, rules = company
    found = sensitivity(frame(DATED, parts), crm_of(deals), rules)
    for days in (30, 60, 90):
        other = attributed(frame(DATED, parts), crm_of(deals), rules.with_days(days))
        expected = other.group_by("month", "attribution").agg(
            pl.col("amount").sum(), accounts=pl.col("account_id").n_unique()
        )
        told = found.filter(days=days).select("month", "attribution", "amount", "accounts")
        assert sorted(told.rows(), key=str) == sorted(expected.rows(), key=str)


@given(company=companies())
def test_every_won_expansion_deal_is_reconciled_once(company: Any) -> None:
    parts, deals, rules = company
    today = date(2026, 6, 1)
    dated, crm = frame(DATED, parts), crm_of(deals)
    found = reconciliation(dated, attributed(dated, crm, rules), crm, today, rules)
    judge = oracle(parts, deals, rules)
    won = {
        each["deal_id"]: each
        for each in judge.deals
        if each["won"] and each["closed"] and judge.day(each["closed"]) <= today
    }
    assert set(found["deal_id"]) == set(won)
    assert found["deal_id"].is_unique().all()
    for row in found.to_dicts():
        each = won[row["deal_id"]]
        closed = judge.day(each["closed"])
        assert row["month"] == closed.replace(day=1)
        assert (row["outcome"] == "paid") == (row["deal_id"] in judge.paid)
        if row["outcome"] in {"spare", "no_money"}:
            assert closed + timedelta(days=rules.before) < today
        around = [
            p["amount"]
            for p in parts
            if p["account_id"] == each["account_id"]
            and closed - timedelta(days=rules.after)
            <= judge.day(p["at"])
            <= closed + timedelta(days=rules.before)
        ]
        assert row["followed_mrr"] == sum(around)
    sold = attributed(dated, crm, rules).filter(pl.col("attribution") == "sales_driven")
    in_time = sold.filter(pl.col("deal_id").is_in(list(won)))
    assert found["attributed_mrr"].sum() == in_time["amount"].sum()


CHANGE = at("2026-03-10T12:00")


@pytest.mark.parametrize(
    ("closed", "attribution"),
    [
        ("2026-01-24T00:00:00", "sales_driven"),  # 45 days before, its first second
        ("2026-01-23T23:59:59", "influenced"),
        ("2026-04-09T23:59:59", "sales_driven"),  # 30 days after, its last second
        ("2026-04-10T00:00:00", "influenced"),  # open at the change
    ],
)
def test_the_edges_of_a_won_deal(closed: str, attribution: str) -> None:
    found = said([part(CHANGE)], [deal("1", at("2025-12-01T00:00"), at(closed))])
    assert found["attribution"].to_list() == [attribution]
    assert found["deal_id"].to_list() == ["hubspot:1"]


@pytest.mark.parametrize(
    ("closed", "attribution"),
    [("2025-12-10T00:00:00", "influenced"), ("2025-12-09T23:59:59", "natural")],
)
@pytest.mark.parametrize("won", [True, False])
def test_the_edge_of_influence(closed: str, attribution: str, won: bool) -> None:
    deals = [deal("1", at("2025-11-01T00:00"), at(closed), won=won)]
    assert said([part(CHANGE)], deals)["attribution"].to_list() == [attribution]


@pytest.mark.parametrize(
    ("change", "closed", "sold"),
    [
        # Summer time begins on 8 March: 45 days before 10 March is 24 January, an hour earlier by UTC.
        ("2026-03-10T12:00", "2026-01-24T05:00:00", True),
        ("2026-03-10T12:00", "2026-01-24T04:59:59", False),
        # The change itself is of 9 March in New York.
        ("2026-03-10T03:59", "2026-01-23T05:00:00", True),
        ("2026-03-10T03:59", "2026-01-23T04:59:59", False),
        # 30 days after 10 March ends at 04:00 UTC of 10 April in summer time.
        ("2026-03-10T12:00", "2026-04-10T03:59:59", True),
        ("2026-03-10T12:00", "2026-04-10T04:00:00", False),
    ],
)
def test_days_are_those_of_the_reporting_time_zone(change: str, closed: str, sold: bool) -> None:
    rules = AttributionRules(timezone="America/New_York")
    found = said(
        [part(at(change), rules.timezone)], [deal("1", at("2025-12-01T00:00"), at(closed))], rules
    )
    assert (found["attribution"].item() == "sales_driven") is sold


def test_a_deal_that_was_created_after_the_change_explains_nothing() -> None:
    for created, attribution in (
        (CHANGE, "natural"),
        (CHANGE - timedelta(seconds=1), "sales_driven"),
    ):
        found = said([part(CHANGE)], [deal("1", created, CHANGE + timedelta(days=2))])
        assert found["attribution"].item() == attribution


def test_an_open_deal_influences_whatever_day_is_expected() -> None:
    for closed in (None, at("2025-01-01T00:00"), at("2026-12-01T00:00")):
        found = said([part(CHANGE)], [deal("1", at("2025-01-01T00:00"), closed, won=None)])
        assert found["attribution"].item() == "influenced"


def test_a_deal_of_the_same_day_was_open_on_no_day_before() -> None:
    for created, attribution in (
        ("2026-03-10T00:00", "natural"),
        ("2026-03-09T23:59", "influenced"),
    ):
        found = said([part(CHANGE)], [deal("1", at(created), None, won=None)])
        assert found["attribution"].item() == attribution


def test_one_deal_two_months_pays_the_nearer_one() -> None:
    """And the other month stays influenced by it; the choice looks at both."""
    parts = [part(at("2026-02-20T00:00")), part(at("2026-03-10T00:00"))]
    deals = [deal("1", at("2026-01-02T00:00"), at("2026-03-05T00:00"))]
    assert said(parts, deals)["attribution"].to_list() == ["influenced", "sales_driven"]
    assert said(parts[:1], deals)["attribution"].to_list() == ["sales_driven"]


def test_two_deals_one_month_one_of_them_is_spare() -> None:
    parts = [part(CHANGE)]
    created = at("2026-01-02T00:00")
    near, far = (
        deal("near", created, CHANGE),
        deal("far", created, CHANGE - timedelta(days=3), amount=9**9),
    )
    assert said(parts, [far, near])["deal_id"].item() == "hubspot:near"
    large, small = (
        deal(name, created, CHANGE, amount=amount) for name, amount in (("large", 2), ("a", 1))
    )
    assert said(parts, [small, large])["deal_id"].item() == "hubspot:large", (
        "the larger of two as near"
    )
    equal = [deal(name, created, CHANGE) for name in ("b", "a")]
    assert said(parts, equal)["deal_id"].item() == "hubspot:a", "then the smaller id"
    dated, crm = frame(DATED, parts), crm_of([near, far])
    outcomes = reconciliation(
        dated, attributed(dated, crm, AttributionRules()), crm, date(2026, 8, 1), AttributionRules()
    )
    assert dict(outcomes.select("deal_id", "outcome").iter_rows()) == {
        "hubspot:near": "paid",
        "hubspot:far": "spare",
    }


def test_the_second_nearest_month_when_the_nearest_has_another_deal() -> None:
    parts = [part(at("2026-02-20T00:00")), part(at("2026-03-10T00:00"))]
    created = at("2026-01-02T00:00")
    deals = [
        deal("1", created, at("2026-03-10T00:00")),
        deal("2", created, at("2026-03-08T00:00")),
    ]
    assert said(parts, deals)["deal_id"].to_list() == ["hubspot:2", "hubspot:1"]


def test_a_deal_pays_all_of_the_month_that_it_is_about() -> None:
    """But what a contract brought, and what lies outside the window, it does not."""
    rules = AttributionRules(before=5, after=5, influence=5)
    parts = [
        part(at("2026-03-01T00:00"), subscription_item_id="si_far"),
        part(at("2026-03-10T00:00"), subscription_item_id="si_near"),
        part(at("2026-03-10T00:00"), subscription_item_id="si_near", type="plan"),
        part(at("2026-03-10T00:00"), subscription_item_id="si_near", type="price"),
        part(at("2026-03-10T00:00"), subscription_item_id="si_plan", schedule_id="sub_sched_1"),
        part(at("2026-03-10T00:00"), subscription_item_id="si_less", amount=-DOLLAR),
    ]
    found = said(parts, [deal("1", at("2026-03-05T00:00"), at("2026-03-12T00:00"))], rules)
    told = {
        (row["subscription_item_id"], row["type"]): row["attribution"] for row in found.to_dicts()
    }
    assert told == {
        ("si_far", "seat"): "natural",
        ("si_near", "seat"): "sales_driven",
        ("si_near", "plan"): "sales_driven",
        ("si_near", "price"): "contractual",
        ("si_plan", "seat"): "contractual",
        ("si_less", "seat"): "natural",
    }


def test_nothing_is_natural_without_a_crm_that_tells_of_the_whole_window() -> None:
    other = part(CHANGE, account_id="cus_1")
    assert said([other], [])["attribution"].item() == "unknown", "not matched"
    recent = [deal("9", at("2026-01-01T00:00"), at("2026-01-02T00:00"), account_id="hubspot:2")]
    found = attributed(frame(DATED, [part(CHANGE)]), crm_of(recent), AttributionRules())
    assert found["attribution"].item() == "unknown", "the CRM's first record is of January"
    found = attributed(frame(DATED, [part(CHANGE)]), crm_of([]), AttributionRules())
    assert found["attribution"].item() == "unknown", "no deal was ever recorded"


def test_the_owner_is_that_of_the_month_and_not_of_today() -> None:
    history = [
        {
            "account_id": "hubspot:1",
            "field": "owner",
            "at": at(f"2026-0{n}-15T00:00"),
            "value": name,
        }
        for n, name in ((2, "Ben"), (4, "Carla"))
    ]
    parts = [part(at(f"2026-0{n}-20T00:00")) for n in (1, 3, 4, 5)]
    found = attributed(frame(DATED, parts), crm_of([], history), AttributionRules())
    assert found["owner"].to_list() == ["Ben", "Ben", "Ben", "Carla"]


def test_what_became_of_won_deals() -> None:
    parts = [part(CHANGE)]
    created = at("2025-12-01T00:00")
    deals = [
        deal("paid", created, at("2026-03-09T00:00"), amount=1200 * DOLLAR),
        deal("late", created, at("2026-06-01T00:00")),
        deal("nothing", created, at("2025-12-24T00:00"), amount=None),
        deal("nobody", created, at("2026-03-09T00:00"), account_id=None),
        deal("stranger", created, at("2026-03-09T00:00"), account_id="hubspot:77"),
        deal("lost", created, at("2026-03-09T00:00"), won=False),
    ]
    dated, crm, rules = frame(DATED, parts), crm_of(deals), AttributionRules()
    found = reconciliation(dated, attributed(dated, crm, rules), crm, date(2026, 6, 30), rules)
    told = {row["deal_id"].split(":")[1]: row for row in found.to_dicts()}
    assert {name: row["outcome"] for name, row in told.items()} == {
        "paid": "paid",
        "late": "pending",
        "nothing": "no_money",
        "nobody": "unmatched",
        "stranger": "unmatched",
    }
    assert told["paid"]["attributed_mrr"] == told["paid"]["followed_mrr"] == 100 * DOLLAR
    assert told["paid"]["ratio"] == 1.0
    assert (told["nothing"]["amount"], told["nothing"]["ratio"]) == (None, None)


def test_types_that_nobody_mapped_are_counted() -> None:
    deals = [
        deal(str(n), LONG_AGO, None, type=kind)
        for n, kind in enumerate(["Upsell", "Upsell", None, NEW])
    ]
    assert AttributionRules().unmapped(crm_of(deals).deal).rows() == [("Upsell", 2), ("(none)", 1)]
