"""Each kind on histories that a person can check."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.kinds import judge
from pipeline.alerts.observations import Beside, Observation
from pipeline.config import AlertRule
from pipeline.months import add_months
from pipeline.schemas import EXPANSION_BY_TYPE
from tests.alerts.alert_figures import JANUARY, counted, metrics

SIGNIFICANT = AlertRule(id="drop", kind="significant_drop")


def last(rule: AlertRule, figures: pl.DataFrame, beside: Beside | None = None) -> Observation:
    """What the last month of the only member says."""
    (seen,) = judge(rule, figures, beside).values()
    return seen[-1]


def test_a_halving_of_counts_is_significant() -> None:
    found = last(SIGNIFICANT, counted([20] * 9 + [10] * 3))
    assert (found.k, found.n, found.breach, found.guard) == (30, 1_500, True, None)
    assert (found.observed, found.expected) == (0.02, 0.04)
    assert found.effect == pytest.approx(-0.5)
    assert (found.p or 1) < 0.001
    # Ten expansions of 100 are missing in a month.
    assert found.missing == pytest.approx(1_000)
    assert "30 accounts expanded in three months" in found.said
    assert "would have been 60" in found.said


def test_what_chance_often_does_is_not_significant() -> None:
    found = last(SIGNIFICANT, counted([8] * 9 + [6, 5, 6]))
    assert (found.breach, found.guard, found.clear) == (False, None, False)
    assert found.effect == pytest.approx(-0.2917, abs=0.0001)
    assert (found.p or 0) > 0.02


def test_too_few_expansions_and_too_short_a_past_are_not_judged() -> None:
    few = last(SIGNIFICANT, counted([3] * 9 + [0] * 3))
    assert (few.guard, few.breach, few.p) == ("insufficient_data", False, None)
    assert "9.0 expansions are usual" in few.said
    (seen,) = judge(SIGNIFICANT, counted([20] * 5 + [10] * 4)).values()
    assert [each.guard for each in seen] == ["insufficient_data"] * 8 + [None]
    assert "9 months are needed" in seen[0].said


def test_a_drop_that_costs_little_does_not_matter() -> None:
    cheap = counted([20] * 9 + [10] * 3, size=5)
    assert not last(SIGNIFICANT, cheap).breach
    assert last(AlertRule(id="x", kind="significant_drop", min_missing_share=0), cheap).breach
    dear = AlertRule(id="x", kind="significant_drop", min_missing=1_001)
    assert not last(dear, counted([20] * 9 + [10] * 3)).breach


def test_months_that_were_always_uneven_prove_less() -> None:
    uneven = [2, 40, 6, 30, 3, 45, 8, 41, 5]
    assert not last(SIGNIFICANT, counted([*uneven, 12, 10, 11])).breach
    assert last(SIGNIFICANT, counted([20] * 9 + [12, 10, 11])).breach


def _segments(**counts: Sequence[int]) -> pl.DataFrame:
    return pl.concat(
        counted(each, dimension="segment", member=name) for name, each in counts.items()
    )


def test_a_segment_is_believed_among_its_siblings() -> None:
    rule = AlertRule(id="segments", kind="segment_deterioration", q=0.1)
    flat, down = [20] * 12, [20] * 9 + [11] * 3
    seen = judge(rule, _segments(a=down, b=flat, c=flat))
    assert {name: each[-1].breach for name, each in seen.items()} == {
        "a": True, "b": False, "c": False,
    }  # fmt: skip
    # Alone in one of forty segments, the same figures may be chance.
    crowd = {f"s{place}": flat for place in range(40)}
    weak = [20] * 9 + [13, 14, 14]
    assert judge(rule, _segments(a=weak))["a"][-1].breach
    assert not judge(rule, _segments(a=weak, **crowd))["a"][-1].breach


def test_a_segment_without_rows_in_a_month_counts_as_empty_then() -> None:
    rule = AlertRule(id="segments", kind="segment_deterioration")
    figures = _segments(a=[20] * 14, b=[20] * 14)
    gap = figures.filter((pl.col("member") == "a") | (pl.col("month") != add_months(JANUARY, 9)))
    assert judge(rule, gap)["b"][-1].n == 1_500
    assert len(judge(rule, gap)["b"]) == 13


def test_a_drop_is_told_against_the_median_or_last_year() -> None:
    rates = [0.04, 0.04, 0.2, 0.04, 0.04, 0.04, 0.02]
    found = last(AlertRule(id="x", kind="drop", min_events=5), metrics(rates))
    assert (found.breach, found.expected, found.guard) == (True, 0.04, None)
    assert (found.effect, found.missing) == (pytest.approx(-0.5), pytest.approx(2_000))
    year = AlertRule(id="x", kind="drop", against="last_year", min_events=5)
    assert last(year, metrics(rates)).guard == "insufficient_data"
    assert last(year, metrics([0.1, *[0.02] * 11, 0.05])).breach
    guarded = last(AlertRule(id="x", kind="drop"), metrics(rates))
    assert (guarded.guard, guarded.breach) == ("insufficient_data", False)


def test_a_drop_of_retention_needs_no_expansions() -> None:
    figures = metrics([0.03] * 7).with_columns(nrr=pl.Series([1.0] * 6 + [0.5]))
    assert last(AlertRule(id="x", kind="drop", metric="nrr"), figures).breach


def test_declines_in_a_row() -> None:
    rule = AlertRule(id="x", kind="consecutive_declines")
    found = last(rule, metrics([0.04, 0.039, 0.038, 0.03]))
    assert (found.breach, found.expected, found.p) == (True, 0.04, pytest.approx(1 / 24))
    assert "fell 3 times in a row, by 25%" in found.said
    assert not last(rule, metrics([0.04, 0.039, 0.039, 0.03])).breach
    assert last(rule, metrics([0.04, 0.039, 0.038])).guard == "insufficient_data"
    far = AlertRule(id="x", kind="consecutive_declines", threshold=0.3)
    assert not last(far, metrics([0.04, 0.039, 0.038, 0.03])).breach


def test_concentration_fires_over_its_threshold_and_clears_well_under_it() -> None:
    rule = AlertRule(id="x", kind="concentration", min_events=5)
    shares = metrics([0.03] * 3).with_columns(top1_share=pl.Series([0.6, 0.45, 0.4]))
    (seen,) = judge(rule, shares).values()
    assert [(each.breach, each.clear) for each in seen] == [
        (True, False), (False, False), (False, True),
    ]  # fmt: skip
    few = last(AlertRule(id="x", kind="concentration"), shares)
    assert few.guard == "insufficient_data"


def _types(mixes: Sequence[dict[str, int]]) -> Beside:
    rows = [
        dict.fromkeys(EXPANSION_BY_TYPE.names)
        | {"month": add_months(JANUARY, place), "window_months": 1, "dimension": "total"}
        | {"member": "all", "type": kind, "accounts": count, "amount": count}
        for place, mix in enumerate(mixes)
        for kind, count in mix.items()
    ]
    return Beside(by_type=pl.DataFrame(rows, schema=EXPANSION_BY_TYPE.schema))


def test_types_that_shift_are_told_with_the_one_that_moved() -> None:
    rule = AlertRule(id="x", kind="mix_shift")
    usual, other = {"seat": 60, "plan": 40}, {"seat": 20, "plan": 45, "usage": 35}
    found = last(rule, metrics([0.03] * 12), _types([usual] * 9 + [other] * 3))
    assert (found.observed, found.breach, found.p) == (pytest.approx(0.4), True, 0.001)
    assert "Seats were 20% of the expansions of three months, 60% in the nine before" in found.said
    same = last(rule, metrics([0.03] * 12), _types([usual] * 12))
    assert (same.observed, same.breach, same.p) == (pytest.approx(0), False, None)
    small = {kind: count // 10 for kind, count in other.items()}
    few = last(rule, metrics([0.03] * 12), _types([usual] * 9 + [small] * 3))
    assert (few.guard, few.breach) == ("insufficient_data", False)
    assert last(rule, metrics([0.03] * 3), _types([usual] * 3)).guard == "insufficient_data"


def test_a_past_without_expansions_has_no_types_to_shift_from() -> None:
    rule, figures = AlertRule(id="x", kind="mix_shift"), counted([0] * 9 + [30] * 3)
    for before in ({}, {"seat": 0}):
        mixes = _types([before] * 9 + [{"seat": 20, "plan": 10}] * 3)
        found = last(rule, figures, mixes)
        assert (found.guard, found.breach) == ("insufficient_data", False)
        assert "90 expansions" in found.said


@pytest.mark.parametrize("expanded", [0, 30])
def test_a_past_without_accounts_is_nothing_to_compare_with(expanded: int) -> None:
    figures = counted([0] * 9 + [expanded] * 3).with_columns(
        opening_accounts=pl.Series([0] * 9 + [500] * 3, dtype=pl.Int64)
    )
    found = last(SIGNIFICANT, figures)
    assert (found.guard, found.expected, found.breach) == ("insufficient_data", None, False)
    assert found.said == "There were no accounts in the months before to compare with."


def test_a_member_s_declines_begin_with_its_own_months() -> None:
    rule = AlertRule(id="x", kind="consecutive_declines", dimension="segment", declines=2)
    first = metrics([0.05, 0.04], dimension="segment", member="a")
    second = metrics([0.03, 0.02], dimension="segment", member="b")
    seen = judge(rule, pl.concat([first, second]))
    assert [each.guard for each in (*seen["a"], *seen["b"])] == ["insufficient_data"] * 4


histories = st.lists(st.integers(0, 60), min_size=1, max_size=20)


@given(counts=histories, cut=st.integers(1, 20))
def test_what_a_month_says_does_not_change_when_months_follow(counts: list[int], cut: int) -> None:
    """No kind looks into the future: that is what makes a replay tell the truth."""
    figures = counted(counts).with_columns(top1_share=pl.lit(0.3))
    kinds = ("significant_drop", "drop", "consecutive_declines", "concentration", "target")
    for kind in kinds:
        rule = AlertRule(id="x", kind=kind)
        (whole,) = judge(rule, figures).values()
        (part,) = judge(rule, figures.head(cut)).values()
        assert whole[: len(part)] == part
        assert all(not each.breach for each in whole if each.guard)


def test_months_are_those_of_the_figures() -> None:
    (seen,) = judge(SIGNIFICANT, counted([20] * 3)).values()
    assert [each.month for each in seen] == [JANUARY, date(2026, 2, 1), date(2026, 3, 1)]


def test_a_plan_that_only_has_something_to_come_is_not_judged() -> None:
    figures = counted([20] * 12)
    nobody = figures.with_columns(
        pl.col(pl.Int64).exclude("window_months", "version") * 0, member=pl.lit("to come")
    ).with_columns(committed_mrr=pl.lit(5_000_000, dtype=pl.Int64))
    floor = AlertRule(id="low", kind="floor", metric="expansion_mrr", threshold=1)
    assert set(judge(floor, pl.concat([figures, nobody]))) == {"all"}
    committed = floor.model_copy(update={"metric": "committed_mrr"})
    assert set(judge(committed, pl.concat([figures, nobody]))) == {"all", "to come"}
