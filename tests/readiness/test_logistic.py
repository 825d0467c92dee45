"""The regression learns points from outcomes that are over, has reasons as the rules do, and ships if it is better."""

import random
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.months import add_months
from pipeline.readiness import judgeable, learned, reasons, record, scored, scored_by
from pipeline.readiness.judged import value_of
from pipeline.readiness.learned import Learned
from pipeline.readiness.logistic import Model, fitted
from pipeline.readiness.methods import LOGISTIC, LOGISTIC_WITHOUT_DEALS
from pipeline.readiness.record import Record
from pipeline.readiness.score import RULES, TROUBLES, points_of

MONTH = date(2026, 10, 1)
TYPES = pl.Schema({
    "month": pl.Date, "account_id": pl.String, "mrr": pl.Int64, "months_since_expansion": pl.Int64,
    **dict.fromkeys(
        ("utilisation", "seat_growth", "usage_growth", "discount_share", "larger_plan_share", "missing_share",
         "deal_probability", "utilised_of"), pl.Float64),
    **dict.fromkeys(("overage", "touched", "in_crm", "cancel_scheduled", "past_due"), pl.Boolean),
    **dict.fromkeys(("expansions", "contractions_recent", "open_deals", "owner_changes", "tenure"), pl.Int64),
    **dict.fromkeys(("utilised", "plan", "missing_product", "deal_stage"), pl.String),
})  # fmt: skip


def facts(dice: random.Random, month: date, number: int) -> dict[str, Any]:
    """An account; of some facts nothing is known."""
    return {
        "month": month, "account_id": f"hubspot:{number}", "mrr": dice.randint(20, 900) * 10**6,
        "utilisation": dice.choice([None, dice.uniform(0.4, 1.1)]), "utilised_of": 50.0, "utilised": "seats",
        "seat_growth": dice.uniform(-0.1, 0.2), "usage_growth": dice.uniform(-0.5, 0.5),
        "discount_share": dice.choice([0.0, 0.2]), "larger_plan_share": dice.random(),
        "missing_share": dice.random(), "missing_product": "Audit", "plan": "Pro",
        "overage": dice.choice([None, True, False]), "expansions": dice.randint(0, 4),
        "months_since_expansion": dice.choice([None, dice.randint(0, 11)]),
        "contractions_recent": dice.choice([0, 0, 1]), "tenure": dice.randint(0, 30),
        "in_crm": (crm := dice.random() < 0.8), "open_deals": int(crm and dice.random() < 0.2),
        "deal_stage": "talk", "deal_probability": 0.6, "touched": crm and dice.random() < 0.2,
        "owner_changes": dice.choice([None, 0, 1]), "cancel_scheduled": dice.random() < 0.05, "past_due": False,
    }  # fmt: skip


def company(accounts: int, times: int, seed: int) -> pl.DataFrame:
    """Facts at origins three months apart, the last of them three months before MONTH."""
    dice = random.Random(seed)
    rows = [
        facts(dice, add_months(MONTH, -3 * (times - time)), number)
        for time in range(times)
        for number in range(accounts)
    ]
    return pl.DataFrame(rows, schema=TYPES)


def became(known: pl.DataFrame, seed: int, base: float = 0.1, **by: float) -> pl.DataFrame:
    """What the record is made of: `by` says how much a feature adds to the chance to expand."""
    dice = random.Random(seed)
    rows = judgeable(scored(known.lazy())).sort("month", "account_id").collect()
    hits = [
        dice.random() < base + sum(much * (row[f"seen_{name}"] or 0) for name, much in by.items())
        for row in rows.to_dicts()
    ]
    return rows.with_columns(
        expanded=pl.Series(hits), gained=pl.Series(hits).cast(pl.Int64) * 10**7
    )


def model_of(rows: pl.DataFrame) -> Model:
    found = fitted(rows)
    assert found is not None
    return found


def told(accounts: int, times: int, seed: int, **by: float) -> tuple[Learned, Record]:
    found = learned(became(company(accounts, times, seed), seed, **by))
    return found, record(found.outcomes, MONTH)


def test_below_200_expansions_nothing_is_learned() -> None:
    rows = became(company(400, 4, 1), 1, seat_growth=0.2)
    hits = rows.filter("expanded")
    few = pl.concat([hits.head(199), rows.filter(~pl.col("expanded"))])
    assert fitted(few) is None
    assert fitted(pl.concat([few, hits.slice(199, 1)])) is not None
    found = learned(few)
    assert found.model is None
    assert record(found.outcomes, MONTH).shipped != LOGISTIC.name


def test_what_tells_has_the_points() -> None:
    model = model_of(became(company(1_000, 4, 2), 2, larger_plan=0.3, contracted=-0.09))
    assert model.points["larger_plan"] > 50
    assert model.points["contracted"] < -20
    assert sum(model.points.get(rule.name, 0.0) for rule in RULES) == pytest.approx(100, abs=1e-4)
    assert all(model.points[name] > 0 for name in model.points if name not in TROUBLES)
    assert all(model.points[name] < 0 for name in model.points if name in TROUBLES)


