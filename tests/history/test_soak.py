"""The property of `test_properties` with 20,000 companies; the counts are kept by `make soak`."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.history.test_properties import KINDS, NEVER_SURE, compared, random_histories

COMPANIES = 20_000
PARTS = 10
TOGETHER = 40


def counted(
    seed: str, kinds: tuple[str, ...], without: frozenset[str], count: int
) -> tuple[Counter[str], Counter[str]]:
    """Account-months by grade, and the wrong ones, of so many companies; nothing may be silently wrong."""
    draw = random.Random(seed)
    graded: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for _ in range(count // TOGETHER):
        found, bad, silent = compared(random_histories(draw, TOGETHER, kinds, without))
        assert silent == []
        graded += found
        wrong += bad
    return graded, wrong


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_no_silent_error(
    kind: str, part: int, soak_seed: int, record_property: Callable[[str, object], None]
) -> None:
    """As many companies for each way of syncing."""
    count = -(-COMPANIES // PARTS // len(KINDS) // TOGETHER) * TOGETHER
    graded, wrong = counted(f"{soak_seed}/{kind}/{part}", (kind,), frozenset(), count)
    record_property("companies", count)
    record_property("account_months", dict(graded))
    record_property("wrong", dict(wrong))


@pytest.mark.soak
def test_synced_within_30_days_99_9_percent_are_exact(
    soak_seed: int, record_property: Callable[[str, object], None]
) -> None:
    graded, wrong = counted(str(soak_seed), ("often",), NEVER_SURE, 2_000)
    record_property("account_months", dict(graded))
    assert not wrong.total()
    assert graded["exact"] >= 0.999 * graded.total()
