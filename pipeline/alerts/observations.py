"""What a figure says to a rule, as a value.

Belongs here: one observation per member and month, and the frames that rules read beside the metrics. What a kind
computes is in `kinds`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import polars as pl

from pipeline.schemas import DATA_QUALITY, EXPANSION_BY_TYPE, EXPANSION_METRICS, SOURCE_SYNC

Guard = Literal["insufficient_data", "no_data", "suppressed"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One figure of one closed month.

    Attributes:
        month: the month.
        observed: the figure: a share, or major units of the reporting currency; null where it is undefined. For
            `significant_drop` and `segment_deterioration` the share of accounts that expand in a month, over three
            months; for `mix_shift` the share of expansions that are of another type than usual.
        base: MRR at the opening end at the month's rates, in major units: what a rate is a share of.
        n: accounts at the opening end; where months are pooled, their sum.
        k: expanding accounts; where months are pooled, their sum.
        version: the month's version.
        breach: the rule's condition holds.
        expected: what was usual, or the threshold, in the unit of `observed`.
        effect: how far `observed` is from it, relative and signed: -0.25 is a quarter less.
        p: probability that it is chance; null where the kind makes no test.
        missing: money short in the month, in major units; null where nothing is, or the figure is no money.
        said: what the kind found, one sentence for people; no names and no amounts of money.
        guard: why nothing can be concluded from the figure; null when it can.
        clear: without a breach, the figure is good enough to end an episode.
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
    clear: bool = True


Seen = Mapping[str, list[Observation]]
"""The observations of a rule by member, oldest month first."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What some kinds read beside the metrics of closed months; each frame may be empty.

    Attributes:
        by_type: EXPANSION_BY_TYPE of closed months, for `mix_shift`.
        open_month: EXPANSION_METRICS of the current month as it stands, for `pacing`.
        quality: DATA_QUALITY: the latest row of each check.
        syncs: SOURCE_SYNC.
    """

    by_type: pl.DataFrame = field(default_factory=EXPANSION_BY_TYPE.empty)
    open_month: pl.DataFrame = field(default_factory=EXPANSION_METRICS.empty)
    quality: pl.DataFrame = field(default_factory=DATA_QUALITY.empty)
    syncs: pl.DataFrame = field(default_factory=SOURCE_SYNC.empty)
