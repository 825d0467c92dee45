"""The score's own record, and what it decides: the score orders accounts only where it beats the simple rules.

Belongs here: every method's measures over the origins, the verdict, and which method is shipped. Source of the rules:
docs/readiness.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from pipeline.readiness.compared import LARGEST, Compared, compared
from pipeline.readiness.intervals import interval
from pipeline.readiness.judged import by_tenth, judged, value_of
from pipeline.readiness.measures import measures
from pipeline.readiness.methods import BY_NAME, LEARNED, LOGISTIC, METHODS, RULES_METHOD
from pipeline.schemas import SCORE_EVALUATION

OVER_BASELINE, OVER_RULES = "lift_over_best_baseline", "lift_over_rules"
LOOKED_AT = "accounts_share"
"""The share of all accounts that the record looked at."""


@dataclass(frozen=True, slots=True)
class Record:
    """How good scores were.

    Attributes:
        rows: SCORE_EVALUATION.
        shipped: the method that orders the accounts now.
        verdict: `better`, `baseline`, `nothing` or `unproven`.
        chances: `tenth, probability` of the shipped method; empty where nothing is known.
    """

    rows: pl.DataFrame
    shipped: str
    verdict: str
    chances: pl.DataFrame


def record(outcomes: pl.DataFrame, month: date, share: float = 1.0) -> Record:
    """The record of all methods at the origins that `outcomes` has.

    A method that learns is held against the others at the origins at which it had learned something.

    Args:
        outcomes: `judged.judgeable` with `outcomes`, at every origin; and what `learned.learned` adds.
        month: the newest closed month.
        share: of all accounts that `outcomes` looks at.
    """
    whole = compared(outcomes, METHODS)
    if whole is None:
        chances = pl.DataFrame(schema={"tenth": pl.Int64, "probability": pl.Float64})
        return Record(SCORE_EVALUATION.empty(), RULES_METHOD.name, "unproven", chances)
    there = _there(outcomes, LOGISTIC.name)
    taught = compared(there, [*METHODS, *LEARNED]) if there.height else None
    shipped, verdict = _decided(whole, taught)
    found = [(each.name, whole) for each in METHODS]
    found += [(each.name, taught) for each in LEARNED if taught is not None]
    rows = [
        {
            **row, "month": month, "method": name, "origins": lot.origins, "accounts": lot.accounts,
            "positives": lot.positives, "shipped": name == shipped, "verdict": verdict,
        }
        for name, lot in found
        for row in _measured(lot, name, share)
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=SCORE_EVALUATION.schema).sort("method", "measure")
    placed = judged(_there(outcomes, shipped), BY_NAME[shipped])
    return Record(frame, shipped, verdict, by_tenth(placed).collect())


def _there(outcomes: pl.DataFrame, method: str) -> pl.DataFrame:
    """The origins at which a method put accounts in order."""
    value = value_of(method)
    if value not in outcomes.columns:
        return outcomes.clear()
    return outcomes.filter(pl.col(value).is_not_null())


def _decided(whole: Compared, taught: Compared | None) -> tuple[str, str]:
    """The method that is shipped, and the verdict.

    What was learned has to be surely better than the best baseline, and than the rules where these are shipped.
    """
    rules = whole.verdict(RULES_METHOD.name)
    if (
        taught is not None
        and taught.verdict(LOGISTIC.name) == "better"
        and (rules != "better" or taught.beats(LOGISTIC.name, RULES_METHOD.name))
    ):
        return LOGISTIC.name, "better"
    return {"baseline": whole.best, "nothing": LARGEST}.get(rules, RULES_METHOD.name), rules


def _measured(lot: Compared, name: str, share: float) -> Iterator[dict[str, Any]]:
    """`measure, value, low, high` of a method."""
    found = {measure: interval(lot.lots[name], measure) for measure in measures()}
    if not BY_NAME[name].baseline:
        found[OVER_BASELINE] = lot.ahead(name, lot.best)
    if BY_NAME[name] in LEARNED:
        found[OVER_RULES] = lot.ahead(name, RULES_METHOD.name)
    for measure, (value, low, high) in found.items():
        yield {"measure": measure, "value": value, "low": low, "high": high}
    yield {"measure": LOOKED_AT, "value": share, "low": None, "high": None}
