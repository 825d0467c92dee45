"""`[mrr]`: the policy that decides what counts as MRR.

Belongs here: the switches and the presets, from docs/method.md, "Policies". Does not belong here: what a switch does
(`pipeline.mrr`).
"""

from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from pipeline.config.section import Days, FilePath, Section

Preset = Literal["default", "stripe", "chartmogul"]

PRESETS: dict[str, dict[str, str | int]] = {
    "default": {
        "discounts": "recurring",
        "usage": "include",
        "past_due": "count",
        "past_due_days": 0,
        "paused": "exclude",
        "cancellation": "period_end",
        "paid_to_free": "contraction",
        "reactivation": "separate",
        "reactivation_days": 0,
    }
}
PRESETS["stripe"] = PRESETS["default"] | {
    "discounts": "forever",
    "usage": "exclude",
    "cancellation": "request",
    "paid_to_free": "churn",
}
PRESETS["chartmogul"] = PRESETS["default"] | {"discounts": "all", "paused": "count"}


class Mrr(Section):
    """The policy in force: a preset, and the switches that override it."""

    policy: Preset = "default"
    discounts: Literal["none", "forever", "recurring", "all"] = "recurring"
    usage: Literal["include", "exclude", "per_day"] = "include"
    past_due: Literal["count", "exclude"] = "count"
    past_due_days: Days = 0
    paused: Literal["exclude", "count"] = "exclude"
    cancellation: Literal["period_end", "request"] = "period_end"
    paid_to_free: Literal["contraction", "churn"] = "contraction"
    reactivation: Literal["separate", "expansion", "new"] = "separate"
    reactivation_days: Days = 0
    first_paid_on: FilePath | None = None
    """CSV customer_id,date: when customers migrated from another system first paid."""
    plans: dict[str, str] = Field(default_factory=dict)
    """Price id, lookup key or product id -> plan."""

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("policy", "default") not in get_args(Preset):
            return given
        return PRESETS[given.get("policy", "default")] | given

    def switches(self) -> dict[str, str | int]:
        """Every switch with the value in force: the preset's, unless the file overrides it."""
        return {name: getattr(self, name) for name in PRESETS["default"]}
