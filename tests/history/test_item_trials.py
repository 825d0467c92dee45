"""Trials of single items, and their ends that no event tells; written by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.history.discounted import APRIL, FEBRUARY, MARCH, PRICES
from tests.history.stripe_json import History, item, state

NEXT = datetime(2026, 3, 31, 12, tzinfo=UTC)


def trying(until: datetime) -> dict[str, Any]:
    """The item on trial since February."""
    trial = {"start_date": int(FEBRUARY.timestamp()), "end_date": int(until.timestamp())}
    return item("si", "plan") | {"current_trial": trial}


@pytest.mark.parametrize(
    ("ends", "told", "grade"),
    [
        (MARCH, APRIL, "bounded"),
        (NEXT, APRIL, "bounded"),
        (APRIL, APRIL + timedelta(hours=1), "exact"),
    ],
    ids=["long over", "over", "not over"],
)
def test_a_trial_that_is_over_and_nothing_says_so(
    ends: datetime, told: datetime, grade: str
) -> None:
    """In March the item is not billed as far as anybody knows; how sure that is depends on the trial's end."""
    history = History(PRICES).states(
        (FEBRUARY, state(trying(ends), item("other", "plan"))),
        (told, state(trying(ends), item("other", "plan"), period=APRIL)),
    )
    assert list(history.snapshot(date(2026, 3, 1))) == ["other"]
    assert history.movements(date(2026, 3, 1)).evidence == {"cus_a": grade}
