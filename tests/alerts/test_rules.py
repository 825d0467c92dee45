"""Which rules are in force."""

import pytest

from pipeline.alerts import active_rules
from pipeline.alerts.rules import rule_hash
from pipeline.config import AlertRule
from pipeline.errors import ConfigError

FLOOR = AlertRule(id="expansion-floor", kind="floor", threshold=0.05)


def test_a_floor_ships() -> None:
    (rule,) = active_rules([])
    assert (rule.id, rule.kind, rule.metric, rule.threshold) == (
        "expansion-floor",
        "floor",
        "expansion_rate",
        0.02,
    )


def test_the_same_id_replaces_and_another_adds() -> None:
    other = AlertRule(id="target", kind="target")
    assert active_rules([FLOOR, other]) == (FLOOR, other)


def test_defaults_can_be_switched_off_and_rules_disabled() -> None:
    assert active_rules([], defaults=False) == ()
    assert active_rules([FLOOR.model_copy(update={"enabled": False})]) == ()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (AlertRule(id="x", kind="mix_shift"), '"x" is of kind mix_shift'),
        (AlertRule(id="x", kind="floor", threshold=1, metric="band"), '"band", which is no figure'),
        (AlertRule(id="x", kind="floor", threshold=1, metric="window_months"), "no figure"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_named(rule: AlertRule, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        active_rules([rule])


def test_who_is_told_does_not_make_it_another_rule() -> None:
    told = FLOOR.model_copy(update={"channel": "#sales", "owner": "cs", "severity": "critical"})
    assert rule_hash(told) == rule_hash(FLOOR)
    assert rule_hash(FLOOR.model_copy(update={"threshold": 0.04})) != rule_hash(FLOOR)
