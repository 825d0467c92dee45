"""What is watched: the rules that ship, the user's own, and how a rule is told from another.

Belongs here: rules as values. What a kind computes is in `observations`.
"""

import hashlib
from collections.abc import Sequence

from pipeline.config import AlertRule
from pipeline.errors import ConfigError
from pipeline.schemas import EXPANSION_METRICS

DEFAULT_RULES = (
    AlertRule(id="expansion-floor", kind="floor", metric="expansion_rate", threshold=0.02),
)
"""The rules that ship: the expansion rate of the total over one month is not under 2%."""

EVALUATED = ("floor", "target")
ATTAINED = 1.0
"""Share of a target that is enough, where the rule names none."""
JUDGES = ("kind", "metric", "dimension", "member", "window_months", "threshold", "periods")
"""The keys that decide; who is told, and where, does not make it another rule."""


def active_rules(
    configured: Sequence[AlertRule], *, defaults: bool = True
) -> tuple[AlertRule, ...]:
    """The rules in force: those that ship (unless `defaults` is false), then the configured ones; the same id replaces.

    Raises:
        ConfigError: a rule's kind is not evaluated yet, or its metric is no figure.
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
    """The figure must not be under this."""
    if rule.threshold is not None:
        return rule.threshold
    return ATTAINED


def rule_hash(rule: AlertRule) -> str:
    """Changes when the rule would judge otherwise."""
    judged = rule.model_dump_json(include=set(JUDGES))
    return hashlib.sha256(judged.encode()).hexdigest()[:16]


def fingerprint(rule: AlertRule, member: str) -> str:
    """Names one rule on one member: `rule|dimension|member`."""
    return f"{rule.id}|{rule.dimension}|{member}"


def _refuse_impossible(rule: AlertRule) -> None:
    if rule.kind not in EVALUATED:
        raise ConfigError(
            f'The alert rule "{rule.id}" is of kind {rule.kind}, which this version does not evaluate. '
            f"Use {' or '.join(EVALUATED)}, or set enabled = false."
        )
    numbers = [column.name for column in EXPANSION_METRICS.columns if _is_number(column.name)]
    if metric_of(rule) not in numbers:
        raise ConfigError(
            f'The alert rule "{rule.id}" watches "{rule.metric}", which is no figure. '
            f"Use one of: {', '.join(numbers)}."
        )


def _is_number(name: str) -> bool:
    key = (*EXPANSION_METRICS.key, "version")
    return name not in key and EXPANSION_METRICS.column(name).dtype.is_numeric()
