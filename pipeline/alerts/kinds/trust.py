"""`data_quality`: whether the figures are to be trusted.

Belongs here: which checks have failed and whether Stripe was read lately. A failed check of severity `error` and a
stale sync hold every other rule, whether a rule of this kind tells of them or not; warnings hold nothing, and are told
where a rule names their check.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipeline.alerts.observations import Beside
from pipeline.config import AlertRule

STALE = timedelta(hours=36)
"""A nightly sync may be late by half a day."""
FRESH = "stripe_fresh"
"""The check that this module makes itself."""
HARMLESS = ("fx_rate fresh",)
"""Checks whose failure leaves movements as they are: both ends of a month are valued at the same rates."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A check that failed.

    Attributes:
        check: its name.
        said: what is wrong, for people; the same sentence as long as it stays so.
        holds: no other rule may judge meanwhile.
    """

    check: str
    said: str
    holds: bool


def troubles(beside: Beside, now: datetime) -> list[Trouble]:
    """Everything that is wrong, by check."""
    return _failed(beside.quality) + _stale(beside.syncs, now)


def told_by(rule: AlertRule, found: Sequence[Trouble]) -> list[Trouble]:
    """What a rule of kind `data_quality` tells of: what holds the others, or the one check that it names."""
    return [
        each for each in found if (each.holds if rule.member is None else each.check == rule.member)
    ]


def _failed(quality: pl.DataFrame) -> list[Trouble]:
    rows = quality.filter(~pl.col("passed")).sort("check", "month").unique("check", keep="last")
    return [
        Trouble(
            check,
            f"The check {check} failed for {month:%B %Y}: its run and the report say why.",
            severity == "error" and check not in HARMLESS,
        )
        for check, month, severity in rows.sort("check")
        .select("check", "month", "severity")
        .iter_rows()
    ]


def _stale(syncs: pl.DataFrame, now: datetime) -> list[Trouble]:
    last = syncs.filter(pl.col("source") == "stripe")["started_at"].max()
    if not isinstance(last, datetime) or now - last <= STALE:
        return []
    said = f"Stripe was last read on {last:%Y-%m-%d} at {last:%H:%M} UTC: figures since then are not complete."
    return [Trouble(FRESH, said, holds=True)]
