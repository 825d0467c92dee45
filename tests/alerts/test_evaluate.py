"""Figures, rules and states in; evaluations, states, events and intents out. Nights are replayed one after another."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import AlertRule
from pipeline.months import add_months
from pipeline.schemas import SILENCE
from tests.alerts.alert_figures import JANUARY, NOW, metrics
from tests.alerts.nights import FLOOR, TWICE, Nights


def test_a_first_run_that_finds_nothing_says_nothing() -> None:
    nights = Nights()
    assert nights.night(metrics([0.01, 0.03])) == []
    assert nights.state == "ok"
    assert nights.events.is_empty()


def test_a_first_run_names_what_is_firing_already_in_one_digest() -> None:
    nights = Nights()
    found = nights.run(metrics([0.03, 0.01, 0.012]))
    (intent,) = found.intents
    assert (intent.kind, intent.baseline) == ("digest", True)
    assert intent.findings[0].state.first_breach == date(2026, 2, 1)
    assert intent.episodes == ("floor|total|all|2026-02-01",)
    assert found.events.is_empty()
    assert nights.night(metrics([0.03, 0.01, 0.012])) == []


def test_the_first_digest_goes_to_the_channel_of_all_rules() -> None:
    private = FLOOR.model_copy(update={"channel": "#board"})
    (intent,) = Nights(rules=(private,)).run(metrics([0.03, 0.01])).intents
    assert intent.channel == "#revenue"
    nights = Nights(rules=(private,))
    nights.night(metrics([0.03]))
    assert [each.channel for each in nights.run(metrics([0.03, 0.01])).intents] == ["#board"]


def test_a_month_under_the_floor_fires_once_is_remembered_and_resolves() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    assert nights.night(metrics([0.03, 0.019])) == ["fired"]
    assert nights.night(metrics([0.03, 0.019])) == []
    assert nights.night(metrics([0.03, 0.019, 0.018])) == ["reminder"]
    assert nights.night(metrics([0.03, 0.019, 0.018, 0.02])) == ["resolved"]
    assert nights.state == "ok"
    told = nights.events.select("from_state", "to_state", "month").rows()
    assert told == [("ok", "firing", date(2026, 2, 1)), ("firing", "ok", date(2026, 4, 1))]
    assert nights.events["episode_id"].to_list() == ["floor|total|all|2026-02-01"] * 2


def test_for_two_months_waits_for_two_closed_months_whatever_the_nights() -> None:
    nights = Nights(rules=(TWICE,))
    nights.night(metrics([0.03]))
    for _ in range(3):
        assert nights.night(metrics([0.03, 0.01])) == []
        assert nights.state == "pending"
    assert nights.night(metrics([0.03, 0.01, 0.01])) == ["fired"]


def test_a_pending_month_that_recovers_says_nothing() -> None:
    nights = Nights(rules=(TWICE,))
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.01]))
    assert nights.night(metrics([0.03, 0.01, 0.02])) == []
    assert nights.night(metrics([0.03, 0.01, 0.02, 0.01])) == []


def test_missed_nights_collapse_into_what_holds_now() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    assert nights.night(metrics([0.03, 0.01, 0.03])) == []
    assert nights.night(metrics([0.03, 0.01, 0.03, 0.01, 0.01])) == ["fired"]
    assert nights.night(metrics([0.03, 0.01, 0.03, 0.01, 0.01, 0.03, 0.01])) == [
        "resolved",
        "fired",
    ]


def test_a_run_that_may_not_alert_evaluates_and_leaves_the_states() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    found = nights.run(metrics([0.03, 0.01]), notify=False)
    assert (found.intents, found.states.height, found.events.height) == ((), 0, 0)
    assert found.evaluations["breach"].to_list() == [True]
    assert nights.night(metrics([0.03, 0.01])) == ["fired"]


def test_every_evaluation_is_kept_with_its_figures() -> None:
    row = Nights().run(metrics([0.019])).evaluations.row(0, named=True)
    assert (row["observed"], row["threshold"], row["n"], row["k"]) == (0.019, 0.02, 200, 9)
    assert (row["breach"], row["guard"], row["data_version"]) == (True, None, 1)
    assert (row["baseline"], row["p"]) == (0.02, None)
    assert row["effect"] == pytest.approx(-0.05)
    assert (row["run_id"], row["fingerprint"]) == ("run_1", "floor|total|all")


def test_an_undefined_figure_is_no_data_and_ends_an_episode() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.01]))
    assert nights.night(metrics([0.03, 0.01, None])) == ["resolved"]
    assert nights.state == "no_data"
    assert nights.evaluated["guard"].to_list()[-1] == "no_data"
    assert nights.night(metrics([0.03, 0.01, None, 0.01])) == ["fired"]


def test_a_member_that_is_gone_ends_its_episode() -> None:
    rule = AlertRule(id="plans", kind="floor", threshold=0.02, dimension="plan")
    nights = Nights(rules=(rule,))
    both = [metrics([0.03, 0.01], dimension="plan", member=each) for each in ("Pro", "Old")]
    nights.night(pl.concat([frame.head(1) for frame in both]))
    assert nights.night(pl.concat(both)) == ["fired", "fired"]
    later = metrics([0.03, 0.01, 0.03], dimension="plan", member="Pro")
    assert nights.night(pl.concat([later, both[1]])) == ["resolved", "resolved"]


def test_a_changed_rule_begins_anew_with_an_audit_row() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.rules = (FLOOR.model_copy(update={"threshold": 0.05}),)
    assert nights.night(metrics([0.03])) == ["digest"]
    assert nights.events["reason"].to_list() == ["The rule was changed."]
    assert nights.night(metrics([0.03])) == []
    nights.rules = (FLOOR.model_copy(update={"threshold": 0.04}),)
    assert nights.night(metrics([0.03])) == []
    assert nights.state == "firing"
    assert nights.states["episode_id"].to_list() == ["floor|total|all|2026-01-01"]


def test_a_restated_month_answers_in_its_thread_once() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.01]))
    nights.night(metrics([0.03, 0.01, 0.012]))
    better = metrics([0.025], first=date(2026, 2, 1), version=2)
    figures = pl.concat(
        [metrics([0.03, 0.01, 0.012]).filter(pl.col("month") != better["month"][0]), better]
    )
    assert nights.night(figures) == ["restated"]
    assert nights.night(figures) == []


def _corrected(rates: list[float], place: int, rate: float) -> pl.DataFrame:
    """The figures with those of one month in a second version."""
    month = add_months(JANUARY, place)
    better = metrics([rate], first=month, version=2)
    return pl.concat([metrics(rates).filter(pl.col("month") != month), better])


def test_a_backfill_of_the_latest_month_leaves_its_verdict_to_the_night() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    assert nights.night(metrics([0.03, 0.01])) == ["fired"]
    assert nights.night(metrics([0.03, 0.01]), notify=False) == []
    assert nights.evaluated["guard"].to_list()[-1] is None, "as the night judged it"
    better = _corrected([0.03, 0.01], 1, 0.03)
    for _ in range(2):
        assert nights.night(better, notify=False) == []
    assert nights.night(better) == ["restated"]
    assert nights.night(better) == []


def test_a_verdict_that_only_a_backfill_knew_is_not_corrected() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    assert nights.night(metrics([0.03, 0.01])) == ["fired"]
    nights.night(metrics([0.03, 0.01, 0.01]), notify=False)
    assert nights.night(_corrected([0.03, 0.01, 0.01], 2, 0.03)) == ["resolved"]


def test_a_month_that_is_corrected_under_a_silence_is_told_afterwards() -> None:
    nights = Nights()
    for figures in ([0.03], [0.03, 0.01], [0.03, 0.01, 0.01]):
        nights.night(metrics(figures))
    row = dict.fromkeys(SILENCE.names) | {"silence_id": "s", "rule_id": "floor"}
    until = NOW + timedelta(days=1)
    nights.silences = pl.DataFrame([row | {"until": until}], schema=SILENCE.schema)
    better = _corrected([0.03, 0.01, 0.01], 1, 0.03)
    assert nights.night(better) == []
    nights.silences = SILENCE.empty()
    assert nights.night(better) == ["restated"]
    assert nights.night(better) == []


def test_a_month_that_was_corrected_counts_no_longer() -> None:
    nights = Nights(rules=(TWICE,))
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.01]))
    assert nights.state == "pending"
    better = _corrected([0.03, 0.01, 0.01], 1, 0.03)
    assert nights.night(better) == []
    assert (nights.state, nights.states["episode_id"][0]) == (
        "pending",
        "floor|total|all|2026-03-01",
    )
    assert nights.night(pl.concat([better, metrics([0.01], first=date(2026, 4, 1))])) == ["fired"]


def test_a_silence_within_an_episode_is_no_end_of_it_whoever_delivers() -> None:
    """A webhook gives its messages no place: the state does not know one."""
    for last, kind in ((0.03, "resolved"), (0.01, "reminder")):
        nights = Nights()
        nights.night(metrics([0.03]))
        assert nights.night(metrics([0.03, 0.01])) == ["fired"]
        assert nights.states["slack_ts"].to_list() == [None]
        row = dict.fromkeys(SILENCE.names) | {"silence_id": "s", "rule_id": "floor"}
        until = NOW + timedelta(days=1)
        nights.silences = pl.DataFrame([row | {"until": until}], schema=SILENCE.schema)
        assert nights.night(metrics([0.03, 0.01, 0.01])) == []
        nights.silences = SILENCE.empty()
        assert nights.night(metrics([0.03, 0.01, 0.01, last])) == [kind]


def test_a_member_that_is_new_to_a_rule_in_force_fires() -> None:
    rule = AlertRule(id="own", kind="floor", threshold=0.02, dimension="owner", channel="#sales")
    nights = Nights(rules=(rule,))
    ann = metrics([0.03, 0.03, 0.03], dimension="owner", member="Ann")
    nights.night(ann.head(1))
    nights.night(ann.head(2))
    bob = metrics([0.01], first=date(2026, 3, 1), dimension="owner", member="Bob")
    (intent,) = nights.run(pl.concat([ann, bob])).intents
    assert (intent.kind, intent.baseline, intent.channel) == ("fired", False, "#sales")
    assert nights.events["episode_id"].to_list() == ["own|owner|Bob|2026-03-01"]


def test_a_restated_month_of_no_episode_says_nothing() -> None:
    nights = Nights()
    nights.night(metrics([0.03, 0.03]))
    restated = pl.concat([metrics([0.01], version=2), metrics([0.03], first=date(2026, 2, 1))])
    assert nights.night(restated) == []


def test_more_than_a_storm_become_one_digest() -> None:
    rule = AlertRule(id="plans", kind="floor", threshold=0.02, dimension="plan")
    nights = Nights(rules=(rule,), storm=2)
    frames = [metrics([0.03, 0.01], dimension="plan", member=each) for each in "abc"]
    nights.night(pl.concat([frame.head(1) for frame in frames]))
    found = nights.run(pl.concat(frames))
    (intent,) = found.intents
    assert (intent.kind, intent.baseline, len(intent.findings)) == ("digest", False, 3)


def test_a_silence_is_kept_to_and_ends() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    row = dict.fromkeys(SILENCE.names) | {"silence_id": "s", "rule_id": "floor"}
    nights.silences = pl.DataFrame(
        [row | {"until": NOW + timedelta(days=1)}], schema=SILENCE.schema
    )
    assert nights.night(metrics([0.03, 0.01])) == []
    assert nights.state == "suppressed"
    nights.silences = pl.DataFrame([row | {"until": NOW}], schema=SILENCE.schema)
    assert nights.night(metrics([0.03, 0.01])) == []
    assert nights.night(metrics([0.03, 0.01, 0.01])) == ["fired"]


def test_a_target_fires_on_attainment() -> None:
    nights = Nights(rules=(AlertRule(id="t", kind="target"),))
    nights.night(metrics([0.03]))
    assert nights.night(metrics([0.03, 0.029])) == ["fired"]


def test_without_closed_months_nothing_happens() -> None:
    assert Nights().run(metrics([])).evaluations.is_empty()


figures = st.lists(st.sampled_from([0.01, 0.03, None]), min_size=1, max_size=8)


@given(rates=figures, periods=st.integers(1, 3), seeded=st.integers(1, 8))
def test_repeating_a_night_says_nothing_and_the_path_does_not_matter(
    rates: list[float | None], periods: int, seeded: int
) -> None:
    """Each month in its own night, with repeats, ends in the state of one night over all months."""
    rule = FLOOR.model_copy(update={"periods": periods})
    one, many = Nights(rules=(rule,)), Nights(rules=(rule,))
    one.night(metrics(rates))
    keys: list[str] = []
    for end in range(min(seeded, len(rates)), len(rates) + 1):
        keys += [intent.key for intent in many.run(metrics(rates[:end])).intents]
        repeated = many.run(metrics(rates[:end]))
        assert repeated.intents == ()
        assert repeated.events.is_empty()
    assert len(keys) == len(set(keys))
    columns = ["state", "since_month", "episode_id", "last_month"]
    assert one.states.select(columns).rows() == many.states.select(columns).rows()
    expected = _expected(rates, periods)
    assert one.state == expected


def _expected(rates: list[float | None], periods: int) -> str:
    if rates[-1] is None:
        return "no_data"
    if rates[-1] >= 0.02:
        return "ok"
    run = 0
    for rate in rates:
        run = run + 1 if rate is not None and rate < 0.02 else 0
    return "firing" if run >= periods else "pending"


def test_the_months_are_those_of_the_figures() -> None:
    assert metrics([0.1, 0.1])["month"].to_list() == [JANUARY, add_months(JANUARY, 1)]
