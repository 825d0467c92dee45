"""Why an account left: the largest item among the last to end."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipeline.mrr import Policy
from tests.history.stripe_json import History, item, price, state

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = {"status": "canceled", "cancellation_details": {"reason": "cancellation_requested"}}
FAILED = {"status": "canceled", "cancellation_details": {"reason": "payment_failed"}}
PAUSE: dict[str, Any] = {"pause_collection": {"behavior": "void", "resumes_at": None}}
A, B = item("si_a", "p_a"), item("si_b", "p_b")


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


def two(
    one: list[tuple[datetime, dict[str, Any]]], other: list[tuple[datetime, dict[str, Any]]]
) -> History:
    """A subscription of $100, and one of $100."""
    history = History([price("p_a", 10_000), price("p_b", 10_000, "prod_b")])
    return history.states(*one, name="1").states(*other, name="2")


def kind(history: History, month: date, window: int = 1, policy: Policy | None = None) -> str:
    (found,) = history.movements(month, window, policy).found.movement.iter_rows(named=True)
    assert found["movement"] == "churn"
    return str(found["churn_kind"])


@pytest.mark.parametrize("window", [1, 3])
def test_what_came_after_the_opening_counts(window: int) -> None:
    """Another subscription replaces the first, on request; then its payment fails."""
    history = two(
        [(BEGUN, state(A)), (at(2, 10), state(A, **ASKED))],
        [(at(2, 10), state(B)), (at(4, 10), state(B, status="past_due")), (at(4, 20), state(B, **FAILED))],
    )  # fmt: skip
    assert kind(history, date(2026, 4, 1), window) == "involuntary"


def test_what_came_within_the_month_counts() -> None:
    history = two(
        [(BEGUN, state(A)), (at(4, 2), state(A, **ASKED))],
        [(at(4, 2), state(B)), (at(4, 20), state(B, **FAILED))],
    )
    assert kind(history, date(2026, 4, 1)) == "involuntary"


def test_what_changes_while_it_is_paused_ended_when_the_pause_began() -> None:
    more = item("si_a", "p_a", 2)
    history = two(
        [(BEGUN, state(A)), (at(3, 3), state(A, **PAUSE)), (at(3, 25), state(more, **PAUSE))],
        [(BEGUN, state(B)), (at(3, 20), state(B, **ASKED))],
    )
    assert kind(history, date(2026, 3, 1)) == "voluntary"


def test_the_largest_of_those_that_end_together() -> None:
    large = item("si_a", "p_a", 3)
    history = two(
        [(BEGUN, state(large)), (at(3, 20), state(large, **FAILED))],
        [(BEGUN, state(B)), (at(3, 20), state(B, **ASKED))],
    )
    assert kind(history, date(2026, 3, 1)) == "involuntary"


def test_past_due_where_it_does_not_count_is_a_failed_payment() -> None:
    history = History([price("p_a", 10_000)]).states(
        (BEGUN, state(A)), (at(3, 3), state(A, status="past_due"))
    )
    assert kind(history, date(2026, 3, 1), policy=Policy(past_due="exclude")) == "involuntary"


@pytest.mark.parametrize(
    ("ended", "expected"), [(ASKED, "voluntary"), (FAILED, "involuntary"), (PAUSE, "paused")]
)
@pytest.mark.parametrize("free_since", [BEGUN, at(3, 10)])
def test_what_is_free_and_stays_has_not_ended(
    free_since: datetime, ended: dict[str, Any], expected: str
) -> None:
    history = History([price("p_a", 10_000), price("p_free", 0, "prod_b")])
    free = item("si_free", "p_free")
    history.states((BEGUN, state(A)), (at(3, 10), state(A, **ended)), name="1")
    history.states((free_since, state(free)), name="2")
    assert kind(history, date(2026, 3, 1)) == expected


def test_idle_usage_that_stays_has_not_ended() -> None:
    history = History([price("p_a", 10_000), price("p_calls", 1, "prod_b", usage=True)])
    history.states((BEGUN, state(A)), (at(3, 10), state(A, **ASKED)), name="1")
    history.states((BEGUN, state(item("si_calls", "p_calls", None))), name="2")
    assert kind(history, date(2026, 3, 1), policy=Policy(paid_to_free="churn")) == "voluntary"
