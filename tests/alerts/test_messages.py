"""What people read: golden files, limits, and names that cannot do harm. GOLDEN=write renews the files.

Each kind of message has two: `.json` is what Slack gets, `.txt` what a person reads.
"""

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts import Intent, Known, Letterhead, Message, Run, Story, compose, evaluate
from pipeline.alerts.corrections import corrections
from pipeline.alerts.escaping import clip, escape, name
from pipeline.alerts.intents import Finding, operations, single
from pipeline.alerts.machine import State
from pipeline.alerts.messages import monthly, preview, restatement, sample
from pipeline.alerts.messages.form import size
from pipeline.alerts.monthly import MonthTold
from pipeline.alerts.observations import Observation
from pipeline.alerts.picture import Picture
from pipeline.alerts.story import Mover, Split
from pipeline.alerts.words import sparkline
from pipeline.config import AlertRule
from pipeline.months import add_months
from pipeline.sandbox.web import slack_blocks
from pipeline.schemas import RESTATEMENT
from tests.alerts.alert_figures import NOW, metrics

GOLDEN = Path(__file__).parent / "golden"
RULE = AlertRule(
    id="expansion-floor",
    kind="floor",
    threshold=0.02,
    owner="revops",
    runbook="https://wiki.example/expansion?a=1&b=2",
)
HEAD = Letterhead(
    run_id="0f3c9a1e-4d55-4a3c-9d0e-3a1b2c4d5e6f",
    at=datetime(2026, 9, 4, 3, tzinfo=UTC),
    company="Acme & Co",
    dagster_url="https://dagster.example/",
    salesforce="acme.my",
    hubspot_portal="4711",
)
STORY = Story(
    types=(("seat", 900.0), ("plan", 600.4), ("price", -100.0)),
    changes=(
        Split("type", (("seat", -2_900.0), ("plan", 400.0), ("others", -100.0))),
        Split("segment", (("smb", -2_700.0), ("mid_market", 100.0))),
    ),
    movers=(
        Mover("salesforce:0015g00000ABCdeAAH", "Globex", -4_000.0, "churn", "Ann Lee", "cus_9"),
        Mover("cus_7", "Initech", -50.0, "contraction"),
        Mover("hubspot:812", "Acme <!channel> & *Sons* @here", 700.0, "expansion", "Bo & Co"),
    ),
)


def intents(*nights: pl.DataFrame, rules: tuple[AlertRule, ...] = (RULE,)) -> tuple[Intent, ...]:
    """What the last of the nights has to say."""
    known = Known()
    found = None
    for number, figures in enumerate(nights):
        found = evaluate(figures, rules, known, Run(f"run_{number}", NOW, notify=True, storm=1))
        kept = known.states.join(found.states, on="fingerprint", how="anti")
        evaluated = pl.concat([known.evaluated, found.evaluations])
        known = Known(pl.concat([kept, found.states]), evaluated)
    assert found is not None
    return found.intents


def said(intent: Intent, story: Story = STORY) -> Message:
    return compose(intent, lambda _: story, HEAD)


def plans(*rates: float) -> pl.DataFrame:
    return pl.concat(
        [metrics(rates, dimension="plan", member=f"Plan {each}") for each in range(40)]
    )


def significant(kind: str, seen: Observation | None = None) -> tuple[Intent, ...]:
    """What a rule with a test says of a segment."""
    rule = AlertRule(
        id="expansion-fell", kind="significant_drop", severity="critical", dimension="segment"
    )
    month = date(2026, 8, 1)
    state = State.fresh(rule, "mid_market", NOW)
    finding = Finding(
        rule=rule,
        state=replace(state, episode_id=f"{state.fingerprint}|2026-07-01"),
        episode_id=f"{state.fingerprint}|2026-07-01",
        seen=seen or DROPPED,
        month=month,
        trend=tuple(
            (add_months(month, place - 11), rate)
            for place, rate in enumerate(
                (*(0.034, 0.031, None, 0.036) * 2, 0.033, 0.03, 0.024, 0.021)
            )
        ),
    )
    return (single(kind, finding, "#revenue"),)


DROPPED = Observation(
    month=date(2026, 8, 1),
    observed=0.021,
    base=1_415_000.0,
    n=1_480,
    k=31,
    version=2,
    breach=True,
    expected=0.034,
    effect=-0.382,
    p=0.0042,
    missing=18_395.0,
    said="31 accounts expanded in three months; at the rate of the months before it would have been 50. "
    "Chance alone does this in 0.4% of cases.",
)


