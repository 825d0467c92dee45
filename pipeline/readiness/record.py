"""The score's own record, and what it decides: the score orders accounts only where it beats the simple rules.

Belongs here: every method's measures over the origins, the verdict, and which method is shipped. Source of the rules:
docs/readiness.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.readiness.intervals import DRAWS, drawn, interval
from pipeline.readiness.judged import by_tenth, judged, value_of
from pipeline.readiness.measures import measures, sums
from pipeline.readiness.methods import METHODS, RULES_METHOD
from pipeline.schemas import SCORE_EVALUATION

DECIDING = "lift_tenth"
OVER_BASELINE = "lift_over_best_baseline"
LARGEST = "largest_mrr"
"""What orders the accounts where no order tells anything: there is most to lose."""
POSITIVES, TIMES = 50, 2
"""So many expansions, at so many origins, a verdict rests on at least."""


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


def record(outcomes: pl.DataFrame, month: date) -> Record:
    """The record of all methods at the origins that `outcomes` has.

    Args:
        outcomes: `judged.judgeable` with `outcomes`, at every origin.
        month: the newest closed month.
    """
    positives = int(outcomes["expanded"].sum())
    times = outcomes["month"].n_unique()
    if not positives or positives == outcomes.height:
        return _unknown()
    lots = {
        each.name: drawn(sums(judged(outcomes, each)).sort("cluster").collect()) for each in METHODS
    }
    best = max(
        _baselines(outcomes), key=lambda name: (interval(lots[name], DECIDING)[0] or 0.0, name)
    )
    verdict = _verdict(lots, best) if positives >= POSITIVES and times >= TIMES else "unproven"
    shipped = {"baseline": best, "nothing": LARGEST}.get(verdict, RULES_METHOD.name)
    chosen = next(each for each in METHODS if each.name == shipped)
    rows = [row for name in lots for row in _measured(lots, name, best)]
    frame = pl.DataFrame(
        [
            {
                "month": month, "method": method, "measure": measure,
                "value": value, "low": low, "high": high,
                "origins": times, "accounts": outcomes.height, "positives": positives,
                "shipped": method == shipped, "verdict": verdict,
            }
            for method, measure, value, low, high in rows
        ],
        schema=SCORE_EVALUATION.schema,
    )  # fmt: skip
    return Record(
        frame.sort("method", "measure"),
        shipped,
        verdict,
        by_tenth(judged(outcomes, chosen)).collect(),
    )


def _unknown() -> Record:
    """Nobody expanded yet, or nobody could be judged."""
    chances = pl.DataFrame(schema={"tenth": pl.Int64, "probability": pl.Float64})
    return Record(SCORE_EVALUATION.empty(), RULES_METHOD.name, "unproven", chances)


def _baselines(outcomes: pl.DataFrame) -> Sequence[str]:
    """Chance is what all are held against, and no order to ship; a rule of which nothing is known is chance, too."""
    names = [each.name for each in METHODS if each.baseline and each.name != "random"]
    return [name for name in names if name == LARGEST or outcomes[value_of(name)].n_unique() > 1]


def _verdict(lots: dict[str, pl.DataFrame], best: str) -> str:
    """`better`: surely above the best baseline and above chance; `baseline`: that one is above chance; `nothing`."""

    def above_chance(name: str) -> bool:
        low = interval(lots[name], DECIDING)[1]
        return low is not None and low > 1

    ahead = interval(_ahead(lots, RULES_METHOD.name, best), OVER_BASELINE)[1]
    if ahead is not None and ahead > 0 and above_chance(RULES_METHOD.name):
        return "better"
    return "baseline" if above_chance(best) else "nothing"


def _ahead(lots: dict[str, pl.DataFrame], name: str, best: str) -> pl.DataFrame:
    difference = lots[name][DECIDING] - lots[best][DECIDING]
    return pl.DataFrame({"draw": range(DRAWS + 1), OVER_BASELINE: difference})


def _measured(
    lots: dict[str, pl.DataFrame], name: str, best: str
) -> list[tuple[str, str, float | None, float | None, float | None]]:
    found = [(name, measure, *interval(lots[name], measure)) for measure in measures()]
    if name not in {each.name for each in METHODS if each.baseline}:
        found.append((name, OVER_BASELINE, *interval(_ahead(lots, name, best), OVER_BASELINE)))
    return found
