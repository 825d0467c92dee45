"""What the charts share: the frame of a document, axes and tooltips.

Belongs here: pieces of a Vega-Lite document. Names of colours begin with `@`; the page knows them.
"""

from datetime import date
from typing import Any

Chart = dict[str, Any]
HEIGHT = 240
STEP = 30
"""Pixels a bar."""


def chart(**parts: Any) -> Chart:
    """A document that fills the width of its place."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        **parts,
    }


def iso(month: date) -> str:
    """A month as Vega reads it."""
    return month.isoformat()


def months_axis() -> dict[str, Any]:
    """The months along the bottom."""
    return {
        "field": "month",
        "type": "temporal",
        "timeUnit": "utcyearmonth",
        "axis": {"title": None, "format": "%b %y", "labelOverlap": True, "grid": False},
    }


def shares_axis(*, zero: bool) -> dict[str, Any]:
    """Shares along the side."""
    return {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": zero, "nice": True},
        "axis": {"title": None, "format": ".0%" if not zero else ".1~%", "tickCount": 5},
    }


def amounts() -> dict[str, Any]:
    """Labels of an axis of money: each by itself, for with one prefix for all of them zero would be `0k`."""
    return {"labelExpr": "format(datum.value, '~s')"}


def when() -> dict[str, Any]:
    """The month in a tooltip."""
    return {
        "field": "month",
        "type": "temporal",
        "timeUnit": "utcyearmonth",
        "title": "Month",
        "format": "%b %Y",
    }


def shown(field: str, title: str) -> dict[str, Any]:
    """A field in a tooltip."""
    return {"field": field, "title": title}
