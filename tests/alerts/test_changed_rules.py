"""Rules that are changed, moved, taken away or silenced while they fire, and many that get worse at once."""

from datetime import timedelta

import polars as pl
import pytest

from pipeline.config import AlertRule
from pipeline.schemas import SILENCE
from tests.alerts.alert_figures import NOW, metrics
from tests.alerts.nights import FLOOR, QUALITY, Nights, checks

BEFORE, DOWN = metrics([0.03]), metrics([0.03, 0.01])


def fired(*rules: AlertRule, storm: int = 5) -> Nights:
    """Nights of which the last one fired."""
    nights = Nights(rules=rules or (FLOOR,), storm=storm)
    nights.night(BEFORE)
    assert nights.night(DOWN) == ["fired"]
    return nights


def silence(rule: str) -> pl.DataFrame:
    row = dict.fromkeys(SILENCE.names) | {"silence_id": "s", "rule_id": rule}
    return pl.DataFrame([row | {"until": NOW + timedelta(days=1)}], schema=SILENCE.schema)


def test_an_alert_whose_rule_is_changed_so_that_it_holds_ends_in_its_thread() -> None:
    nights = fired()
    nights.rules = (FLOOR.model_copy(update={"threshold": 0.005}),)
    (intent,) = nights.run(DOWN).intents
    (finding,) = intent.findings
    assert (intent.kind, finding.episode_id) == ("resolved", "floor|total|all|2026-02-01")
    assert (finding.reason, nights.state) == ("The rule was changed.", "ok")
    assert nights.night(DOWN) == []


@pytest.mark.parametrize(
    "other",
    [
        FLOOR.model_copy(update={"dimension": "segment"}),
        AlertRule(id="floor", kind="pacing"),
        AlertRule(id="floor", kind="data_quality"),
    ],
)
def test_a_rule_that_watches_something_else_leaves_nothing_firing(other: AlertRule) -> None:
    nights = fired()
    nights.rules = (other,)
    assert nights.night(DOWN) == []
    assert nights.states.filter(state="firing").is_empty()
    assert nights.events["reason"].to_list()[-1] == "The rule watches something else now."


def test_a_silenced_check_is_told_when_the_silence_ends_and_holds_alerts_meanwhile() -> None:
    nights = Nights(rules=(FLOOR, QUALITY))
    nights.night(BEFORE)
    nights.silences, nights.beside = silence(QUALITY.id), checks("movement adds_up")
    assert nights.night(DOWN) == []
    assert nights.states.filter(state="firing").is_empty()
    nights.silences = SILENCE.empty()
    assert nights.night(DOWN) == ["operations"]
    nights.beside = checks()
    assert nights.night(DOWN) == ["fired"]


def test_what_began_under_a_silence_and_ended_is_never_told() -> None:
    nights = Nights(silences=silence("floor"))
    assert nights.night(metrics([0.03, 0.01, 0.01])) == []
    assert nights.state == "suppressed"
    nights.silences = SILENCE.empty()
    assert nights.night(metrics([0.03, 0.01, 0.01, 0.03])) == []
    assert nights.state == "ok"


def test_of_many_that_get_worse_at_once_the_channel_sees_the_costliest() -> None:
    rule = AlertRule(id="plans", kind="floor", threshold=0.02, dimension="plan")
    nights = Nights(rules=(rule,), storm=2)
    lows = {"a": 0.001, "b": 0.003, "c": 0.002}

    def figures(months: int) -> pl.DataFrame:
        return pl.concat(
            metrics([0.03, 0.015, low][:months], dimension="plan", member=name)
            for name, low in lows.items()
        )

    nights.night(figures(1))
    nights.night(figures(2))
    found = nights.run(figures(3)).intents
    assert [each.kind for each in found] == ["escalated"] * 3
    loud = [each.findings[0].state.member for each in found if not each.quiet]
    assert loud == ["a", "c"]