CASES = {
    "baseline": lambda: intents(metrics([0.03, 0.012, 0.014])),
    "fired": lambda: intents(metrics([0.031, 0.024]), metrics([0.031, 0.024, 0.014])),
    "reminder": lambda: intents(
        metrics([0.03]), metrics([0.03, 0.01]), metrics([0.03, 0.01, 0.015])
    ),
    "resolved": lambda: intents(
        metrics([0.03]), metrics([0.03, 0.01]), metrics([0.03, 0.01, 0.021])
    ),
    "ended": lambda: intents(metrics([0.03]), metrics([0.03, 0.01]), metrics([0.03, 0.01, None])),
    "restated": lambda: intents(
        metrics([0.03]), metrics([0.03, 0.01]), metrics([0.03, 0.022], version=2)
    ),
    "digest": lambda: intents(
        plans(0.03),
        plans(0.03, 0.01),
        rules=(AlertRule(id="plans", kind="floor", threshold=0.02, dimension="plan"),),
    ),
    "target": lambda: intents(
        metrics([0.03]), metrics([0.03, 0.02]), rules=(AlertRule(id="aim", kind="target"),)
    ),
    "money": lambda: intents(
        metrics([0.03]),
        metrics([0.03, 0.01]),
        rules=(AlertRule(id="sum", kind="floor", metric="expansion_mrr", threshold=2500),),
    ),
    "significant": lambda: significant("fired"),
    "escalated": lambda: significant("escalated"),
    "recovered": lambda: significant(
        "resolved",
        replace(DROPPED, observed=0.033, effect=-0.03, p=0.4, missing=None, breach=False),
    ),
    "operations": lambda: (
        operations(
            ["Stripe was last read 3 days ago.", "The roll-forward of 2026-08 does not close."],
            date(2026, 9, 4),
            date(2026, 8, 1),
            "#data-ops",
        ),
    ),
}
FIGURES = {
    "starting_mrr": 412_300.0,
    "fx_mrr": -310.4,
    "new_mrr": 9_800.0,
    "reactivation_mrr": 0.0,
    "expansion_mrr": 12_450.0,
    "contraction_mrr": 2_100.0,
    "churned_mrr": 5_600.0,
    "ending_mrr": 426_539.6,
    "expanding_accounts": 41,
    "expansion_rate": 0.0302,
    "nrr": 1.0115,
    "grr": 0.9813,
    "target": 0.03,
}
TOLD = MonthTold(
    month=date(2026, 8, 1),
    total=FIGURES,
    year={"expansion_rate": 0.338, "nrr": 1.121, "grr": 0.862},
    before=11_900.0,
    trend=tuple((add_months(date(2025, 9, 1), n), 0.025 + n / 2_000) for n in range(12)),
    types=(("seat", 8_000.0), ("plan", 4_000.0), ("cross_sell", 450.0)),
    by="segment",
    members=(("mid_market", 7_450.0, 0.034, 1.02), ("smb", 5_000.0, 0.026, None)),
    rules={"ok": 5, "firing": 1, "insufficient": 2},
    firing=(("owner-floor", "Ann <Lee>"),),
    unmatched=0.043,
    version=1,
)


def restatements() -> pl.DataFrame:
    """Two versions of July, and one of May that hardly moved."""
    rows = [
        ("2026-07-01", 2, "expansion_mrr", 12_000.0, 11_000.0, "evidence"),
        ("2026-07-01", 2, "expansion_rate", 0.03, 0.0275, "evidence"),
        ("2026-07-01", 3, "expansion_mrr", 11_000.0, 11_100.0, "link"),
        ("2026-06-01", 2, "nrr", None, 1.01, "code"),
        ("2026-05-01", 2, "ending_mrr", 400_000.0, 400_100.0, "code"),
    ]
    frame = pl.DataFrame(
        [(date.fromisoformat(month), *rest) for month, *rest in rows],
        schema=["month", "version", "metric", "old", "new", "cause"],
        orient="row",
    ).with_columns(dimension=pl.lit("total"), member=pl.lit("all"), evidence=None, at=NOW)
    return RESTATEMENT.conform(frame.lazy()).collect()


OTHERS = {
    "monthly": lambda: monthly(TOLD, HEAD),
    "restatement": lambda: restatement(corrections(restatements(), 0.01), HEAD),
    "sample": lambda: sample("#revenue", HEAD),
}


def message(case: str) -> Message:
    if case in OTHERS:
        return OTHERS[case]()
    (intent,) = CASES[case]()
    return said(intent)


@pytest.mark.parametrize("case", [*CASES, *OTHERS])
def test_the_message_is_the_golden_one(case: str) -> None:
    names = {"message": case}
    if case in CASES:
        (intent,) = CASES[case]()
        names = {"key": intent.key, "channel": intent.channel}
    told = message(case)
    files = {
        "json": json.dumps(names | told.payload(), indent=1, ensure_ascii=False),
        "txt": preview(told),
    }
    for kind, content in files.items():
        file = GOLDEN / f"{case}.{kind}"
        if os.environ.get("GOLDEN") == "write":
            file.write_text(f"{content}\n", encoding="utf-8")
        assert content == file.read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("case", CASES)
