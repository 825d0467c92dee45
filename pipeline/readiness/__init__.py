"""Who expands next: leading indicators of accounts, and a score that is explained.

Belongs here: pure functions from the frames of `pipeline.schemas` to the indicators of accounts at month ends and their
scores, and how good scores were. Nothing at a month's end may rest on what was known later. Source of the rules:
docs/readiness.md. Does not belong here: where rows are kept, how a list is shown.
"""

from pipeline.readiness.indicators import indicators
from pipeline.readiness.judged import judgeable
from pipeline.readiness.known import LIMITS, USAGE, Known, movements_for, snapshots_for
from pipeline.readiness.learned import Learned, learned
from pipeline.readiness.logistic import Model, scored_by
from pipeline.readiness.methods import LOGISTIC, score_rows
from pipeline.readiness.outcomes import AHEAD, origins, outcome_months, outcomes
from pipeline.readiness.record import Record, record
from pipeline.readiness.score import scored, weighted
from pipeline.readiness.words import reasons

__all__ = [
    "AHEAD",
    "LIMITS",
    "LOGISTIC",
    "USAGE",
    "Known",
    "Learned",
    "Model",
    "Record",
    "indicators",
    "judgeable",
    "learned",
    "movements_for",
    "origins",
    "outcome_months",
    "outcomes",
    "reasons",
    "record",
    "score_rows",
    "scored",
    "scored_by",
    "snapshots_for",
    "weighted",
]
