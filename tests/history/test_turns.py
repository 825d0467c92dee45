"""Turns of a life, folded: what is graded exact is true, and what is synced in time is exact."""

import pytest

from pipeline.sandbox.company import FEATURES
from pipeline.sandbox.company.wishes import TURNS
from tests.history.test_properties import KINDS, WIDE, compared
from tests.history.turns import histories

TOGETHER = 10
PROVEN = TURNS - {"customer_discounts", "deleted_coupons"}
"""Billing does not know yet that a switched discount ends, nor that the limits of an unlisted coupon are unknown."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_graded_exact_is_true(kind: str, seed: int) -> None:
    graded, wrong, silent = compared(
        histories(f"{seed}", FEATURES - {WIDE} | PROVEN, kind, TOGETHER)
    )
    assert silent == []
    assert graded["exact"] > 0
    if kind == "often":
        assert not wrong.total()