@given(
    names=st.lists(st.text(max_size=4_000) | st.just("<!channel>&" * 400), min_size=5, max_size=5),
    amount=st.floats(-1e15, 1e15),
    parts=st.integers(1, 200),
)
@settings(max_examples=20)
def test_slack_s_limits_are_kept_whatever_the_names_are(
    case: str, names: list[str], amount: float, parts: int
) -> None:
    huge = Story(
        types=tuple((f"{names[0]}{n}", amount) for n in range(parts)),
        changes=(Split("owner", tuple((f"{names[1]}{n}", amount) for n in range(parts))),) * 3,
        movers=tuple(Mover(f"file:{each}", each, amount, "churn", each) for each in names),
    )
    (intent,) = CASES[case]()
    check(said(intent, huge))


@pytest.mark.parametrize("case", OTHERS)
def test_slack_s_limits_are_kept(case: str) -> None:
    check(message(case))


def check(told: Message) -> None:
    assert told.text
    assert "<!" not in told.text
    contents = [told, *([told.parent] if told.parent else [])]
    for content in contents:
        assert 1 <= len(content.blocks) <= 50
        assert size(content.blocks) <= 13_200
        assert slack_blocks.problems(json.loads(json.dumps(content.blocks))) == []
        assert slack_blocks.size(list(content.blocks)) <= slack_blocks.MAX_TOTAL
        for block in content.blocks:
            assert not any("<!" in text for text in _texts(block))


def _texts(block: dict) -> list[str]:
    parts = [block["text"]] if "text" in block else []
    parts += [*block.get("fields", []), *block.get("elements", [])]
    return [part["text"] for part in parts]


def test_a_customer_s_name_can_neither_ping_nor_link_nor_format() -> None:
    (intent,) = CASES["fired"]()
    whole = json.dumps(said(intent).blocks, ensure_ascii=False)
    assert "Acme &lt;!channel&gt; &amp; Sons @\u200bhere" in whole
    assert "<!channel>" not in whole


@given(st.text())
def test_a_name_holds_no_control_character_of_slack(text: str) -> None:
    safe = name(text)
    assert "<" not in safe
    assert ">" not in safe
    assert "|" not in safe
    assert "\n" not in safe
    assert len(safe) <= 80 * 5


@given(st.text(alphabet="&<>a;", max_size=60), st.integers(2, 40))
def test_no_escape_is_cut_in_two(text: str, limit: int) -> None:
    cut = clip(escape(text), limit)
    assert len(cut) <= limit
    body = cut.removesuffix("…")
    for part in body.split("&")[1:]:
        assert part.startswith(("amp;", "lt;", "gt;"))


def test_an_account_leads_to_its_crm_and_to_stripe() -> None:
    (intent,) = CASES["fired"]()
    whole = json.dumps(said(intent).blocks)
    assert "https://acme.my.salesforce.com/0015g00000ABCdeAAH|Globex" in whole
    assert "https://app.hubspot.com/contacts/4711/record/0-2/812|" in whole
    assert "https://dashboard.stripe.com/customers/cus_9|Stripe" in whole
    assert "https://dashboard.stripe.com/customers/cus_7|Stripe" in whole


def test_a_chart_goes_with_an_alert_and_says_the_same_in_words() -> None:
    (intent,) = CASES["significant"]()
    picture = said(intent).picture
    assert picture is not None
    assert picture.png.startswith(b"\x89PNG")
    assert "Aug 2026 2.10%" in picture.alt
    assert Picture.kept(json.loads(json.dumps(picture.payload()))).png == picture.png


def test_only_an_escalation_is_broadcast_and_the_alert_itself_tells_where_it_stands() -> None:
    told = {case: message(case) for case in CASES}
    assert [case for case, each in told.items() if each.broadcast] == ["escalated"]
    (worse,) = CASES["escalated"]()
    assert not said(replace(worse, quiet=True)).broadcast
    parents = {case: each.parent.text for case, each in told.items() if each.parent}
    over = {case for case, text in parents.items() if text.startswith("✅")}
    assert over == {"resolved", "ended", "recovered"}
    assert parents.keys() - over == {"reminder", "escalated"}
    assert "1.50%" in parents["reminder"], "the latest month"


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=30))
def test_a_sparkline_has_a_sign_a_month_and_its_extremes(values: list[float | None]) -> None:
    drawn = sparkline(values)
    assert len(drawn) == len(values)
    assert [each == "·" for each in drawn] == [value is None for value in values]
    known = [value for value in values if value is not None]
    if len(set(known)) > 1:
        assert drawn[values.index(min(known))] == "▁"
        assert drawn[values.index(max(known))] == "█"


def test_a_restatement_counts_all_its_versions_and_leaves_out_what_hardly_moved() -> None:
    found = corrections(restatements(), 0.01)
    assert [(each.month.month, each.metric, each.old, each.new) for each in found] == [
        (6, "nrr", None, 1.01),
        (7, "expansion_mrr", 12_000.0, 11_100.0),
        (7, "expansion_rate", 0.03, 0.0275),
    ]
    assert corrections(restatements().filter(pl.col("month") == date(2026, 5, 1)), 0.01) == ()
