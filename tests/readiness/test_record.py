"""The record says how good an order was, and ships the simple rule where the score is no better."""

import random
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.money import MICRO
from pipeline.months import add_months
from pipeline.readiness import Known
from pipeline.readiness.intervals import drawn, interval
from pipeline.readiness.judged import CHANCE, judged, value_of
from pipeline.readiness.measures import measures, sums
from pipeline.readiness.methods import BY_NAME, METHODS
from pipeline.readiness.outcomes import origins, outcome_months, outcomes
from pipeline.readiness.record import Record, record
from pipeline.schemas import ACCOUNT, MRR_MOVEMENT_COMPONENT, MRR_SNAPSHOT
from tests.readiness.frames import rows_of

MONTH = date(2026, 10, 1)
RULES = BY_NAME["rules"]


def looked_back(
    accounts: int, times: int, seed: int, without: str | None = "rules", **strength: float
) -> pl.DataFrame:
    """What accounts held at origins and what became of them.

    `strength` of a method: how much its value moves the chance to expand; the others say nothing. `without` names the
    method whose values the rules without deals have; null: values of chance.
    """
    dice = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for time in range(times):
        for number in range(accounts):
            told = {each.name: dice.random() for each in METHODS}
            told["rules_without_deals"] = told[without] if without else dice.random()
            chance = 0.1 + sum(by * (told[name] - 0.5) for name, by in strength.items())
            rows.append(
                {
                    "month": add_months(MONTH, -3 * (times - time)), "account_id": f"hubspot:{number}",
                    "mrr": 100_000_000, CHANCE: dice.random(),
                    **{value_of(name): value for name, value in told.items()},
                    "expanded": (hit := dice.random() < chance), "gained": 30_000_000 if hit else 0,
                }
            )  # fmt: skip
    return pl.DataFrame(rows)


def figure(found: Record, method: str, measure: str) -> tuple[float, float, float]:
    row = found.rows.filter(method=method, measure=measure).row(0, named=True)
    return row["value"], row["low"], row["high"]


PLACED = st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 60))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(PLACED, min_size=1, max_size=25), min_size=1, max_size=3))
def test_measures_are_those_of_the_order_itself(times: list[list[tuple[bool, int, int]]]) -> None:
    rows = [
        {
            "month": add_months(MONTH, -3 * time), "account_id": f"a{number}", CHANCE: number / 100,
            value_of("rules"): float(value), "expanded": hit, "gained": gained if hit else 0,
        }
        for time, accounts in enumerate(times)
        for number, (hit, value, gained) in enumerate(accounts)
    ]  # fmt: skip
    order: dict[date, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda each: (-each[value_of("rules")], -each[CHANCE])):
        order.setdefault(row["month"], []).append(row)
    found = drawn(sums(judged(pl.DataFrame(rows), RULES)).collect())
    right, pairs = 0, 0
    top, gained = [], 0
    for listed in order.values():
        hits = [each["expanded"] for each in listed]
        right += sum(not low for n, high in enumerate(hits) if high for low in hits[n + 1 :])
        pairs += sum(hits) * (len(hits) - sum(hits))
        first = [each for n, each in enumerate(listed) if n * 10 < len(listed)]
        top += [each["expanded"] for each in first]
        gained += sum(each["gained"] for each in first)
    every = sum(each["gained"] for each in rows)
    assert interval(found, "auc")[0] == (pytest.approx(right / pairs) if pairs else None)
    assert interval(found, "precision_tenth")[0] == pytest.approx(sum(top) / len(top))
    share = interval(found, "expansion_mrr_tenth")[0]
    assert share == (pytest.approx(gained / every) if every else None)


def test_a_score_that_tells_is_better_than_the_baselines() -> None:
    found = record(looked_back(800, 6, seed=1, rules=0.18), MONTH)
    assert (found.verdict, found.shipped) == ("better", "rules")
    value, low, high = figure(found, "rules", "lift_tenth")
    assert 1.4 < low < value < high < 2.4, "the chance of the first tenth is 0.18, of all 0.1"
    assert figure(found, "rules", "lift_over_best_baseline")[1] > 0
    assert figure(found, "random", "auc")[1] < 0.5 < figure(found, "random", "auc")[2]
    assert figure(found, "rules", "calibration_error")[0] < 0.03
    assert figure(found, "rules", "brier")[0] < figure(found, "rules", "brier_base_rate")[0]


def test_what_open_deals_alone_tell_is_no_news() -> None:
    found = record(looked_back(800, 6, seed=1, without=None, rules=0.18), MONTH)
    assert figure(found, "rules", "lift_over_best_baseline")[1] > 0
    assert (found.verdict, found.shipped) == ("nothing", "largest_mrr")


def test_where_a_simple_rule_tells_more_it_is_shipped() -> None:
    found = record(looked_back(800, 6, seed=2, rules=0.05, utilisation=0.15), MONTH)
    assert (found.verdict, found.shipped) == ("baseline", "utilisation")
    assert set(found.rows.filter("shipped")["method"]) == {"utilisation"}


