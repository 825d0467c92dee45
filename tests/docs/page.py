"""The worked examples of docs/method.md: tables under `<!-- example: name -->`, read from the page itself.

The first cell of a row names it. The cells after it are compared with what the product computes, as many as the
product gives; what follows is prose. A cell may be arithmetic, `(120 - 20) / 50`, so that a formula is checked too.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/method.md"
MARKER = re.compile(r"<!-- example: (\w+) -->")
Figure = str | int | float | Decimal | Fraction | None
Rows = Mapping[str, Sequence[Figure]]
Example = Callable[[], Rows]
OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: lambda base, exponent: base ** int(exponent),
}


def examples() -> dict[str, dict[str, list[str]]]:
    """Example -> row -> cells after the row's name."""
    found: dict[str, dict[str, list[str]]] = {}
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        marker = MARKER.fullmatch(line.strip())
        if marker is None:
            continue
        assert marker[1] not in found, f"two tables are called {marker[1]}"
        rows: dict[str, list[str]] = {}
        for row in lines[number + 3 :]:
            if not row.startswith("|"):
                break
            name, *cells = (cell.strip() for cell in row.strip().strip("|").split("|"))
            assert name not in rows, f"{marker[1]} has two rows called {name}"
            rows[name] = cells
        found[marker[1]] = rows
    return found


def agrees(cell: str, figure: Figure) -> bool:
    """Whether a cell shows `figure`: text as it is, a number to the decimals that the cell has, nothing as a dash."""
    if figure is None:
        return cell == "–"
    if isinstance(figure, str):
        return cell.replace("`", "") == figure
    shown, decimals, scale = _number(cell)
    exact = Fraction(figure) * scale
    tolerance = Fraction(1, 2 * 10**decimals) + Fraction(1, 10 ** (decimals + 3))
    return abs(shown - exact) <= tolerance


def _number(cell: str) -> tuple[Fraction, int, int]:
    """The value of a cell, how many decimals it shows, and 100 where it is a percentage."""
    text = cell.replace("`", "").replace(",", "").replace("$", "").replace("−", "-").strip()
    scale = 100 if text.endswith("%") else 1
    plain = re.sub(r"\s*(%|[A-Z]{3})$", "", text).replace("^", "**").replace("×", "*")
    value = _evaluated(ast.parse(plain.lstrip("+"), mode="eval").body)
    single = re.fullmatch(r"[+-]?\d+(?:\.(\d+))?", plain)
    decimals = len(single[1] or "") if single else 6
    return value, decimals, scale


def _evaluated(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluated(node.operand)
    assert isinstance(node, ast.BinOp), ast.dump(node)
    return OPERATORS[type(node.op)](_evaluated(node.left), _evaluated(node.right))
