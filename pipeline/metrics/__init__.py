"""Figures: windows, rates, dimensions, cohorts, and the identities that they must keep.

Belongs here: pure functions from the frames of `pipeline.schemas.mrr` to those of `pipeline.schemas.metrics`, many
months in one call. Source of the rules: docs/method.md, "Metrics". Does not belong here: what a movement is
(`pipeline.mrr`), where figures are kept (`pipeline.publish`).
"""

from pipeline.metrics.cohort_growth import Growth, cohort_growth, cohort_growth_of, growth_sums
from pipeline.metrics.cohorts import cohort_sums, cohorts, cohorts_of
from pipeline.metrics.expansion import Metrics, concluded, expansion
from pipeline.metrics.identities import (
    check_components,
    check_members,
    check_roll_forward,
    check_types,
    check_within,
)
from pipeline.metrics.moves import Moves
from pipeline.metrics.past import Past, inferred, inferred_of
from pipeline.metrics.spec import MetricsSpec
from pipeline.metrics.tally import Tally, tallied

__all__ = [
    "Growth",
    "Metrics",
    "MetricsSpec",
    "Moves",
    "Past",
    "Tally",
    "check_components",
    "check_members",
    "check_roll_forward",
    "check_types",
    "check_within",
    "cohort_growth",
    "cohort_growth_of",
    "cohort_sums",
    "cohorts",
    "cohorts_of",
    "concluded",
    "expansion",
    "growth_sums",
    "inferred",
    "inferred_of",
    "tallied",
]
