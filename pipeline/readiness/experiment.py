"""Experiments with outreach: who is not asked, and what asking added.

Belongs here: drawing, the power that is stated beforehand, and the difference by intention to treat. Source of the
rules: docs/readiness.md. Does not belong here: where experiments are kept.
"""

import hashlib
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import polars as pl

from pipeline.money import MICRO
from pipeline.readiness.chance import number_of, uniform

OUTREACH, HELD_OUT = "outreach", "held_out"
ARMS = (OUTREACH, HELD_OUT)
PARTS, ENOUGH = 5, 10
"""The list is cut into up to so many parts, each into its larger and its other accounts: accounts there are alike. The
smaller arm has about so many of each, or the list is cut less."""
SURE, POWER = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
SHARE_MEASURE, MRR_MEASURE = "expansion_share", "expansion_mrr"
MONTHS_A_YEAR = 12
RANDOMISED = "randomised"


def members(name: str, listed: pl.DataFrame, share: float) -> pl.DataFrame:
    """`account_id, arm, stratum, mrr`: of every stratum the same share is held out, by a hash of name and account.

    Args:
        name: the experiment; another one draws others.
        listed: `account_id, rank, mrr`, those who could be asked.
        share: of them that nobody asks.
    """
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    fewer = listed.height * min(share, 1 - share)
    parts = int(max(1, min(PARTS, fewer // (2 * ENOUGH))))
    larger = (pl.col("mrr") >= pl.col("mrr").median().over("part")) & (fewer >= 2 * ENOUGH)
    named = pl.when(larger).then(pl.format("{} larger", "part")).otherwise(pl.format("{}", "part"))
    lots = (
        listed.sort("rank")
        .with_columns(part=pl.int_range(pl.len()) * parts // pl.max_horizontal(pl.len(), 1) + 1)
        .with_columns(stratum=named, chance=uniform(number_of(pl.col("account_id")), seed))
        .sort("stratum", "chance", "account_id")
    )
    # Counted over all strata in a row, so that rounding takes no account from the share of the whole.
    place = pl.int_range(1, pl.len() + 1)
    held = (place * share + 0.5).floor() > ((place - 1) * share + 0.5).floor()
    shuffled = lots.with_columns(_held=held).with_columns(
        _many=pl.col("_held").sum().over("stratum"),
        _place=pl.col("chance").rank("ordinal").over("stratum"),
    )
    arm = pl.when(pl.col("_place") <= pl.col("_many")).then(pl.lit(HELD_OUT))
    return shuffled.select(
        "account_id", arm.otherwise(pl.lit(OUTREACH)).alias("arm"), "stratum", "mrr"
    ).sort("account_id")


def detectable(base: float, outreach: int, held_out: int) -> float | None:
    """The smallest difference of shares that is found four times of five, two-sided at 5%; null: none is.

    Args:
        base: the share that expands without outreach.
        outreach: accounts with outreach.
        held_out: accounts without.
    """
    if not outreach or not held_out:
        return None

    def found(difference: float) -> bool:
        with_it = base + difference
        pooled = (with_it * outreach + base * held_out) / (outreach + held_out)
        null = SURE * sqrt(pooled * (1 - pooled) * (1 / outreach + 1 / held_out))
        apart = sqrt(with_it * (1 - with_it) / outreach + base * (1 - base) / held_out)
        return difference >= null + POWER * apart

    low, high = 0.0, 1.0 - base
    if not found(high):
        return None
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


@dataclass(frozen=True, slots=True)
class Effect:
    """What outreach added: a difference of means with its 95% interval; null where it is undefined.

    `expansion_share`: shares of accounts; `expansion_mrr`: MRR an account, in the main unit of the reporting currency.
    """

    measure: str
    outreach: float | None
    held_out: float | None
    effect: float | None
    low: float | None
    high: float | None
    outreach_accounts: int
    held_out_accounts: int

    @property
    def sure(self) -> bool:
        """Outreach surely added something."""
        return self.low is not None and self.low > 0


def gain(effect: float, low: float, high: float, accounts: int) -> tuple[float, float, float]:
    """What outreach added in ARR, with its interval: the MRR it added an account, times the accounts asked."""
    return (
        effect * accounts * MONTHS_A_YEAR,
        low * accounts * MONTHS_A_YEAR,
        high * accounts * MONTHS_A_YEAR,
    )


def effects(outcomes: pl.DataFrame) -> list[Effect]:
    """The effect on the share that expanded, and on MRR, by intention to treat: each account counts in its arm.

    Differences are those within strata, weighed by their accounts. A stratum with one arm alone tells nothing and is
    left out, with its accounts. The interval of shares is at least as wide as few accounts leave it.

    Args:
        outcomes: `arm, stratum, expanded, gained` (micro-units), one row per account.
    """
    return [
        _effect(outcomes, SHARE_MEASURE, pl.col("expanded").cast(pl.Float64)),
        _effect(outcomes, MRR_MEASURE, pl.col("gained") / MICRO),
    ]


def _effect(outcomes: pl.DataFrame, measure: str, value: pl.Expr) -> Effect:
    counted = outcomes.group_by("stratum", "arm").agg(
        n=pl.len(), mean=value.mean(), spread=value.var()
    )
    sides = [counted.filter(arm=arm).drop("arm") for arm in ARMS]
    both = sides[0].join(sides[1], on="stratum", suffix="_held").sort("stratum")
    share = (pl.col("n") + pl.col("n_held")) / (pl.col("n") + pl.col("n_held")).sum()
    pooled = _spread(outcomes.join(both.select("stratum"), on="stratum"), value)
    spread = share**2 * (
        pl.col("spread").fill_null(pooled[0]) / pl.col("n")
        + pl.col("spread_held").fill_null(pooled[1]) / pl.col("n_held")
    )
    row = both.select(
        outreach=(share * pl.col("mean")).sum(),
        held_out=(share * pl.col("mean_held")).sum(),
        spread=spread.sum(),
        n=pl.col("n").sum(),
        n_held=pl.col("n_held").sum(),
    ).row(0, named=True)
    if both.is_empty():
        return Effect(measure, None, None, None, None, None, 0, 0)
    effect = row["outreach"] - row["held_out"]
    spread = (
        max(row["spread"], _least(both.with_columns(share=share)))
        if measure == SHARE_MEASURE
        else row["spread"]
    )
    width = SURE * sqrt(spread)
    return Effect(
        measure, row["outreach"], row["held_out"], effect, effect - width, effect + width,
        row["n"], row["n_held"],
    )  # fmt: skip


def _least(both: pl.DataFrame) -> float:
    """The variance of a difference of shares that few accounts leave: each arm as if one more had expanded, one not.

    Where nobody in an arm expanded, or everybody, what was seen has no variance (Agresti and Caffo).
    """
    found = 0.0
    for side in ("", "_held"):
        n, mean = pl.col(f"n{side}"), pl.col(f"mean{side}")
        smooth = ((n * mean).sum() + 1) / (n.sum() + 2)
        found += both.select((pl.col("share") ** 2 * smooth * (1 - smooth) / n).sum()).item()
    return found


def _spread(outcomes: pl.DataFrame, value: pl.Expr) -> tuple[float, ...]:
    """The variance of each arm: what a stratum with one account is taken to have."""
    return tuple(outcomes.filter(arm=arm).select(value.var()).item() or 0.0 for arm in ARMS)
