"""What the figures say to a rule: one observation per member and month.

Belongs here: reading a rule's figure out of expansion metrics, and whether the rule's condition holds. A `floor` and a
`target` judge the figure as it is, without a guard on sample size: it is the user's own threshold.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import polars as pl

from pipeline.alerts.rules import metric_of, threshold_of
from pipeline.config import AlertRule
from pipeline.money import MICRO
from pipeline.schemas import EXPANSION_METRICS

Guard = Literal["insufficient_data", "no_data", "suppressed"]


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
        expected: what was usual, or the threshold, in the unit of `observed`.
        effect: how far `observed` is from it, relative and signed: -0.25 is a quarter less.
        p: probability that it is chance; null where the kind makes no test.
        missing: money short, in major units; null where nothing is, or the figure is no money.
        said: what the kind found, one sentence for people; no names and no amounts of money.
        guard: why nothing can be concluded from the figure; null when it can.
    """

    month: date
    observed: float | None
    base: float
    n: int
    k: int
    version: int
    breach: bool
    expected: float | None = None
    effect: float | None = None
    p: float | None = None
    missing: float | None = None
    said: str = ""
    guard: Guard | None = None


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
            expected=pl.lit(threshold, pl.Float64),
            effect=pl.when(pl.lit(threshold != 0)).then(figure / (threshold or 1.0) - 1),
        )
        .sort("member", "month")
        .collect()
    )
    found: dict[str, list[Observation]] = {}
    for row in rows.iter_rows(named=True):
        member, seen = row.pop("member"), Observation(**row)
        told = replace(seen, missing=shortfall(rule, seen), said=_said(rule, seen))
        found.setdefault(member, []).append(told)
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


def _said(rule: AlertRule, seen: Observation) -> str:
    what = "target" if rule.kind == "target" else "floor"
    if seen.observed is None:
        return "The figure is undefined."
    return f"It is {'under' if seen.breach else 'at or over'} its {what}."
