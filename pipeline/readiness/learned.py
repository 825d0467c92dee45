"""What was learned at each month end from the outcomes that were known then.

Belongs here: which outcomes a model may see. Origins lie as far apart as an outcome takes, so that at each of them the
outcomes of all earlier ones are over.
"""

from dataclasses import dataclass

import polars as pl

from pipeline.months import add_months
from pipeline.readiness.features import NAMES, NOT_OF_DEALS
from pipeline.readiness.judged import value_of
from pipeline.readiness.logistic import Model, fitted
from pipeline.readiness.methods import LOGISTIC, LOGISTIC_WITHOUT_DEALS
from pipeline.readiness.outcomes import AHEAD

USED = {LOGISTIC.name: NAMES, LOGISTIC_WITHOUT_DEALS.name: NOT_OF_DEALS}


@dataclass(frozen=True, slots=True)
class Learned:
    """Models of today, and what the models of their time made of earlier origins.

    Attributes:
        outcomes: as given, with what each model orders by; null at origins that had too few outcomes behind them.
        model: learned from all of them; null: too few expanded.
        without_deals: the same without what deals tell.
    """

    outcomes: pl.DataFrame
    model: Model | None
    without_deals: Model | None


def learned(outcomes: pl.DataFrame) -> Learned:
    """Learn from outcomes, and look at every origin with what was known then.

    Args:
        outcomes: `judged.judgeable` with `outcomes`, at every origin.
    """
    months = outcomes["month"].unique().sort()
    parts = [outcomes.clear().with_columns(_nothing())]
    for month in months:
        over = pl.col("month") <= add_months(month, -AHEAD)
        models = _models(outcomes.filter(over))
        parts.append(outcomes.filter(month=month).with_columns(_values(models)))
    today = _models(outcomes)
    return Learned(pl.concat(parts), today[LOGISTIC.name], today[LOGISTIC_WITHOUT_DEALS.name])


def _models(rows: pl.DataFrame) -> dict[str, Model | None]:
    return {name: fitted(rows, features) for name, features in USED.items()}


def _values(models: dict[str, Model | None]) -> list[pl.Expr]:
    return [
        (model.score if model is not None else pl.lit(None, pl.Float64)).alias(value_of(name))
        for name, model in models.items()
    ]


def _nothing() -> list[pl.Expr]:
    return _values(dict.fromkeys(USED))
