"""What an explanation says of ups and downs that the month's two ends do not show."""

from rich.console import Console

from pipeline.explain import Explanation, document, render
from pipeline.explain.explanation import Within
from tests.explain.cases import BEGUN, ONE, at, explained, of
from tests.history.stripe_json import item, state

TWENTY = item("si", "p", 20)


def printed(found: Explanation) -> str:
    console = Console(width=100)
    with console.capture() as said:
        console.print(render(found))
    return " ".join(said.get().split())


def test_up_and_down_again_is_told_though_nothing_moved() -> None:
    history = of((BEGUN, state(ONE)), (at(3, 5), state(TWENTY)), (at(3, 9), state(ONE)))
    found = explained(history, 3)
    assert (found.movement, found.components) == ("none", ())
    assert found.within == Within(
        changes=2, up_mrr=100_000_000, down_mrr=100_000_000, passing_items=0
    )
    assert document(found)["within_month"] == {
        "changes": 2, "up_mrr": "100.000000", "down_mrr": "100.000000", "passing_items": 0,
    }  # fmt: skip
    assert "Within it up by 100.00 and down by 100.00, which the two ends net" in printed(found)


def test_an_item_that_came_and_left_is_told() -> None:
    passing = state(ONE, item("si_add", "p_add"))
    history = of((BEGUN, state(ONE)), (at(3, 5), passing), (at(3, 9), state(ONE)))
    said = printed(explained(history, 3))
    assert "up by 30.00 and down by 30.00" in said
    assert "1 item came and left between the two ends" in said


def test_a_month_that_only_grew_and_a_longer_window_say_nothing_of_it() -> None:
    history = of((BEGUN, state(ONE)), (at(3, 5), state(TWENTY)), (at(4, 9), state(ONE)))
    for found in (explained(history, 3), explained(history, 4), explained(history, 4, window=3)):
        assert found.within is None
        assert document(found)["within_month"] is None
        assert "Within it" not in printed(found)