def test_on_chance_alone_the_score_says_that_it_adds_nothing() -> None:
    found = [record(looked_back(400, 5, seed), MONTH) for seed in range(8)]
    verdicts = [each.verdict for each in found]
    assert "better" not in verdicts
    assert all(each.shipped == "largest_mrr" for each in found if each.verdict == "nothing")
    assert verdicts.count("nothing") >= 6


def test_a_rule_of_which_nothing_is_known_is_no_baseline() -> None:
    rows = looked_back(800, 6, seed=2, rules=0.05, utilisation=0.15)
    found = record(rows.with_columns(pl.lit(-1.0).alias(value_of("utilisation"))), MONTH)
    assert found.shipped != "utilisation"


def test_too_few_expansions_prove_nothing() -> None:
    found = record(looked_back(60, 3, seed=4, rules=0.18), MONTH)
    assert (found.verdict, found.shipped) == ("unproven", "rules")
    nobody = looked_back(60, 3, seed=4).with_columns(expanded=False)
    assert record(nobody, MONTH).rows.is_empty()


def test_intervals_hold_what_they_promise() -> None:
    """The lift of an order that says nothing is 1, so 95 of 100 intervals hold it."""
    held = 0
    for seed in range(40):
        rows = looked_back(300, 4, 100 + seed)
        low, high = interval(drawn(sums(judged(rows, RULES)).collect()), "lift_tenth")[1:]
        held += low is not None and high is not None and low <= 1 <= high
    assert held >= 34


def test_a_probability_rests_on_origins_before_alone() -> None:
    rows = looked_back(200, 4, seed=9, rules=0.1)
    last = rows["month"].max()
    changed = rows.with_columns(
        expanded=pl.when(pl.col("month") == last).then(~pl.col("expanded")).otherwise("expanded")
    )
    one, other = (
        judged(each, RULES).sort("month", "rank").select("probability", "base").collect()
        for each in (rows, changed)
    )
    assert one.equals(other)
    first = judged(rows, RULES).filter(pl.col("month") == rows["month"].min()).collect()
    assert first["probability"].is_null().all()


def test_outcomes_of_an_origin_are_over_at_the_next_one() -> None:
    found = origins(date(2024, 1, 1), MONTH)
    assert len(found) == 8
    assert found[-1] == date(2026, 7, 1)
    assert max(outcome_months(found)) == MONTH
    assert origins(date(2026, 6, 1), MONTH) == []
    assert len(outcome_months(found)) == 3 * len(found), "no month counts twice"


@pytest.mark.parametrize(
    ("parts", "expanded", "gained"),
    [
        ([(1, "seat", 21), (2, "seat", 10)], True, 31),
        ([(1, "seat", 19)], False, 19),
        ([(1, "price", 50), (2, "discount", 50)], False, 0),
        ([(4, "seat", 50)], False, 0),
        ([(0, "seat", 50)], False, 0),
        ([(3, "plan", 25), (3, "seat", -4)], True, 21),
    ],
)
def test_an_expansion_counts_if_it_is_large_enough_and_wanted(
    parts: list[tuple[int, str, int]], expanded: bool, gained: int
) -> None:
    origin = date(2026, 3, 1)
    held = {"month": origin, "account_id": "hubspot:1", "mrr": 100_000_000}
    accounts = pl.LazyFrame([held], schema_overrides={"mrr": pl.Int64})
    always = {"window_months": 1, "account_id": "hubspot:1", "movement": "expansion"}
    component = rows_of(
        MRR_MOVEMENT_COMPONENT,
        [
            {**always, "month": add_months(origin, later), "type": kind, "amount": amount * MICRO}
            for later, kind, amount in parts
        ],
    )
    row = outcomes(accounts, component).collect().row(0, named=True)
    assert (row["expanded"], row["gained"]) == (expanded, gained * MICRO)


def test_every_measure_is_told_of_every_method() -> None:
    found = record(looked_back(100, 3, seed=5), MONTH)
    for method in METHODS:
        told = set(found.rows.filter(method=method.name)["measure"])
        assert set(measures()) <= told


def test_a_share_of_the_accounts_is_the_same_in_each_month_and_the_record_says_it() -> None:
    ids = [f"hubspot:{10**9 + number}" for number in range(4_000)]
    rows = [{"month": month, "account_id": each} for month in (MONTH, date(2026, 7, 1)) for each in ids]  # fmt: skip
    known = replace(
        Known.nothing(),
        account=rows_of(ACCOUNT, [{"account_id": each} for each in ids]),
        snapshot=rows_of(MRR_SNAPSHOT, rows),
    )
    drawn = known.sampled(0.25).snapshot.collect()
    months = [set(part["account_id"]) for part in drawn.partition_by("month")]
    assert months[0] == months[1] == set(known.sampled(0.25).account.collect()["account_id"])
    assert 900 < len(months[0]) < 1_100
    assert months[0] < set(known.sampled(0.5).account.collect()["account_id"])
    assert known.sampled(1.0) is known
    told = record(looked_back(100, 3, seed=5), MONTH, 0.25).rows.filter(measure="accounts_share")
    assert set(told["value"]) == {0.25}
