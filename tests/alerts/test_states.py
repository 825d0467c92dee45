"""States over months: hysteresis, what inhibits what, figures that are not to be trusted, and what is said of it."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.observations import Beside
from pipeline.config import AlertRule
from pipeline.schemas import ALERT_EVALUATION, SOURCE_SYNC
from tests.alerts.alert_figures import NOW, counted, metrics
from tests.alerts.nights import FLOOR, QUALITY, Nights, checks

DROP = AlertRule(id="expansion-drop", kind="significant_drop")
SEGMENTS = AlertRule(id="segments", kind="segment_deterioration", q=0.1)
FLAT, DOWN = [20] * 12, [20] * 9 + [8] * 3


def _both(total: Sequence[int], segment: Sequence[int]) -> pl.DataFrame:
    return pl.concat([counted(total), counted(segment, dimension="segment", member="smb")])


def test_a_drop_recovers_before_it_is_over() -> None:
    nights = Nights(rules=(DROP,))
    nights.night(counted(FLAT))
    assert nights.night(counted([*FLAT, 8, 8])) == ["fired"]
    # Two better months: no breach any more, and still more than a tenth under what was usual.
    assert nights.night(counted([*FLAT, 8, 8, 20])) == ["reminder"]
    assert nights.state == "firing"
    assert nights.night(counted([*FLAT, 8, 8, 20, 22])) == ["reminder"]
    assert nights.state == "recovering"
    found = nights.run(counted([*FLAT, 8, 8, 20, 22, 20]))
    assert ([each.kind for each in found.intents], nights.state) == (["resolved"], "ok")
    told = nights.events.select("from_state", "to_state").rows()
    assert told == [("ok", "firing"), ("firing", "recovering"), ("recovering", "ok")]
    assert nights.events["episode_id"].n_unique() == 1


def test_what_recovers_and_falls_again_is_one_episode() -> None:
    nights = Nights(rules=(DROP,))
    nights.night(counted(FLAT))
    nights.night(counted([*FLAT, 8, 8]))
    nights.night(counted([*FLAT, 8, 8, 20, 22]))
    assert nights.state == "recovering"
    episode = nights.states["episode_id"].item()
    assert nights.night(counted([*FLAT, 8, 8, 20, 22, 0, 0])) == ["reminder"]
    assert (nights.state, nights.states["episode_id"].item()) == ("firing", episode)


def test_a_level_that_has_become_usual_is_not_called_well() -> None:
    nights = Nights(rules=(DROP,))
    nights.night(counted(FLAT))
    kinds: list[str] = []
    said = ""
    for months in range(2, 14):
        found = nights.run(counted([*FLAT, *[8] * months]))
        kinds += [each.kind for each in found.intents]
        said = " ".join(each.findings[0].reason for each in found.intents) or said
    assert (kinds[0], kinds[-1], nights.state) == ("fired", "resolved", "ok")
    assert set(kinds[1:-1]) == {"reminder"}
    assert "What is usual has become lower: it is 60% under what was usual before." in said


def test_a_shortfall_that_grows_by_half_is_escalated_once() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.015]))
    assert nights.night(metrics([0.03, 0.015, 0.014])) == ["reminder"]
    assert nights.night(metrics([0.03, 0.015, 0.014, 0.005])) == ["escalated"]
    assert nights.night(metrics([0.03, 0.015, 0.014, 0.005])) == []
    assert nights.night(metrics([0.03, 0.015, 0.014, 0.005, 0.005])) == ["reminder"]


def test_a_rule_that_becomes_more_severe_is_escalated() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.015]))
    nights.rules = (FLOOR.model_copy(update={"severity": "critical"}),)
    assert nights.night(metrics([0.03, 0.015, 0.015])) == ["escalated"]
    assert nights.night(metrics([0.03, 0.015, 0.015, 0.015])) == ["reminder"]


def test_an_acknowledged_episode_is_not_reminded_of_and_is_resolved() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.015]))
    nights.acknowledged = frozenset(nights.states["episode_id"])
    assert nights.night(metrics([0.03, 0.015, 0.015])) == []
    assert nights.night(metrics([0.03, 0.015, 0.015, 0.004])) == ["escalated"]
    assert nights.night(metrics([0.03, 0.015, 0.015, 0.004, 0.03])) == ["resolved"]


def test_the_total_speaks_for_its_segments() -> None:
    nights = Nights(rules=(SEGMENTS, DROP))
    nights.night(_both(FLAT, FLAT))
    found = nights.run(_both([*FLAT, *DOWN[-3:]], [*FLAT, *DOWN[-3:]]))
    (intent,) = found.intents
    assert intent.findings[0].rule.id == "expansion-drop"
    guards = dict(
        found.evaluations.filter(pl.col("breach")).select("fingerprint", "guard").iter_rows()
    )
    assert guards["segments|segment|smb"] == "suppressed"
    states = dict(nights.states.select("fingerprint", "state").iter_rows())
    assert states["segments|segment|smb"] == "suppressed"


def test_a_segment_speaks_where_the_total_holds() -> None:
    nights = Nights(rules=(SEGMENTS, DROP))
    nights.night(_both([50] * 12, FLAT))
    (intent,) = nights.run(_both([50] * 15, [*FLAT, *DOWN[-3:]])).intents
    assert (intent.kind, intent.findings[0].state.member) == ("fired", "smb")


def test_a_rule_that_is_gone_ends_silently() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.01]))
    nights.rules = ()
    assert nights.night(metrics([0.03, 0.01])) == []
    assert nights.state == "ok"
    assert nights.events["reason"].to_list()[-1] == "The rule is gone."


def test_a_failed_check_holds_every_alert_and_says_so_once() -> None:
    nights = Nights(rules=(FLOOR, QUALITY))
    nights.night(metrics([0.03]))
    nights.beside = checks("crm answered")
    found = nights.run(metrics([0.03, 0.01]))
    (intent,) = found.intents
    assert (intent.kind, intent.channel) == ("operations", "#data-ops")
    assert "The check crm answered failed" in intent.reasons[0]
    assert found.evaluations["guard"].to_list() == ["suppressed"]
    assert dict(nights.states.select("rule_id", "state").iter_rows()) == {
        "floor": "ok", "data-quality": "firing",
    }  # fmt: skip
    assert nights.night(metrics([0.03, 0.01])) == []
    nights.next_day()
    assert nights.night(metrics([0.03, 0.01])) == []
    nights.beside = checks()
    assert nights.night(metrics([0.03, 0.01])) == ["fired"]
    nights.next_day()
    nights.beside = checks("crm answered")
    assert nights.night(metrics([0.03, 0.01])) == ["operations"]
    nights.beside = checks("crm answered", "rates there")
    assert nights.night(metrics([0.03, 0.01])) == ["operations"]


def test_what_was_restated_while_held_is_told_afterwards() -> None:
    nights = Nights(rules=(FLOOR, QUALITY))
    nights.night(metrics([0.03]))
    nights.night(metrics([0.03, 0.01]))
    nights.beside = checks("crm answered")
    better = metrics([0.03, 0.025], version=2)
    assert nights.night(better) == ["operations"]
    nights.beside = checks()
    assert nights.night(better) == ["restated"]
    assert nights.night(better) == []


def test_a_warning_holds_nothing_and_is_told_where_a_rule_names_it() -> None:
    named = AlertRule(id="links", kind="data_quality", member="links covered")
    nights = Nights(rules=(FLOOR, QUALITY, named))
    nights.night(metrics([0.03]))
    nights.beside = checks("links covered", severity="warning")
    assert nights.night(metrics([0.03, 0.01])) == ["operations", "fired"]


def test_an_old_rate_holds_nothing() -> None:
    nights = Nights(rules=(FLOOR, QUALITY))
    nights.night(metrics([0.03]))
    nights.beside = checks("fx_rate fresh")
    assert nights.night(metrics([0.03, 0.01])) == ["fired"]


def test_without_the_rule_alerts_are_held_and_nobody_is_told() -> None:
    nights = Nights()
    nights.night(metrics([0.03]))
    nights.beside = checks("crm answered")
    found = nights.run(metrics([0.03, 0.01]))
    assert (found.intents, found.evaluations["guard"].to_list()) == ((), ["suppressed"])
    nights.beside = checks()
    assert nights.night(metrics([0.03, 0.01])) == ["fired"]


@pytest.mark.parametrize(("hours", "kinds"), [(35, ["fired"]), (37, ["operations"])])
def test_a_stale_sync_holds(hours: int, kinds: list[str]) -> None:
    nights = Nights(rules=(FLOOR, QUALITY))
    nights.night(metrics([0.03]))
    row = dict.fromkeys(SOURCE_SYNC.names) | {"source": "stripe", "stream": "events"}
    rows = [row | {"started_at": NOW - timedelta(hours=hours)}]
    nights.beside = Beside(syncs=pl.DataFrame(rows, schema=SOURCE_SYNC.schema))
    assert nights.night(metrics([0.03, 0.01])) == kinds


def test_a_backfill_never_speaks_of_operations() -> None:
    nights = Nights(rules=(FLOOR, QUALITY), beside=checks("crm answered"))
    found = nights.run(metrics([0.03, 0.01]), notify=False)
    assert (found.intents, found.states.height, found.events.height) == ((), 0, 0)


def _open(amount: float) -> Beside:
    row = metrics([amount / 100_000], first=NOW.date().replace(day=1))
    return Beside(open_month=row.with_columns(provisional=pl.lit(value=True)))


def _earlier(share: float) -> pl.DataFrame:
    """On the 20th of each of four months, `share` of their 3,000 were there."""
    rows = [
        dict.fromkeys(ALERT_EVALUATION.names)
        | {"run_id": f"n{month}", "fingerprint": "pace|total|all", "observed": share * 3_000}
        | {"month": NOW.date().replace(month=month, day=1)}
        | {"at": NOW.replace(month=month, day=20)}
        for month in (5, 6, 7, 8)
    ]
    return pl.DataFrame(rows, schema=ALERT_EVALUATION.schema)


def test_pacing_informs_and_never_fires() -> None:
    rule = AlertRule(id="pace", kind="pacing")
    nights = Nights(
        rules=(rule,), now=NOW.replace(day=20), evaluated=_earlier(0.5), beside=_open(900)
    )
    found = nights.run(metrics([0.03] * 8))
    row = found.evaluations.row(0, named=True)
    assert (row["month"], row["breach"], row["guard"]) == (NOW.date().replace(day=1), False, None)
    # Half of a month is usually there by now: 900 is heading for 1,800, where 3,000 are usual.
    assert (row["observed"], row["threshold"], row["baseline"]) == (900, 1_800, 3_000)
    assert row["effect"] == pytest.approx(-0.4)
    assert (found.intents, found.states.height, found.events.height) == ((), 0, 0)


def test_pacing_waits_for_the_month_and_for_earlier_ones() -> None:
    rule = AlertRule(id="pace", kind="pacing")
    early = Nights(
        rules=(rule,), now=NOW.replace(day=8), evaluated=_earlier(0.5), beside=_open(900)
    )
    assert early.run(metrics([0.03] * 8)).evaluations["guard"].to_list() == ["insufficient_data"]
    alone = Nights(rules=(rule,), now=NOW.replace(day=20), beside=_open(900))
    assert alone.run(metrics([0.03] * 8)).evaluations["guard"].to_list() == ["insufficient_data"]


counts = st.lists(st.sampled_from([0, 5, 12, 20, 22]), min_size=1, max_size=22)
RULES = (
    DROP,
    SEGMENTS,
    AlertRule(id="fall", kind="drop", min_events=5, periods=2),
    AlertRule(id="declines", kind="consecutive_declines", dimension="segment"),
    AlertRule(id="share", kind="concentration", min_events=5),
    FLOOR,
)


@given(total=counts, seeded=st.integers(1, 22), data=st.data())
def test_month_by_month_or_at_once_every_rule_ends_in_the_same_state(
    total: list[int], seeded: int, data: st.DataObject
) -> None:
    """And a night that is repeated says nothing."""
    segment = data.draw(
        st.lists(st.sampled_from([0, 12, 20]), min_size=len(total), max_size=len(total))
    )
    figures = _both(total, segment).with_columns(top1_share=pl.lit(0.6))
    one, many = Nights(rules=RULES), Nights(rules=RULES)
    one.run(figures)
    keys: list[str] = []
    months = figures["month"].unique().sort()
    for end in range(min(seeded, len(total)), len(total) + 1):
        part = figures.filter(pl.col("month") <= months[end - 1])
        keys += [each.key for each in many.run(part).intents]
        again = many.run(part)
        assert (again.intents, again.events.height, again.states.height) == ((), 0, 0)
    assert len(keys) == len(set(keys))
    columns = ["fingerprint", "state", "since_month", "episode_id", "last_month"]
    ends = [each.states.select(columns).sort("fingerprint").rows() for each in (one, many)]
    assert ends[0] == ends[1]
