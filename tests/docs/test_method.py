"""docs/method.md says what the product computes: every worked example of the page, through the public functions."""

import pytest

from tests.docs import metric_examples, movement_examples, rule_examples, value_examples
from tests.docs.page import agrees, examples

MODULES = (value_examples, movement_examples, metric_examples, rule_examples)
COMPUTED = {each.__name__: each for module in MODULES for each in module.EXAMPLES}
PAGE = examples()


def test_every_example_of_the_page_is_computed_and_the_other_way_round() -> None:
    assert set(PAGE) == set(COMPUTED)
    assert sum(len(module.EXAMPLES) for module in MODULES) == len(COMPUTED)


@pytest.mark.parametrize("name", sorted(PAGE))
def test_the_page_shows_what_the_product_computes(name: str) -> None:
    rows, computed = PAGE[name], COMPUTED[name]()
    assert list(rows) == list(computed)
    for row, figures in computed.items():
        cells = rows[row]
        assert len(cells) >= len(figures), (
            f"{row}: the page shows fewer cells than there are figures"
        )
        for cell, figure in zip(cells, figures, strict=False):
            assert agrees(cell, figure), f"{row}: the page says {cell}, the product {figure}"


@pytest.mark.parametrize(
    ("cell", "figure", "expected"),
    [
        ("$1,234.50", 1234.5, True),
        ("1,234.5", 1234.45, True),
        ("1,234.50", 1234.51, False),
        ("−20", -20, True),
        ("22.1%", 0.2213, True),
        ("22.1%", 0.2223, False),
        ("270 / 1,220", 0.221311475, True),
        ("(1 + 0.014)^12 − 1", 0.181559, True),
        ("`seat` +150", "seat +150", True),
        ("`seat` +150", "seat +151", False),
        ("–", None, True),
        ("0", None, False),
    ],
)
def test_a_cell_agrees_with_a_figure(cell: str, figure: str | float | None, expected: bool) -> None:
    assert agrees(cell, figure) is expected
