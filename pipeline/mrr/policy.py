"""Which states count and which discounts are taken off: the named switches of docs/method.md, "Policies".

Belongs here: switches as expressions on a timeline row at an instant. Evidence is folded without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipeline.config import PRESETS

DURATIONS = {
    "none": (),
    "forever": ("forever",),
    "recurring": ("forever", "repeating"),
    "all": ("forever", "repeating", "once"),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """One setting of every switch; the defaults are the preset `default`. `name` is the preset it started from."""

    name: str = "default"
    discounts: str = "recurring"
    usage: str = "include"
    past_due: str = "count"
    past_due_days: int = 0
    paused: str = "exclude"
    cancellation: str = "period_end"
    paid_to_free: str = "contraction"
    reactivation: str = "separate"
    reactivation_days: int = 0

    @classmethod
    def from_switches(cls, switches: Mapping[str, str | int]) -> "Policy":
        """The policy with these switches; `policy` or `name` is the preset's name, unknown keys are left out."""
        known = {key: value for key, value in switches.items() if key in cls.__slots__}
        if "policy" in switches:
            known["name"] = switches["policy"]
        return cls(**known)  # type: ignore[arg-type]

    @property
    def label(self) -> str:
        """The preset and every switch that differs from it, as stored with the figures: `stripe (usage=include)`."""
        preset = PRESETS[self.name]
        changed = [
            f"{switch}={getattr(self, switch)}"
            for switch in preset
            if getattr(self, switch) != preset[switch]
        ]
        return self.name if not changed else f"{self.name} ({', '.join(changed)})"

    @property
    def durations(self) -> tuple[str, ...]:
        """Durations of the coupons that reduce MRR."""
        return DURATIONS[self.discounts]

    def instants(self) -> list[pl.Expr]:
        """After which instants within a span of the timeline a row may count otherwise."""
        found = []
        if self.past_due != "count" and self.past_due_days > 0:
            found.append(pl.col("past_due_since") + pl.duration(days=self.past_due_days))
        if self.cancellation == "request":
            found.append(pl.col("cancel_requested_at"))
        return found

    def counts(self, boundary: pl.Expr) -> pl.Expr:
        """Whether a timeline row (joined with its price) counts just before `boundary`."""
        status = pl.col("status")
        held = status == "active"
        if self.past_due == "count":
            held |= status == "past_due"
        elif self.past_due_days > 0:
            late = boundary - pl.col("past_due_since") > pl.duration(days=self.past_due_days)
            held |= (status == "past_due") & late.fill_null(value=True).not_()
        if self.paused == "count":
            held |= status == "paused"
        else:
            held &= pl.col("collection_paused").not_()
        if self.cancellation == "request":
            asked = pl.col("cancel_at").is_not_null() & (pl.col("cancel_requested_at") < boundary)
            held &= asked.fill_null(value=False).not_()
        if self.usage == "exclude":
            held &= pl.col("usage_type").ne_missing("metered")
        return held & pl.col("in_trial").not_()
