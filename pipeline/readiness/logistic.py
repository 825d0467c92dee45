"""A regularised logistic regression that gives the rules other points: those that outcomes taught.

Belongs here: fitting, and the points that coefficients are worth. What speaks for an expansion may only add points, and
trouble may only take some away: a coefficient of the other sign is left out. So each point has its reason. Source of
the rules: docs/readiness.md.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from pipeline.readiness.features import NAMES, NOT_OF_DEALS, features, seen
from pipeline.readiness.score import FULL, RULES, TROUBLES, blocked, motion, points_of

ENOUGH = 200
"""So many accounts that expanded are learned from at least."""
STRENGTH = 0.1
"""The inverse of the penalty on squared coefficients: half of a coefficient is left at some 100 expansions."""
DECIMALS = 6
"""Points and means are rounded, so that another number of cores gives the same ones."""


@dataclass(frozen=True, slots=True)
class Model:
    """Points that a regression gave.

    Attributes:
        points: feature -> points at its full strength: rules 100 in all, trouble below 0. A feature that is not named
            is worth nothing.
        usual: feature -> its mean strength where it was known; what is not known counts as that.
        expanded: accounts that expanded, of those it was learned from.
    """

    points: Mapping[str, float]
    usual: Mapping[str, float]
    expanded: int

    @property
    def score(self) -> pl.Expr:
        """0 to 100, from `features`."""
        parts = [
            pl.col(seen(name)).fill_null(self.usual[name]).cast(pl.Float64) * points
            for name, points in self.points.items()
        ]
        return pl.sum_horizontal(parts).clip(0.0, FULL)


def fitted(rows: pl.DataFrame, names: Collection[str] = NAMES) -> Model | None:
    """The model of accounts whose outcomes are known; null where fewer than ENOUGH expanded, or nothing speaks for it.

    Args:
        rows: `features` and `expanded`, one row per account and month end.
        names: the features that it may use.
    """
    expanded = int(rows["expanded"].sum())
    if expanded < ENOUGH or expanded == rows.height:
        return None
    usual = {
        name: round(mean, DECIMALS)
        for name in names
        if isinstance(mean := rows[seen(name)].cast(pl.Float64).mean(), float)
    }
    found = _signed(rows, usual)
    whole = sum(found.get(rule.name, 0.0) for rule in RULES)
    if not whole:
        return None
    points = {name: round(value * FULL / whole, DECIMALS) for name, value in found.items()}
    return Model(points, usual, expanded)


def scored_by(
    indicators: pl.LazyFrame, model: Model, without_deals: Model | None = None
) -> pl.LazyFrame:
    """The indicators with what they are worth: the columns of `score.scored`, and `unknown_points`.

    `score` is the sum of all points and of `unknown_points`: what an account is given for facts that are not known.

    Args:
        indicators: what `indicators` gives.
        model: whose points.
        without_deals: a model that knows no deals, for `score_without_deals`; null: without points of deals.
    """
    rows = indicators.with_columns(features())
    alone = without_deals or Model(
        {name: points for name, points in model.points.items() if name in NOT_OF_DEALS},
        model.usual,
        model.expanded,
    )
    clear = pl.col("blocked").is_null()
    return (
        rows.with_columns(*_points(model), blocked=blocked())
        .with_columns(
            score=pl.when(clear).then(model.score).otherwise(0.0),
            score_without_deals=pl.when(clear).then(alone.score).otherwise(0.0),
            unknown_points=_unknown(model),
            confidence=_confidence(model),
            motion=motion(),
        )
        .drop(seen(name) for name in NAMES)
    )


def _signed(rows: pl.DataFrame, usual: Mapping[str, float]) -> dict[str, float]:
    """Coefficients of the right sign: the one that is most wrong is left out until none is."""
    names = list(usual)
    while names:
        found = _coefficients(rows, names, usual)
        right = {name: -value if name in TROUBLES else value for name, value in found.items()}
        worst = min(right, key=lambda name: (right[name], name))
        if right[worst] > 0:
            return found
        names.remove(worst)
    return {}


def _coefficients(
    rows: pl.DataFrame, names: list[str], usual: Mapping[str, float]
) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to load

    known = rows.select(
        pl.col(seen(name)).cast(pl.Float64).fill_null(usual[name]) for name in names
    )
    regression = LogisticRegression(C=STRENGTH, solver="newton-cholesky")
    regression.fit(known.to_numpy(), rows["expanded"].to_numpy())
    return dict(zip(names, map(float, regression.coef_[0]), strict=True))


def _points(model: Model) -> list[pl.Expr]:
    rules = [
        (pl.col(seen(rule.name)).cast(pl.Float64) * model.points.get(rule.name, 0.0)).alias(
            points_of(rule)
        )
        for rule in RULES
    ]
    troubles = [
        (pl.col(seen(name)).cast(pl.Float64) * model.points.get(name, 0.0)).alias(f"{name}_points")
        for name in TROUBLES
    ]
    return [*rules, *troubles]


def _unknown(model: Model) -> pl.Expr:
    return pl.sum_horizontal(
        pl.when(pl.col(seen(name)).is_null()).then(points * model.usual[name]).otherwise(0.0)
        for name, points in model.points.items()
    )


def _confidence(model: Model) -> pl.Expr:
    known = [
        pl.col(seen(rule.name)).is_not_null().cast(pl.Float64) * model.points.get(rule.name, 0.0)
        for rule in RULES
    ]
    return pl.sum_horizontal(known) / FULL
