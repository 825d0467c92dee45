"""`data_quality`: whether the figures are to be trusted.

Belongs here: which checks have failed and whether Stripe was read lately. A failed check of severity `error` and a
stale sync hold every other rule; warnings do not, unless a rule names their check, and then they only are told.
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


def troubles(rules: Sequence[AlertRule], beside: Beside, now: datetime) -> dict[str, list[Trouble]]:
    """Rule id -> what it found, for every rule of kind `data_quality`; by check."""
    return {
        rule.id: [
            each
            for each in _failed(beside.quality) + _stale(beside.syncs, now)
            if (each.holds if rule.member is None else each.check == rule.member)
        ]
        for rule in rules
        if rule.kind == "data_quality"
    }


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