def test_it_is_the_same_each_time_and_in_any_order_of_rows() -> None:
    rows = became(company(600, 4, 3), 3, seat_growth=0.2)
    assert model_of(rows) == model_of(rows)
    other = model_of(rows.sample(fraction=1, shuffle=True, seed=5))
    assert other.points == pytest.approx(dict(model_of(rows).points), abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_points_sum_to_the_score_and_reasons_are_said_of_facts(seed: int) -> None:
    model = model_of(became(company(400, 4, 4), 4, base=0.15, larger_plan=0.2, open_deal=0.3))
    known = company(15, 1, seed)
    rows = scored_by(known.lazy(), model).collect()
    for row in rows.to_dicts():
        given_ = [row[points_of(rule)] or 0.0 for rule in RULES]
        taken = [row[f"{name}_points"] for name in TROUBLES]
        summed = min(100.0, max(0.0, sum(given_) + sum(taken) + row["unknown_points"]))
        assert row["score"] == pytest.approx(0.0 if row["blocked"] else summed, abs=1e-4)
        assert 0 <= row["score_without_deals"] <= 100
        assert 0 <= row["confidence"] <= 1.00001
        if all(row[points_of(rule)] is not None for rule in RULES):
            assert row["unknown_points"] == 0
    said = reasons(rows.lazy()).collect()
    assert said["words"].null_count() == 0
    assert (said.filter(pl.col("position") <= 3)["points"] > 0).all()


def test_the_record_holds_it_to_the_scores_it_would_have_given() -> None:
    """The value at an origin is the score of a model that saw the origins before, and nothing later."""
    known = company(500, 5, 5)
    rows = became(known, 5, seat_growth=0.3)
    found = learned(rows).outcomes
    months = sorted(set(rows["month"]))
    for origin in months[2:]:
        model = model_of(rows.filter(pl.col("month") < origin))
        expected = scored_by(known.filter(month=origin).lazy(), model).collect()
        both = found.filter(month=origin).join(expected, on="account_id")
        assert both.height == found.filter(month=origin).height > 0
        apart = (both[value_of(LOGISTIC.name)] - both["score"]).abs().max()
        assert isinstance(apart, float)
        assert apart < 1e-9


@pytest.mark.parametrize("at", [2, 3])
def test_outcomes_that_are_not_over_and_facts_that_come_later_change_nothing(at: int) -> None:
    rows = became(company(500, 5, 6), 6, seat_growth=0.3, touched=0.1)
    origin = sorted(set(rows["month"]))[at]
    later = pl.col("month") > origin
    changed = rows.with_columns(
        expanded=pl.when(pl.col("month") >= origin).then(~pl.col("expanded")).otherwise("expanded"),
        seen_seat_growth=pl.when(later).then(0.0).otherwise("seen_seat_growth").cast(pl.Float32),
    )
    values = [value_of(LOGISTIC.name), value_of(LOGISTIC_WITHOUT_DEALS.name)]
    one, other = (
        learned(each).outcomes.filter(pl.col("month") <= origin).select("account_id", *values)
        for each in (rows, changed)
    )
    assert_frame_equal(one, other, check_exact=False, rel_tol=0, abs_tol=1e-4)
    assert one[values[0]].null_count() < one.height, "something was learned"


def test_points_that_outcomes_teach_are_shipped_where_the_rules_weigh_wrongly() -> None:
    """Facts that the rules give a few points tell everything here."""
    found, said = told(1_500, 6, 7, larger_plan=0.25, missing_product=0.15, contracted=-0.05)
    assert (said.shipped, said.verdict) == (LOGISTIC.name, "better")
    over = said.rows.filter(method=LOGISTIC.name, measure="lift_over_rules").row(0, named=True)
    assert 0 < over["low"] < over["value"] < over["high"]
    assert set(said.rows.filter("shipped")["method"]) == {LOGISTIC.name}
    first = said.rows.filter(method=LOGISTIC.name, measure="auc").row(0, named=True)
    whole = said.rows.filter(method="rules", measure="auc").row(0, named=True)
    assert first["origins"] < whole["origins"] == 6, "at the first one nothing was learned yet"
    assert not said.chances.is_empty()
    assert found.without_deals is not None


def test_the_rules_stay_where_they_weigh_rightly() -> None:
    """The chance follows the rules' own score: to learn them again adds nothing."""
    dice = random.Random(8)
    known = company(800, 6, 8)
    whole = scored(known.lazy()).select("month", "account_id", "score").collect()
    rows = judgeable(scored(known.lazy())).collect().join(whole, on=["month", "account_id"])
    hits = [dice.random() < max(0.0, 0.012 * (score - 30)) for score in rows["score"]]
    found = learned(rows.with_columns(expanded=pl.Series(hits), gained=pl.lit(0)))
    said = record(found.outcomes, MONTH)
    assert (said.shipped, said.verdict) == ("rules", "better")
    assert found.model is not None


def test_on_chance_it_adds_nothing_either() -> None:
    found = [told(500, 5, 20 + seed, base=0.15) for seed in range(6)]
    assert all(each.model is not None for each, _ in found)
    assert all(said.verdict != "better" for _, said in found)


def test_the_score_without_deals_knows_no_deals() -> None:
    found, _ = told(1_000, 4, 9, open_deal=0.3, touched=0.2, larger_plan=0.1)
    assert found.model is not None
    assert found.without_deals is not None
    assert found.model.points["open_deal"] > 10
    assert not {"open_deal", "touched"} & set(found.without_deals.points)
    known = company(60, 1, 10)
    other = known.with_columns(open_deals=pl.lit(0), touched=pl.lit(value=False))
    one, two = (
        scored_by(each.lazy(), found.model, found.without_deals).collect()
        for each in (known, other)
    )
    assert one["score_without_deals"].equals(two["score_without_deals"])
    assert not one["score"].equals(two["score"])


def test_what_open_deals_alone_teach_is_no_news() -> None:
    _, said = told(2_000, 5, 11, open_deal=0.5, touched=0.3)
    over = said.rows.filter(method=LOGISTIC.name, measure="lift_over_best_baseline")
    assert over["low"].item() > 0
    assert said.verdict != "better"
