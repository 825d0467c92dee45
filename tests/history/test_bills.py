"""Rare kinds of bills, folded: what is graded exact is true, and what is synced in time is exact."""

import pytest

from pipeline.sandbox.company import FEATURES
from pipeline.sandbox.company.wishes import BILLS
from tests.history.test_properties import KINDS, WIDE, compared
from tests.history.turns import histories

TOGETHER = 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_graded_exact_is_true(kind: str, seed: int) -> None:
    names = FEATURES - {WIDE} | BILLS - {"option_edits"}
    graded, wrong, silent = compared(histories(f"bills {seed}", names, kind, TOGETHER))
    assert silent == []
    assert graded["exact"] > 0
    if kind == "often":  # computed tax that no line tells yet is inferred
        assert set(wrong) <= {"inferred"}
        assert graded["exact"] > 0.9 * graded.total()


@pytest.mark.parametrize("seed", range(2))
def test_coupons_on_items_are_exact_unless_a_draft_alone_shows_them(seed: int) -> None:
    names = FEATURES - {WIDE} | BILLS - {"option_edits", "prebilling", "taxes", "tax_changes"}
    graded, wrong, silent = compared(histories(f"items {seed}", names, "often", TOGETHER))
    assert silent == []
    assert not wrong.total()
    # A draft that a coupon for one invoice reduces is not proved yet: one account, at the end.
    assert set(graded) <= {"exact", "bounded"}
    assert graded["exact"] >= 0.98 * graded.total()
