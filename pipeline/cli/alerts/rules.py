"""The rules of a command: those in force, and the one that a person names.

Belongs here: finding it, and saying what there is when there is no such rule.
"""

from pipeline.alerts import active_rules
from pipeline.config import AlertRule
from pipeline.errors import ConfigError
from pipeline.settings import Settings


def in_force(settings: Settings) -> tuple[AlertRule, ...]:
    """The rules that ship and the file's own."""
    config = settings.config
    return active_rules(config.alerts, defaults=config.alerting.defaults)


def named(settings: Settings, rule_id: str) -> AlertRule:
    """The rule with this id.

    Raises:
        ConfigError: there is none.
    """
    rules = in_force(settings)
    for rule in rules:
        if rule.id == rule_id:
            return rule
    known = ", ".join(rule.id for rule in rules) or "none"
    raise ConfigError(f'There is no alert rule "{rule_id}". The rules in force: {known}.')
