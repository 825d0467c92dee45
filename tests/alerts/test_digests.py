"""Several rules in one message: each is named, and what they share is told once."""

from dataclasses import replace

import pytest

from pipeline.alerts.messages import monthly, preview
from pipeline.config import AlertRule
from tests.alerts.alert_figures import metrics
from tests.alerts.nights import Nights
from tests.alerts.test_messages import CASES, HEAD, RULE, TOLD, intents, said

OTHER = AlertRule(id="lower <!channel>", kind="floor", threshold=0.015)


def test_rules_on_the_same_member_share_what_moved() -> None:
    (intent,) = intents(metrics([0.03]), metrics([0.03, 0.01]), rules=(RULE, OTHER))
    text = preview(said(intent))
    assert "Rule: expansion-floor." in text
    assert "Rule: lower <!channel>." in text
    assert text.count("What moved") == text.count("lost and gained most") == 1
    assert "<!channel>" not in str(said(intent).blocks)


def test_the_monthly_digest_calls_nobody_by_a_rule_s_name() -> None:
    message = monthly(replace(TOLD, firing=(("<!channel>", ""), ("<!here>", "smb"))), HEAD)
    assert "<!" not in str(message.blocks) + message.text


def test_an_alert_that_a_changed_rule_ends_says_so() -> None:
    figures = metrics([0.03, 0.01])
    nights = Nights(rules=(RULE,))
    nights.night(figures.head(1))
    nights.night(figures)
    nights.rules = (RULE.model_copy(update={"threshold": 0.005}),)
    (intent,) = nights.run(figures).intents
    message = said(intent)
    assert message.text.endswith(
        "threshold of 0.5% (9 of 200 accounts expanded). The rule was changed."
    )
    assert message.parent is not None
    assert message.parent.text.startswith("✅ Resolved")


@pytest.mark.parametrize(
    ("runbook", "shown"),
    [
        ("https://wiki.example/a?b=1&c", "<https://wiki.example/a?b=1&amp;c|runbook>"),
        ("docs/runbook.md <!here>", "docs/runbook.md &lt;!here&gt;"),
    ],
)
def test_a_runbook_is_a_link_where_it_is_an_address(runbook: str, shown: str) -> None:
    (intent,) = CASES["fired"]()
    (finding,) = intent.findings
    rule = finding.rule.model_copy(update={"runbook": runbook})
    told = said(replace(intent, findings=(replace(finding, rule=rule),)))
    assert f"*What to do:* {shown}" in str(told.blocks)
