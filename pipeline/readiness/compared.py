"""Orders of the same accounts held against each other.

Belongs here: which baseline was the best, and what is surely better than what: the interval's lower end is above it.
Does not belong here: what follows from that (`record`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.readiness.intervals import DRAWS, drawn, interval
from pipeline.readiness.judged import judged, value_of
from pipeline.readiness.measures import sums
from pipeline.readiness.methods import WITHOUT_DEALS, Method

DECIDING = "lift_tenth"
DIFFERENCE = "difference"
LARGEST = "largest_mrr"
"""What orders the accounts where no order tells anything: there is most to lose."""
POSITIVES, TIMES = 50, 2
"""So many expansions, at so many origins, a verdict rests on at least."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Methods at the same origins.

    Attributes:
        lots: method -> what `intervals.drawn` gives; the same accounts are drawn for all.
        best: the baseline with the largest lift.
        origins: month ends.
        accounts: accounts at them.
        positives: those that expanded.
    """

    lots: dict[str, pl.DataFrame]
    best: str
    origins: int
    accounts: int
    positives: int

    @property
    def proves(self) -> bool:
        """Enough expanded for a verdict."""
        return self.positives >= POSITIVES and self.origins >= TIMES

    def ahead(self, name: str, other: str) -> tuple[float | None, float | None, float | None]:
        """How much larger a method's lift is than another's, with its interval."""
        apart = self.lots[name][DECIDING] - self.lots[other][DECIDING]
        lot = pl.DataFrame({"draw": range(DRAWS + 1), DIFFERENCE: apart})
        return interval(lot, DIFFERENCE)

    def above_chance(self, name: str) -> bool:
        """Surely."""
        low = interval(self.lots[name], DECIDING)[1]
        return low is not None and low > 1

    def beats(self, name: str, other: str) -> bool:
        """Surely."""
        low = self.ahead(name, other)[1]
        return low is not None and low > 0

    def verdict(self, name: str) -> str:
        """`better` than the best baseline and chance; `baseline`: that one is above chance; `nothing`; `unproven`.

        It has to be better without what deals tell, too: that a deal is open is no news to who opened it.
        """
        if not self.proves:
            return "unproven"
        both = (name, name + WITHOUT_DEALS)
        if all(self.beats(each, self.best) and self.above_chance(each) for each in both):
            return "better"
        return "baseline" if self.above_chance(self.best) else "nothing"


def compared(outcomes: pl.DataFrame, methods: Sequence[Method]) -> Compared | None:
    """The methods at the origins that `outcomes` has; null where all accounts expanded, or none did.

    Args:
        outcomes: `judged.judgeable` with `outcomes`.
        methods: whose values it holds.
    """
    positives = int(outcomes["expanded"].sum())
    if not positives or positives == outcomes.height:
        return None
    lots = {
        each.name: drawn(sums(judged(outcomes, each)).sort("cluster").collect()) for each in methods
    }
    baselines = _baselines(outcomes, methods)
    best = max(baselines, key=lambda name: (interval(lots[name], DECIDING)[0] or 0.0, name))
    return Compared(lots, best, outcomes["month"].n_unique(), outcomes.height, positives)


def _baselines(outcomes: pl.DataFrame, methods: Sequence[Method]) -> list[str]:
    """Chance is what all are held against, and no order to ship; a rule of which nothing is known is chance, too."""
    names = [each.name for each in methods if each.baseline and each.name != "random"]
    return [name for name in names if name == LARGEST or outcomes[value_of(name)].n_unique() > 1]
