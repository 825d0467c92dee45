"""What is watched: the rules that ship, the user's own, and how a rule is told from another.

Belongs here: rules as values. What a kind computes is in `observations`.
"""

import hashlib
from collections.abc import Sequence

from pipeline.config import AlertRule
from pipeline.config.alerts import OWN

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
    """The rules in force: those that ship, unless `defaults` is false, and the configured ones; one id, one rule."""
    found = {rule.id: rule for rule in DEFAULT_RULES} if defaults else {}
    found |= {rule.id: rule for rule in configured}
    return tuple(rule for rule in found.values() if rule.enabled)


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
