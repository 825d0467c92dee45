"""What is watched: the rules that ship, the user's own, and how a rule is told from another.

Belongs here: rules as values. What a kind computes is in `observations`.
"""

import hashlib
from collections.abc import Sequence

from pipeline.config import AlertRule
from pipeline.config.alerts import OWN
from pipeline.errors import ConfigError
from pipeline.schemas import EXPANSION_METRICS

DEFAULT_RULES = (
    AlertRule(id="expansion-drop", kind="significant_drop"),
    AlertRule(id="segment-deterioration", kind="segment_deterioration"),
    AlertRule(
        id="expansion-concentration",
        kind="concentration",
        window_months=12,
        threshold=1 / 3,
        severity="info",
    ),
    AlertRule(id="data-quality", kind="data_quality", severity="critical"),
)
"""The rules that ship: none with a number that only the company can know, such as a floor."""

ATTAINED = 1.0
"""Share of a target that is enough, where the rule names none."""
JUDGES = ("kind", "metric", "dimension", "member", "window_months", "threshold", "periods")
"""The keys that decide, beside those of the kind; who is told, and where, does not make it another rule."""


def active_rules(
    configured: Sequence[AlertRule], *, defaults: bool = True
) -> tuple[AlertRule, ...]:
    """The rules in force: those that ship (unless `defaults` is false), then the configured ones; the same id replaces.

    Raises:
        ConfigError: a rule's metric is no figure.
    """
    found = {rule.id: rule for rule in DEFAULT_RULES} if defaults else {}
    found |= {rule.id: rule for rule in configured}
    rules = tuple(rule for rule in found.values() if rule.enabled)
    for rule in rules:
        _refuse_impossible(rule)
    return rules


def metric_of(rule: AlertRule) -> str:
    """The column of EXPANSION_METRICS that the rule reads; a target is watched by its attainment."""
    return "attainment" if rule.kind == "target" else rule.metric


def threshold_of(rule: AlertRule) -> float:
    """The figure must not be under this; for other kinds the size of the deviation that counts."""
    if rule.threshold is not None:
        return rule.threshold
    return ATTAINED


def rule_hash(rule: AlertRule) -> str:
    """Changes when the rule would judge otherwise."""
    own = {name for name in OWN if getattr(rule, name) is not None}
    judged = rule.model_dump_json(include={*JUDGES, *own})
    return hashlib.sha256(judged.encode()).hexdigest()[:16]


def fingerprint(rule: AlertRule, member: str) -> str:
    """Names one rule on one member: `rule|dimension|member`."""
    return f"{rule.id}|{rule.dimension}|{member}"


def _refuse_impossible(rule: AlertRule) -> None:
    numbers = [column.name for column in EXPANSION_METRICS.columns if _is_number(column.name)]
    if metric_of(rule) not in numbers:
        raise ConfigError(
            f'The alert rule "{rule.id}" watches "{rule.metric}", which is no figure. '
            f"Use one of: {', '.join(numbers)}."
        )


def _is_number(name: str) -> bool:
    key = (*EXPANSION_METRICS.key, "version")
    return name not in key and EXPANSION_METRICS.column(name).dtype.is_numeric()
