"""Which function judges which kind.

Belongs here: the one table of kinds that are judged by closed months. `pacing` (the open month) and `data_quality` (no
month) are not among them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import polars as pl

from pipeline.alerts.kinds.counts import segment_deterioration, significant_drop
from pipeline.alerts.kinds.drops import consecutive_declines, drop
from pipeline.alerts.kinds.mix import mix_shift
from pipeline.alerts.kinds.thresholds import concentration, floor
from pipeline.alerts.observations import Beside, Seen
from pipeline.config import AlertRule

Judge = Callable[[AlertRule, pl.DataFrame, Beside], Seen]


def _of_metrics(found: Callable[[AlertRule, pl.DataFrame], Seen]) -> Judge:
    return lambda rule, metrics, _: found(rule, metrics)


MONTHLY: Mapping[str, Judge] = MappingProxyType(
    {
        "floor": _of_metrics(floor),
        "target": _of_metrics(floor),
        "concentration": _of_metrics(concentration),
        "drop": _of_metrics(drop),
        "consecutive_declines": _of_metrics(consecutive_declines),
        "significant_drop": _of_metrics(significant_drop),
        "segment_deterioration": _of_metrics(segment_deterioration),
        "mix_shift": lambda rule, metrics, beside: mix_shift(rule, metrics, beside.by_type),
    }
)


def judge(rule: AlertRule, metrics: pl.DataFrame, beside: Beside | None = None) -> Seen:
    """The rule's observations by member, oldest month first.

    Args:
        rule: a rule of a kind in MONTHLY.
        metrics: EXPANSION_METRICS rows of closed months, the whole history.
        beside: what some kinds read beside them.
    """
    return MONTHLY[rule.kind](rule, metrics, beside or Beside())
