"""What people read: golden files, limits, and names that cannot do harm. GOLDEN=write renews the files."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import Intent, Known, Message, Run, Story, compose, evaluate
from pipeline.alerts.escaping import clip, escape, name
from pipeline.config import AlertRule
from tests.alerts.alert_figures import NOW, metrics

GOLDEN = Path(__file__).parent / "golden"
RULE = AlertRule(
    id="expansion-floor",
    kind="floor",
    threshold=0.02,
    owner="revops",
    runbook="https://wiki.example/expansion?a=1&b=2",
)
STORY = Story(
    types=(("seat", 900.0), ("plan", 600.4), ("price", -100.0)),
    grew=(("Acme <!channel> & *Sons*", 700.0), ("Widgets", 200.0)),
    shrank=(("Globex", 4_000.0, "churn"), ("Initech", 50.0, "contraction")),
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
    return compose(intent, lambda _: story, "usd")


def plans(*rates: float) -> pl.DataFrame:
    return pl.concat(
        [metrics(rates, dimension="plan", member=f"Plan {each}") for each in range(40)]
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
}


@pytest.mark.parametrize("case", CASES)
def test_the_message_is_the_golden_one(case: str) -> None:
    (intent,) = CASES[case]()
    told = json.dumps(
        {"key": intent.key, "channel": intent.channel, **asdict(said(intent))},
        indent=1,
        ensure_ascii=False,
    )
    file = GOLDEN / f"{case}.json"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(f"{told}\n", encoding="utf-8")
    assert told == file.read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("case", CASES)
def test_slack_s_limits_are_kept(case: str) -> None:
    huge = Story(
        types=tuple((f"type{n}", 1e9) for n in range(200)),
        grew=tuple(("<&>" * 400, 1e9) for _ in range(3)),
        shrank=tuple(("<!channel>" * 100, 1e9, "churn") for _ in range(3)),
    )
    (intent,) = CASES[case]()
    message = said(intent, huge)
    assert message.text
    assert len(message.blocks) <= 50
    assert len(json.dumps(message.blocks, ensure_ascii=False)) <= 13_200
    for block in message.blocks:
        for text in _texts(block):
            assert len(text) <= (150 if block["type"] == "header" else 3000)
            assert "<!" not in text


def _texts(block: dict) -> list[str]:
    parts = [block["text"]] if "text" in block else []
    parts += [*block.get("fields", []), *block.get("elements", [])]
    return [part["text"] for part in parts]


def test_a_customer_s_name_can_neither_ping_nor_link_nor_format() -> None:
    (intent,) = CASES["fired"]()
    whole = json.dumps(said(intent).blocks, ensure_ascii=False)
    assert "Acme &lt;!channel&gt; &amp; Sons +$700" in whole
    assert "<!channel>" not in whole


@given(st.text())
def test_a_name_holds_no_control_character_of_slack(text: str) -> None:
    safe = name(text)
    assert "<" not in safe
    assert ">" not in safe
    assert "\n" not in safe
    assert len(safe) <= 80 * 5


@given(st.text(alphabet="&<>a;", max_size=60), st.integers(2, 40))
def test_no_escape_is_cut_in_two(text: str, limit: int) -> None:
    cut = clip(escape(text), limit)
    assert len(cut) <= limit
    body = cut.removesuffix("…")
    for part in body.split("&")[1:]:
        assert part.startswith(("amp;", "lt;", "gt;"))
