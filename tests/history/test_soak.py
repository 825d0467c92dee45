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
) -> tuple[Counter[str], Counter[str], list[str]]:
    """Account-months by grade, the wrong ones, and what is silently wrong, of so many companies."""
    draw = random.Random(seed)
    graded: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    silent: list[str] = []
    for _ in range(count // TOGETHER):
        found, bad, unsaid = compared(random_histories(draw, TOGETHER, kinds, without))
        graded += found
        wrong += bad
        silent += unsaid
    return graded, wrong, silent


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_no_silent_error(
    kind: str, part: int, soak_seed: int, record_property: Callable[[str, object], None]
) -> None:
    """As many companies for each way of syncing."""
    count = -(-COMPANIES // PARTS // len(KINDS) // TOGETHER) * TOGETHER
    graded, wrong, silent = counted(f"{soak_seed}/{kind}/{part}", (kind,), frozenset(), count)
    record_property("companies", count)
    record_property("account_months", dict(graded))
    record_property("wrong", dict(wrong))
    assert silent == []


@pytest.mark.soak
def test_synced_within_30_days_99_9_percent_are_exact(
    soak_seed: int, record_property: Callable[[str, object], None]
) -> None:
    graded, wrong, silent = counted(str(soak_seed), ("often",), NEVER_SURE, 2_000)
    record_property("account_months", dict(graded))
    assert silent == []
    assert not wrong.total()
    assert graded["exact"] >= 0.999 * graded.total()
