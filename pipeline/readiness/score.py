"""The score: points for what speaks for an expansion, less what trouble takes away.

Belongs here: the rules and their points. Each rule gives its points by a straight line between two values. A rule of
which the fact is not known gives its weight to the others of its group, a group to the other groups. Source of the
rules: docs/readiness.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

FULL = 100.0
TROUBLE = 30.0
"""What trouble takes away at most."""
FALLEN = -0.2
"""Usage that shrank by more than this is trouble."""
YOUNG = 2
"""Months in which an account is too young to be judged."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Points between `low` (none) and `high` (all) of an indicator; null where the indicator is not known."""

    name: str
    group: str
    weight: float
    value: pl.Expr
    low: float
    high: float
    motion: str | None = None

    @property
    def strength(self) -> pl.Expr:
        """0 to 1; null where it is not known."""
        return ((self.value - self.low) / (self.high - self.low)).clip(0.0, 1.0)


def _when_in_crm(value: pl.Expr) -> pl.Expr:
    return pl.when("in_crm").then(value)


RULES = (
    Rule("utilisation", "capacity", 20, pl.col("utilisation"), 0.6, 0.95, "seat"),
    Rule("overage", "capacity", 10, pl.col("overage").cast(pl.Float64), 0, 1, "upgrade"),
    Rule("seat_growth", "growth", 8, pl.col("seat_growth"), 0, 0.15, "seat"),
    Rule("usage_growth", "growth", 7, pl.col("usage_growth"), 0, 0.25, "upgrade"),
    Rule("expansions", "billing", 12, pl.col("expansions").cast(pl.Float64), 0, 3),
    Rule("tenure", "billing", 4, pl.col("tenure").cast(pl.Float64), 2, 12),
    Rule("full_price", "billing", 4, 1 - pl.col("discount_share"), 0.5, 1),
    Rule("larger_plan", "fit", 8, pl.col("larger_plan_share"), 0, 0.5, "upgrade"),
    Rule("missing_product", "fit", 7, pl.col("missing_share"), 0, 0.4, "cross_sell"),
    Rule(
        "open_deal",
        "relationship",
        7,
        _when_in_crm(
            pl.when(pl.col("open_deals") > 0)
            .then(pl.col("deal_probability").fill_null(0.5).clip(0.3, 1.0))
            .otherwise(0.0)
        ),
        0,
        1,
    ),
    Rule("touched", "relationship", 3, _when_in_crm(pl.col("touched").cast(pl.Float64)), 0, 1),
)
"""What speaks for an expansion."""
TROUBLES = {
    "contracted": (pl.col("contractions_recent") > 0, 15.0),
    "usage_fell": ((pl.col("usage_growth") < FALLEN).fill_null(value=False), 15.0),
    "new_owner": ((pl.col("owner_changes") > 0).fill_null(value=False), 5.0),
}
"""What takes points away."""
GROUPS = tuple(dict.fromkeys(rule.group for rule in RULES))
HEALTH = "health"
"""The area of what takes points away."""
MOTIONS = ("seat", "upgrade", "cross_sell")
OF_DEALS = ("open_deal", "touched")


def points_of(rule: Rule) -> str:
    """The column that holds a rule's points."""
    return f"{rule.name}_points"


def weighted(points: Mapping[str, float]) -> tuple[Rule, ...]:
    """RULES with other points for their groups; within a group they keep their proportions."""
    whole = {group: sum(r.weight for r in RULES if r.group == group) for group in GROUPS}
    return tuple(
        replace(each, weight=each.weight * points[each.group] / whole[each.group]) for each in RULES
    )


def scored(
    indicators: pl.LazyFrame, rules: tuple[Rule, ...] = RULES, trouble: float = TROUBLE
) -> pl.LazyFrame:
    """The indicators with what they are worth.

    Args:
        indicators: what `indicators` gives.
        rules: RULES, or with other weights (`weighted`).
        trouble: what trouble takes away at most.

    Further columns: `<rule>_points` for each of RULES (null: not known), `<trouble>_points` (0 or less), `score` (0 to
    100: the sum of all of them, not below 0; 0 where `blocked`), `score_without_deals`, `confidence` (the share of all
    weight whose facts are known), `blocked` (why nobody should ask now; null: nothing is in the way), `motion` (what
    most points speak for; null: none).
    """
    rows = indicators.with_columns(_points(rules)).with_columns(_troubles())
    without = tuple(rule for rule in rules if rule.name not in OF_DEALS)
    gates = pl.max_horizontal(-trouble, pl.sum_horizontal(f"{name}_points" for name in TROUBLES))
    total = pl.sum_horizontal(pl.col(points_of(rule)).fill_null(0.0) for rule in rules)
    alone = pl.sum_horizontal(_worth(without, rule).fill_null(0.0) for rule in without)
    clear = pl.col("blocked").is_null()
    weight = sum(rule.weight for rule in rules)
    return rows.with_columns(blocked=blocked()).with_columns(
        score=pl.when(clear).then((total + gates).clip(0.0, FULL)).otherwise(0.0),
        score_without_deals=pl.when(clear).then((alone + gates).clip(0.0, FULL)).otherwise(0.0),
        confidence=pl.sum_horizontal(_known(rule) * rule.weight for rule in rules) / weight,
        motion=motion(),
    )


def _known(rule: Rule) -> pl.Expr:
    return rule.strength.is_not_null().cast(pl.Float64)


def _worth(rules: tuple[Rule, ...], rule: Rule) -> pl.Expr:
    """A rule's points when weights that are missing are spread, within its group first."""
    groups: dict[str, list[Rule]] = {}
    for each in rules:
        groups.setdefault(each.group, []).append(each)

    def whole(group: str) -> float:
        return sum(each.weight for each in groups[group])

    if not whole(rule.group):
        return pl.lit(0.0)
    present = {
        group: pl.any_horizontal(each.strength.is_not_null() for each in members)
        for group, members in groups.items()
    }
    there = pl.sum_horizontal(present[group].cast(pl.Float64) * whole(group) for group in groups)
    of_group = pl.sum_horizontal(_known(each) * each.weight for each in groups[rule.group])
    share = (rule.weight / of_group) * (whole(rule.group) / there)
    return pl.when(there > 0).then(rule.strength * share * FULL)


def _points(rules: tuple[Rule, ...]) -> list[pl.Expr]:
    return [_worth(rules, rule).alias(points_of(rule)) for rule in rules]


def _troubles() -> list[pl.Expr]:
    return [
        pl.when(holds).then(-points).otherwise(0.0).alias(f"{name}_points")
        for name, (holds, points) in TROUBLES.items()
    ]


def blocked() -> pl.Expr:
    """Why nobody should ask an account now; null: nothing is in the way."""
    return (
        pl.when("cancel_scheduled")
        .then(pl.lit("cancellation scheduled"))
        .when("past_due")
        .then(pl.lit("payment past due"))
        .when(pl.col("tenure") < YOUNG)
        .then(pl.lit("customer for less than two months"))
    )


def motion() -> pl.Expr:
    """What most points speak for, of equal motions the first; null: nothing has points."""
    sums = {
        motion: pl.sum_horizontal(
            pl.col(points_of(rule)).fill_null(0.0) for rule in RULES if rule.motion == motion
        )
        for motion in MOTIONS
    }
    most = pl.max_horizontal(*sums.values())
    found = pl.coalesce(
        pl.when(amount == most).then(pl.lit(motion)) for motion, amount in sums.items()
    )
    return pl.when(most > 0).then(found)
