"""What is said of figures."""

import pytest

from pipeline.alerts.words import judged
from pipeline.config import AlertRule


@pytest.mark.parametrize(
    ("rule", "figures", "said"),
    [
        (AlertRule(id="a", kind="floor", threshold=0.025), (0.02, 0.025), "2.00%, threshold 2.5%"),
        (AlertRule(id="a", kind="target"), (0.8, 1.0), "80.0%, threshold 100%"),
        (AlertRule(id="a", kind="drop", metric="expansion_mrr"), (9e3, 1.2e4), "$9,000, expected"),
        (AlertRule(id="a", kind="significant_drop"), (0.2, 0.3), "20.0%, expected 30.0%"),
        (AlertRule(id="a", kind="mix_shift"), (0.2, None), "than usual over 3 months 20.0%"),
        (AlertRule(id="a", kind="concentration"), (0.4, 0.3), "40.0%, at most 30.0%"),
        (AlertRule(id="a", kind="drop"), (None, None), "Expansion rate undefined"),
    ],
)
def test_a_figure_is_told_with_what_it_was_held_against(
    rule: AlertRule, figures: tuple[float | None, float | None], said: str
) -> None:
    assert said in judged(rule, *figures, "usd")


def test_a_share_of_three_months_is_told_from_that_of_the_month_beside_it() -> None:
    """204 expansions in 864 account-months are 23.6%, while 22 of 296 accounts of the last month are 7.4%."""
    rule = AlertRule(id="a", kind="significant_drop")
    told = judged(rule, 204 / 864, 0.282, "usd")
    assert told == "Monthly share of expanding accounts over 3 months 23.6%, expected 28.2%"
