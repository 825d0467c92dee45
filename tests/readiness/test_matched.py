"""Estimates without an experiment: planted effects are found, chosen accounts do not pass for an effect."""

import random
from math import exp
from typing import Any

import polars as pl
import pytest

from pipeline.money import MICRO
from pipeline.readiness.experiment import MRR_MEASURE, SHARE_MEASURE, Effect
from pipeline.readiness.matched import matched

ACCOUNTS, REACHED = 3_000, {"ready": 0.4, "expanded": 0.6, "nobody": 0.4}
"""About 600 are reached."""
PLANS = ("Starter", "Pro", "Enterprise")
GAINED = 30


def chosen(seed: int, planted: float, *, because: str, hidden: float = 0.0) -> pl.DataFrame:
    """Accounts of which some were reached, and what became of them.

    How ready an account is changes from one quarter to the next and moves the chance to expand; the score tells it.

    Args:
        seed: of the dice.
        planted: what the program adds to the chance.
        because: `ready` ones are reached more often, those that had just `expanded`, or `nobody` chose.
        hidden: what a team sees and no fact tells adds so much, and makes it reach the account.
    """
    dice = random.Random(f"{because} {seed}")
    rows: list[dict[str, Any]] = []
    for _ in range(ACCOUNTS):
        lasting = dice.gauss(0, 0.5)
        ready_before, ready = (lasting + dice.gauss(0, 1) for _ in range(2))
        before = dice.random() < chance(ready_before)
        seen = dice.random() < 0.3
        wish = {"ready": ready, "expanded": before - 0.5, "nobody": 0.0}[because]
        wish += 2.0 * (seen and hidden > 0)
        reached = dice.random() < REACHED[because] / (1 + exp(-2 * wish))
        after = dice.random() < chance(ready) + planted * reached + hidden * seen
        rows.append(
            {
                "reached": reached, "score": min(100.0, max(0.0, 45 + 20 * ready)), "plan": dice.choice(PLANS),
                "tenure": dice.randint(2, 40), "expanded_before": before, "expanded": after,
                "gained_before": before * GAINED * MICRO, "gained": after * GAINED * MICRO,
            }
        )  # fmt: skip
    return pl.DataFrame(rows)


def chance(ready: float) -> float:
    return min(0.6, max(0.01, 0.15 + 0.1 * ready))


def share(accounts: pl.DataFrame) -> Effect:
    found, mrr = matched(accounts)
    assert (found.measure, mrr.measure) == (SHARE_MEASURE, MRR_MEASURE)
    assert mrr.effect == pytest.approx(GAINED * (found.effect or 0))
    return found


def unmatched(accounts: pl.DataFrame) -> float:
    """The plain difference in differences."""
    change = pl.col("expanded").cast(pl.Float64) - pl.col("expanded_before").cast(pl.Float64)
    means = [accounts.filter(reached=who).select(change.mean()).item() for who in (True, False)]
    return float(means[0] - means[1])


def holds(found: Effect, value: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= value <= found.high


@pytest.mark.parametrize("because", ["ready", "expanded", "nobody"])
def test_a_planted_effect_is_found_and_none_where_there_is_none(because: str) -> None:
    planted = [share(chosen(seed, 0.08, because=because)) for seed in range(12)]
    nothing = [share(chosen(seed, 0.0, because=because)) for seed in range(12)]
    assert sum(each.sure for each in planted) >= 8
    assert sum(each.sure for each in nothing) <= 2
    assert sum(holds(each, 0.08) for each in planted) >= 9
    assert sum(holds(each, 0.0) for each in nothing) >= 9


@pytest.mark.slow
@pytest.mark.parametrize("because", ["ready", "expanded", "nobody"])
def test_of_200_repetitions(because: str) -> None:
    planted = [share(chosen(seed, 0.08, because=because)) for seed in range(200)]
    nothing = [share(chosen(seed, 0.0, because=because)) for seed in range(200)]
    assert sum(each.sure for each in planted) >= 160
    assert sum(each.sure for each in nothing) <= 14, "one-sided, 2.5% are expected"
    assert sum(holds(each, 0.08) for each in planted) >= 180


@pytest.mark.parametrize(("because", "sign"), [("ready", 1), ("expanded", -1)])
def test_without_matching_the_choice_passes_for_an_effect(because: str, sign: int) -> None:
    """Who is reached since it is ready would have grown anyway; who just expanded falls back to the mean."""
    told = [chosen(seed, 0.0, because=because) for seed in range(8)]
    plain = sum(unmatched(each) for each in told) / len(told)
    like = sum(share(each).effect or 0 for each in told) / len(told)
    assert sign * plain > 0.05
    assert abs(like) < 0.02


def test_what_a_team_saw_and_no_fact_tells_passes_for_an_effect() -> None:
    """The limit of it, as the page says."""
    told = [share(chosen(seed, 0.0, because="nobody", hidden=0.3)) for seed in range(6)]
    assert sum(each.effect or 0 for each in told) / len(told) > 0.04


def test_accounts_without_a_like_are_left_out_and_counted() -> None:
    accounts = chosen(1, 0.08, because="ready")
    alone = accounts.with_columns(
        plan=pl.when("reached").then(pl.lit("Own")).otherwise("plan").alias("plan")
    )
    assert [each.effect for each in matched(alone)] == [None, None]
    half = pl.concat([accounts, alone.filter("reached")])
    assert share(half).outreach_accounts == share(accounts).outreach_accounts
    nobody = accounts.with_columns(reached=False)
    assert [each.outreach_accounts for each in matched(nobody)] == [0, 0]
    assert matched(accounts.clear())[0].effect is None


def test_what_would_have_been_is_what_came_less_the_effect() -> None:
    found = share(chosen(3, 0.08, because="ready"))
    assert found.outreach is not None
    assert found.held_out is not None
    assert found.outreach - found.held_out == pytest.approx(found.effect)
