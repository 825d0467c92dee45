"""What the figures say to a rule: one observation per member and month.

Belongs here: reading a rule's figure out of expansion metrics, and whether the rule's condition holds. A `floor` and a
`target` judge the figure as it is, without a guard on sample size: it is the user's own threshold.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from pipeline.alerts.rules import metric_of, threshold_of
from pipeline.config import AlertRule
from pipeline.money import MICRO
from pipeline.schemas import EXPANSION_METRICS

Guard = Literal["no_data", "suppressed"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One figure of one closed month.

    Attributes:
        month: the month.
        observed: the figure: a share, or major units of the reporting currency; null where it is undefined.
        base: MRR at the opening end at the month's rates, in major units: what a rate is a share of.
        n: accounts at the opening end.
        k: expanding accounts.
        version: the month's version.
        breach: the rule's condition holds.
    """

    month: date
    observed: float | None
    base: float
    n: int
    k: int
    version: int
    breach: bool


def observe(rule: AlertRule, metrics: pl.DataFrame) -> dict[str, list[Observation]]:
    """The rule's observations by member, oldest month first.

    Args:
        rule: a rule of kind floor or target.
        metrics: EXPANSION_METRICS rows of closed months.
    """
    name, threshold = metric_of(rule), threshold_of(rule)
    scale = MICRO if EXPANSION_METRICS.column(name).kind == "money" else 1
    figure = pl.col(name).cast(pl.Float64) / scale
    rows = (
        metrics.lazy()
        .filter(
            (pl.col("dimension") == rule.dimension)
            & (pl.col("window_months") == rule.window_months)
            & (pl.lit(rule.member is None) | (pl.col("member") == (rule.member or "")))
        )
        .select(
            "member",
            "month",
            observed=figure,
            base=(pl.col("starting_mrr") + pl.col("fx_mrr")) / MICRO,
            n="opening_accounts",
            k="expanding_accounts",
            version="version",
            breach=(figure < threshold).fill_null(value=False),
        )
        .sort("member", "month")
        .collect()
    )
    found: dict[str, list[Observation]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row.pop("member"), []).append(Observation(**row))
    return found


def shortfall(rule: AlertRule, seen: Observation) -> float | None:
    """Money that is missing to the threshold, in major units; null where the figure is no share of opening MRR."""
    name = metric_of(rule)
    if seen.observed is None or not seen.breach:
        return None
    missing = threshold_of(rule) - seen.observed
    if name in {"expansion_rate", "nrr", "grr", "mrr_growth_rate"}:
        return missing * seen.base
    return missing if EXPANSION_METRICS.column(name).kind == "money" else None
