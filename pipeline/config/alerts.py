"""`[[alerts]]`: one rule.

Belongs here: the rule's keys. Does not belong here: what a kind computes (`pipeline.alerts`).
"""

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from pipeline.config.section import Section

Kind = Literal[
    "floor",
    "target",
    "drop",
    "significant_drop",
    "consecutive_declines",
    "mix_shift",
    "segment_deterioration",
    "pacing",
    "concentration",
    "data_quality",
]


class AlertRule(Section):
    """One alert rule; the same id replaces a rule that ships."""

    model_config = ConfigDict(populate_by_name=True)

    id: str = Field(min_length=1, pattern=r"^[^|]+$")
    kind: Kind
    metric: str = "expansion_rate"
    dimension: str = "total"
    """`total`, or a dimension: every member of it is watched."""
    member: str | None = None
    """Only this member of the dimension."""
    window_months: Literal[1, 3, 12] = 1
    threshold: float | None = None
    """`floor`: the figure must not be under it; other kinds: their effect size, where they have one."""
    periods: int = Field(default=1, ge=1, alias="for")
    """Closed months in a row."""
    severity: Literal["info", "warning", "critical"] = "warning"
    channel: str | None = None
    """Slack channel; null: `slack.channel`."""
    owner: str | None = None
    runbook: str | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "floor" and self.threshold is None:
            raise ValueError(
                f'the floor rule "{self.id}" needs a threshold, for example threshold = 0.02'
            )
        return self
