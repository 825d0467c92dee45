"""`[[alerts]]`: one rule.

Belongs here: the rule's keys, which kind takes which, and what they are where the file leaves them out. Does not belong
here: what a kind computes (`pipeline.alerts.kinds`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from pipeline.config.section import MOST_MONEY, Channel, Section
from pipeline.schemas import EXPANSION_METRICS

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
Values = Mapping[str, Any]

_TESTED: dict[str, Any] = {
    "threshold": 0.25,
    "clear": 0.1,
    "min_events": 12,
    "min_missing_share": 0.001,
}
KIND_KEYS: Mapping[str, Values] = MappingProxyType(
    {
        "floor": {"threshold": None},
        "target": {"threshold": 1.0},
        "drop": {
            "threshold": 0.3,
            "clear": 0.1,
            "against": "median",
            "months": 6,
            "min_events": 12,
        },
        "significant_drop": _TESTED | {"p": 0.02},
        "consecutive_declines": {"declines": 3, "threshold": 0.0},
        "mix_shift": {"threshold": 0.15, "clear": 0.1, "p": 0.01, "min_events": 50},
        "segment_deterioration": _TESTED | {"q": 0.03, "dimension": "segment"},
        "pacing": {"months": 6},
        "concentration": {"threshold": 0.5, "clear": 0.1, "metric": "top1_share", "min_events": 12},
        "data_quality": {"dimension": "check"},
    }
)
"""The keys that a kind takes beside those of every rule, and what they are where the file leaves them out."""
OWN = (
    "threshold",
    "clear",
    "against",
    "months",
    "declines",
    "p",
    "q",
    "min_events",
    "min_missing_share",
    "min_missing",
)
"""The keys that not every kind takes."""
UNREAD: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "target": ("metric", "window_months"),
        "pacing": ("metric", "window_months", "for", "periods"),
        "data_quality": ("metric", "dimension", "window_months", "for", "periods"),
    }
)
"""The keys of every rule that a kind does not read."""
RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "target": (0.0, 100.0),
        "drop": (0.0, 1.0),
        "consecutive_declines": (0.0, 1.0),
        "significant_drop": (0.0, 1.0),
        "segment_deterioration": (0.0, 1.0),
        "mix_shift": (0.0, 1.0),
        "concentration": (0.0, 1.0),
    }
)
"""What `threshold` is at least and at most."""
LARGEST: Mapping[str, float] = MappingProxyType(
    {"expansion_rate": 1.0, "grr": 1.0, "logo_retention": 1.0, "nrr": 10.0}
)
"""A floor of a share that is over this was meant as percent."""
FIGURES = tuple(
    column.name
    for column in EXPANSION_METRICS.columns
    if column.dtype.is_numeric() and column.name not in (*EXPANSION_METRICS.key, "version")
)
"""What `metric` can be."""
CONCENTRATED = ("top1_share", "top5_share", "top10_share")
WHOLE = (None, "all")
"""The members of the total."""
LONGEST_ID, FORBIDDEN = 80, frozenset("|*~`")
RATE_ONLY = ("significant_drop", "segment_deterioration", "mix_shift")
"""Kinds that judge expanding accounts, whatever the metric: another one would promise what they do not do."""


class AlertRule(Section):
    """One alert rule; the same id replaces a rule that ships."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    kind: Kind
    metric: str = "expansion_rate"
    dimension: str = "total"
    """`total`, or a dimension: every member of it is watched."""
    member: str | None = None
    """Only this member of the dimension; for `data_quality` only this check."""
    window_months: Literal[1, 3, 12] = 1
    threshold: float | None = None
    """`floor`: the figure must not be under it; other kinds: the size of the deviation that counts."""
    clear: float | None = Field(default=None, ge=0, le=MOST_MONEY)
    """An episode ends when the deviation is smaller than this."""
    against: Literal["median", "last_year"] | None = None
    """`drop`: what is usual: the median of the months before, or the same month last year."""
    months: int | None = Field(default=None, ge=3, le=24)
    """How many months before say what is usual."""
    declines: int | None = Field(default=None, ge=2, le=12)
    """`consecutive_declines`: so many in a row."""
    p: float | None = Field(default=None, gt=0, lt=1)
    """Chance alone may explain it with at most this probability."""
    q: float | None = Field(default=None, gt=0, lt=1)
    """`segment_deterioration`: share of false alarms among the members that are reported."""
    min_events: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """So many expanding accounts are usual in the window at least; else nothing is concluded."""
    min_missing_share: float | None = Field(default=None, ge=0, lt=1)
    """The money that is missing in a month matters from this share of the opening MRR on."""
    min_missing: float | None = Field(default=None, ge=0, le=MOST_MONEY)
    """The money that is missing in a month matters from this amount on, in the reporting currency."""
    periods: int = Field(default=1, ge=1, le=24, alias="for")
    """Closed months in a row."""
    severity: Literal["info", "warning", "critical"] = "warning"
    channel: Channel | None = None
    """Slack channel; null: `slack.channel`, for `data_quality` `slack.operations_channel`."""
    owner: str | None = None
    runbook: str | None = None
    enabled: bool = True

    @field_validator("id")
    @classmethod
    def _nameable(cls, value: str) -> str:
        plain = value.isprintable() and FORBIDDEN.isdisjoint(value) and value == value.strip()
        if not value or not plain or len(value) > LONGEST_ID:
            raise ValueError(
                f"write a name of one line, without | * ~ `, of at most {LONGEST_ID} characters, "
                'for example id = "expansion-floor"'
            )
        return value

    @field_validator("metric")
    @classmethod
    def _figure(cls, value: str) -> str:
        if value not in FIGURES:
            raise ValueError(f'"{value}" is no figure; write one of {", ".join(FIGURES)}')
        return value

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        """The kind's own defaults; a key of another kind is refused."""
        kind = given.get("kind") if isinstance(given, dict) else None
        keys = KIND_KEYS.get(kind) if isinstance(kind, str) else None
        if keys is None:
            return given
        foreign = [
            key for key in OWN if given.get(key) is not None and not _takes(given["kind"], key)
        ]
        if foreign:
            takes = [key for key in OWN if _takes(given["kind"], key)]
            raise ValueError(
                f"the key {foreign[0]} is not for the kind {given['kind']}; "
                f"it takes {', '.join(takes) or 'none of its kind'}"
            )
        unread = [key for key in UNREAD.get(given["kind"], ()) if given.get(key) is not None]
        if unread:
            raise ValueError(f"the kind {given['kind']} does not read {unread[0]}; leave it out")
        if given.get("against") == "last_year" and given.get("months") is not None:
            raise ValueError('months is for against = "median"; leave one of them out')
        return {**keys, **{key: value for key, value in given.items() if value is not None}}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "floor" and self.threshold is None:
            raise ValueError(
                f'the floor rule "{self.id}" needs a threshold, for example threshold = 0.02'
            )
        if self.kind in RATE_ONLY and self.metric != "expansion_rate":
            raise ValueError(
                f"the kind {self.kind} watches how many accounts expand; leave out metric"
            )
        if self.kind in RATE_ONLY and self.window_months != 1:
            raise ValueError(f"the kind {self.kind} has months of its own; leave out window_months")
        if self.kind == "segment_deterioration" and self.dimension == "total":
            raise ValueError('the total has no members; write for example dimension = "segment"')
        if self.kind == "concentration" and self.metric not in CONCENTRATED:
            raise ValueError(f"the kind concentration watches {', '.join(CONCENTRATED)}")
        if self.kind != "data_quality" and self.dimension == "total" and self.member not in WHOLE:
            raise ValueError(
                f'the total has no member "{self.member}"; write whose it is, '
                'for example dimension = "segment"'
            )
        return self

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if self.threshold is None:
            return self
        low, high = RANGES.get(self.kind, (-MOST_MONEY, LARGEST.get(self.metric, MOST_MONEY)))
        if not low <= self.threshold <= high:
            raise ValueError(
                f"threshold = {self.threshold:g} is not possible; write a number of at most {high:g} "
                "and no percent: 2% is 0.02"
                if self.threshold > high
                else f"threshold = {self.threshold:g} is not possible; write a number from {low:g} on"
            )
        if self.clear is not None and self.clear > self.threshold:
            raise ValueError(
                f"clear cannot be larger than threshold ({self.threshold:g}); "
                f"it is {self.clear:g} unless you write another one"
            )
        return self


def _takes(kind: str, key: str) -> bool:
    return key in KIND_KEYS[kind] or (
        key == "min_missing" and "min_missing_share" in KIND_KEYS[kind]
    )
