"""A rule's figures as series: one row per member and month.

Belongs here: picking a rule's rows out of the metrics, and turning judged rows into observations.
"""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from pipeline.alerts.observations import Observation, Seen
from pipeline.alerts.rules import metric_of
from pipeline.config import AlertRule
from pipeline.metrics.contributions import ROLL_FORWARD
from pipeline.money import MICRO
from pipeline.schemas import EXPANSION_METRICS

Say = Callable[[Mapping[str, Any]], str]
FIELDS: tuple[str, ...] = (
    "month",
    "observed",
    "base",
    "n",
    "k",
    "version",
    "breach",
    "expected",
    "effect",
    "p",
)
FIELDS += ("missing", "guard", "clear")
SHARES_OF_OPENING = ("expansion_rate", "nrr", "grr", "mrr_growth_rate")
"""Figures whose shortfall is a share of the opening MRR."""


def rows(rule: AlertRule, metrics: pl.DataFrame) -> pl.LazyFrame:
    """The rule's rows: member, month, observed, base, n, k, version; one per member and month, sorted.

    Money is in major units; `base` is the opening MRR at the month's rates.
    """
    name = metric_of(rule)
    # A member that only has something to come has a row of zeros; nobody is in it yet.
    there = pl.any_horizontal(pl.col(*ROLL_FORWARD) != 0)
    return (
        metrics.lazy()
        .filter(there | pl.lit(name == "committed_mrr"))
        .filter(
            (pl.col("dimension") == rule.dimension)
            & (pl.col("window_months") == rule.window_months)
            & (pl.lit(rule.member is None) | (pl.col("member") == (rule.member or "")))
        )
        .select(
            "member",
            "month",
            observed=pl.col(name).cast(pl.Float64) / scale(name),
            base=(pl.col("starting_mrr") + pl.col("fx_mrr")) / MICRO,
            money=pl.col("expansion_mrr") / MICRO,
            n="opening_accounts",
            k="expanding_accounts",
            version="version",
        )
        .sort("member", "month")
    )


def contiguous(series: pl.LazyFrame, months: pl.LazyFrame) -> pl.LazyFrame:
    """`series` with a row for every month since the member's first, so that rows before are months before.

    Args:
        series: `rows`.
        months: month; every month of the history.
    """
    first = series.group_by("member").agg(first=pl.col("month").min())
    return (
        first.join(months, how="cross")
        .filter(pl.col("month") >= pl.col("first"))
        .drop("first")
        .join(series, on=["member", "month"], how="left")
        .sort("member", "month")
    )


def months_of(metrics: pl.DataFrame) -> pl.LazyFrame:
    """Every month of the history."""
    return metrics.lazy().select(pl.col("month").unique())


def missing(name: str, short: pl.Expr) -> pl.Expr:
    """The money that a shortfall of `name` means, in major units; null where it means none.

    Args:
        name: a figure of EXPANSION_METRICS.
        short: how much the figure is short, positive.
    """
    if name in SHARES_OF_OPENING:
        return short * pl.col("base")
    return short if EXPANSION_METRICS.column(name).kind == "money" else pl.lit(None, pl.Float64)


def scale(name: str) -> int:
    """What a published figure is divided by to be in major units."""
    return MICRO if EXPANSION_METRICS.column(name).kind == "money" else 1


def observations(judged: pl.LazyFrame, say: Say) -> Seen:
    """Observations by member; columns that the kind does not make are left at their defaults.

    Args:
        judged: member and fields of `Observation`, sorted by member and month; other columns are for `say`.
        say: the sentence of a row.
    """
    found: dict[str, list[Observation]] = {}
    for row in judged.collect().iter_rows(named=True):
        fields = {name: row[name] for name in FIELDS if name in row}
        found.setdefault(row["member"], []).append(Observation(**fields, said=say(row)))
    return found
