"""A simulated company is asked: the hold-out and the estimate find what asking added, as customers really bought."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from bench.outreach import life

HALF = 0.5
GIVEN = Namespace(customers=500, months=14, seed=21)


def holds(told: dict[str, Any], value: float) -> bool:
    return bool(told["low"] <= value <= told["high"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_hold_out_finds_what_was_planted(tmp_path: Path) -> None:
    told = life(tmp_path, GIVEN, HALF)
    drawn = told["randomised"]["expansion_share"]
    bought = told["bought"] / told["asked"]
    assert 0.3 < bought < 0.6
    planted = bought * (1 - drawn["held_out"])
    assert drawn["low"] > 0
    assert holds(drawn, planted)
    estimate = told["matched"]["expansion_share"]
    assert estimate["low"] > 0
    assert holds(estimate, planted)
    assert holds(told["matched"]["expansion_share_before"], 0.0)
