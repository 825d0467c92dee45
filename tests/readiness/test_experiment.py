"""Hold-outs: the draw is fair and stays, the power is as stated, and effects are found where they are."""

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.money import MICRO
from pipeline.readiness.experiment import (
    HELD_OUT,
    MRR_MEASURE,
    OUTREACH,
    SHARE_MEASURE,
    Effect,
    detectable,
    effects,
    members,
)

ACCOUNTS = 1_500
BASE = 0.12
GAINED = 30


def listed(accounts: int, seed: int) -> pl.DataFrame:
    dice = random.Random(seed)
    numbers = dice.sample(range(10**6, 10**8), accounts)
    return pl.DataFrame(
        {
            "account_id": [f"hubspot:{number}" for number in numbers],
            "rank": range(1, accounts + 1),
            "mrr": [dice.randint(10, 1_000) * MICRO for _ in range(accounts)],
        }
    )


def repeated(seed: int, planted: float, accounts: int = ACCOUNTS) -> Effect:
    """The effect on the share that expanded: the readiest expand more, and `planted` comes on top of outreach."""
    dice = random.Random(f"outcomes of {seed}")
    who = listed(accounts, seed)
    drawn = members(f"spring {seed}", who, 0.3).join(
        who.select("account_id", "rank"), on="account_id"
    )
    rows: list[dict[str, Any]] = []
    for row in drawn.sort("rank").to_dicts():
        chance = 2 * BASE * (1 - row["rank"] / accounts)
        hit = dice.random() < chance + (planted if row["arm"] == OUTREACH else 0)
        rows.append({**row, "expanded": hit, "gained": GAINED * MICRO if hit else 0})
    share, mrr = effects(pl.DataFrame(rows))
    assert (share.measure, mrr.measure) == (SHARE_MEASURE, MRR_MEASURE)
    assert mrr.effect == pytest.approx(GAINED * (share.effect or 0))
    return share


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 400), st.floats(0.05, 0.95), st.integers(0, 99))
def test_the_share_is_held_out_in_every_part_of_the_list(
    accounts: int, share: float, seed: int
) -> None:
    who = listed(accounts, seed)
    drawn = members("spring", who, share)
    assert set(drawn["account_id"]) == set(who["account_id"])
    held = pl.col("arm") == HELD_OUT
    assert abs(drawn.filter(held).height - share * accounts) < 1
    for stratum in drawn.partition_by("stratum"):
        assert abs(stratum.filter(held).height - share * stratum.height) < 1.5
    assert members("spring", who.sample(fraction=1, shuffle=True, seed=1), share).equals(drawn)


def test_another_experiment_draws_others() -> None:
    who = listed(400, 1)
    one, other = (members(name, who, 0.5).sort("account_id")["arm"] for name in ("a", "b"))
    alike = (one == other).mean()
    assert 0.4 < (alike or 0) < 0.6


@pytest.mark.parametrize(
    ("base", "outreach", "held", "expected"), [(0.04, 200, 200, 0.075), (0.04, 380, 380, 0.05)]
)
def test_the_power_is_that_of_the_tables(
    base: float, outreach: int, held: int, expected: float
) -> None:
    assert detectable(base, outreach, held) == pytest.approx(expected, abs=0.001)


def test_too_few_find_nothing() -> None:
    assert detectable(0.3, 3, 2) is None
    assert detectable(0.3, 100, 0) is None


def test_a_planted_effect_is_found_and_none_where_there_is_none() -> None:
    assert sum(repeated(seed, 0.08).sure for seed in range(40)) >= 32
    assert sum(repeated(seed, 0.0).sure for seed in range(40)) <= 3


@pytest.mark.slow
def test_of_200_repetitions() -> None:
    """+8 points are found in at least 80%, nothing is found in at most 5%, and intervals hold what they promise."""
    planted = [repeated(seed, 0.08) for seed in range(200)]
    nothing = [repeated(seed, 0.0) for seed in range(200)]
    assert sum(each.sure for each in planted) >= 160
    assert sum(each.sure for each in nothing) <= 10
    held = [each.low <= 0.08 <= each.high for each in planted if each.low and each.high]
    assert sum(held) >= 0.9 * len(held)


def test_what_is_found_as_often_as_was_stated() -> None:
    smallest = detectable(BASE, round(0.7 * 600), round(0.3 * 600))
    assert smallest is not None
    found = sum(repeated(seed, smallest, 600).sure for seed in range(40))
    assert 26 <= found <= 39, "four of five"


def test_a_part_with_one_arm_alone_tells_nothing() -> None:
    rows = pl.DataFrame(
        {"arm": [OUTREACH, OUTREACH], "stratum": ["1", "2"], "expanded": [True, False], "gained": [1, 0]}
    )  # fmt: skip
    assert [each.effect for each in effects(rows)] == [None, None]


@pytest.mark.parametrize(("asked", "kept", "expanded"), [(80, 20, 6), (1, 1, 1)])
def test_where_nobody_held_out_expanded_few_accounts_prove_nothing(
    asked: int, kept: int, expanded: int
) -> None:
    """What was seen of an arm in which nobody expanded has no variance."""
    arms = [OUTREACH] * asked + [HELD_OUT] * kept
    rows = pl.DataFrame(
        {
            "arm": arms,
            "stratum": ["1"] * len(arms),
            "expanded": [place < expanded for place in range(len(arms))],
            "gained": [0] * len(arms),
        }
    )
    share = effects(rows)[0]
    assert share.effect == pytest.approx(expanded / asked)
    assert share.low is not None
    assert share.low < 0
    assert not share.sure
