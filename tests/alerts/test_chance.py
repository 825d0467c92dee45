"""Probabilities against what they are defined as."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.kinds.chance import believed, binomial_tail, fewer_than_before
from pipeline.alerts.kinds.mix import chance, variation


@given(trials=st.integers(1, 60), seen=st.integers(-1, 61), tenths=st.integers(1, 19))
def test_a_tail_is_the_exact_sum(trials: int, seen: int, tenths: int) -> None:
    share = Fraction(tenths, 20)
    exact = sum(
        math.comb(trials, count) * share**count * (1 - share) ** (trials - count)
        for count in range(min(seen, trials) + 1)
    )
    assert binomial_tail(seen, trials, float(share)) == pytest.approx(float(exact), abs=1e-12)


def test_a_tail_of_many_is_right_and_far_out_it_is_not_zero() -> None:
    # Normal approximation with continuity: the mean is 1,000, the deviation 27.4.
    assert binomial_tail(1_000, 4_000, 0.25) == pytest.approx(0.5 + 0.0073, abs=0.002)
    assert 0 < binomial_tail(500, 4_000, 0.25) < 1e-80


@given(now=st.integers(0, 200), before=st.integers(0, 600))
def test_fewer_is_less_likely_and_uneven_months_make_it_likelier(now: int, before: int) -> None:
    even = fewer_than_before(now, 3_000, before, 9_000)
    assert 0 <= even <= fewer_than_before(now + 1, 3_000, before, 9_000) <= 1
    if now * 3 < before:
        assert fewer_than_before(now, 3_000, before, 9_000, spread=4.0) >= even


def test_nothing_before_proves_nothing() -> None:
    assert fewer_than_before(0, 100, 0, 0) == 1.0
    assert fewer_than_before(0, 0, 10, 100) == 1.0


@given(chances=st.lists(st.floats(0, 1), max_size=12), q=st.floats(0.01, 0.5))
def test_believed_findings_are_the_least_likely_ones(chances: list[float], q: float) -> None:
    kept = believed(chances, q)
    inside = [each for each, keep in zip(chances, kept, strict=True) if keep]
    outside = [each for each, keep in zip(chances, kept, strict=True) if not keep]
    assert all(each <= q for each in inside)
    assert not inside or not outside or max(inside) <= min(outside)
    assert all(each > q / len(chances) for each in outside)


def test_a_finding_is_believed_more_easily_beside_others() -> None:
    assert believed([0.04, 0.5, 0.6], 0.1) == [False, False, False]
    assert believed([0.04, 0.03, 0.6], 0.1) == [True, True, False]


def test_the_same_types_vary_by_chance_and_others_do_not() -> None:
    assert variation((50, 50), (300, 300)) == 0
    assert chance((50, 50), (300, 300)) == 1.0
    assert variation((10, 90), (300, 300)) == pytest.approx(0.4)
    assert chance((10, 90), (300, 300)) == 0.001
    assert 0.1 < chance((44, 56), (300, 300)) < 0.5
