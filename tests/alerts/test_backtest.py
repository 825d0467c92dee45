"""What rules would have done is what they do, night after night."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import backtest
from pipeline.config import AlertRule
from tests.alerts.alert_figures import counted, metrics
from tests.alerts.nights import FLOOR, Nights

DROP = AlertRule(id="expansion-drop", kind="significant_drop")
SEGMENTS = AlertRule(id="segments", kind="segment_deterioration", q=0.1)
FALL = AlertRule(id="fall", kind="drop", min_events=5, periods=2)


def test_a_halving_is_found_and_would_have_ended() -> None:
    found = backtest(counted([20] * 12 + [8] * 3 + [20] * 3), [DROP], draws=0)
    row = found.episodes.row(0, named=True)
    assert (row["fired"], row["ended"]) == (date(2027, 2, 1), date(2027, 5, 1))
    assert (row["rule_id"], row["dimension"], row["member"]) == ("expansion-drop", "total", "all")
    assert row["effect"] == pytest.approx(-0.4)
    assert "accounts expanded in three months" in row["said"]
    rate = found.rates.row(0, named=True)
    assert (rate["judged"], rate["insufficient"], rate["fired"]) == (10, 8, 1)
    assert (rate["shuffled"], rate["false_share"]) == (0, None)


def test_a_noisy_rule_fires_on_shuffled_months_and_a_tested_one_does_not() -> None:
    """Amounts jump, counts do not: that is what a company without a change looks like."""
    jumps = [0.01, 0.05, 0.02, 0.06, 0.015, 0.04] * 4
    figures = metrics(jumps).with_columns(
        expanding_accounts=pl.lit(20, pl.Int64), opening_accounts=pl.lit(500, pl.Int64)
    )
    rules = [AlertRule(id="fall", kind="drop"), DROP]
    shares = dict(
        backtest(figures, rules, draws=20).rates.select("rule_id", "false_share").iter_rows()
    )
    assert shares["fall"] > 0.1
    assert shares["expansion-drop"] == 0


def test_the_same_history_gives_the_same_answer() -> None:
    figures = counted([20, 9, 15, 22, 7, 18] * 3)
    one, two = (backtest(figures, [FALL, FLOOR], draws=5) for _ in range(2))
    assert one.rates.equals(two.rates)
    assert one.episodes.equals(two.episodes)


def test_rules_that_judge_no_months_and_empty_histories_are_left_out() -> None:
    rules = [AlertRule(id="pace", kind="pacing"), AlertRule(id="checks", kind="data_quality")]
    assert backtest(metrics([0.03] * 3), rules).rates.is_empty()
    empty = backtest(metrics([]), [DROP])
    assert (empty.episodes.height, empty.rates["judged"].to_list()) == (0, [0])


counts = st.lists(st.sampled_from([0, 5, 12, 20, 22]), min_size=2, max_size=20)


@given(total=counts)
def test_what_is_replayed_is_what_nights_would_have_sent(total: list[int]) -> None:
    segment = [count // 2 * 2 for count in total]
    figures = pl.concat([counted(total), counted(segment, dimension="segment", member="smb")])
    rules = (DROP, SEGMENTS, FALL, FLOOR)
    nights = Nights(rules=rules, storm=99)
    months = figures["month"].unique().sort()
    sent = []
    for month in months:
        for intent in nights.run(figures.filter(pl.col("month") <= month)).intents:
            first = intent.kind == "fired" or intent.baseline
            sent += [(each.rule.id, each.state.member, month) for each in intent.findings if first]
    replayed = backtest(figures, rules, draws=0).episodes.select("rule_id", "member", "fired")
    assert sorted(replayed.iter_rows()) == sorted(sent)
