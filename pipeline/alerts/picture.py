"""The chart that goes into the thread of an alert: the figure over a year, and what it is held against.

Belongs here: the chart as a document, and drawing it. No customer's name is on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import vl_convert

WIDTH, HEIGHT = 560, 220
INK, LINE, FIGURE, AGAINST = "#17202b", "#e3e7ec", "#22569c", "#b23a00"
FONT = "Segoe UI, Roboto, Helvetica Neue, Arial, Liberation Sans, DejaVu Sans, sans-serif"
SHOWN = 2
"""Months with a figure that make a chart."""


@dataclass(frozen=True)
class Picture:
    """A chart.

    Attributes:
        title: what it shows; also the name of the file.
        alt: the same in words, for those who do not see it.
        document: Vega-Lite.
    """

    title: str
    alt: str
    document: Mapping[str, Any]

    def payload(self) -> dict[str, Any]:
        """As it is kept until it is sent: drawn only then."""
        return {"title": self.title, "alt": self.alt, "document": dict(self.document)}

    @classmethod
    def kept(cls, payload: Mapping[str, Any]) -> "Picture":
        """What `payload` made."""
        return cls(str(payload["title"]), str(payload["alt"]), payload["document"])

    @cached_property
    def png(self) -> bytes:
        """The chart as a PNG, drawn without a network."""
        drawn: bytes = vl_convert.vegalite_to_png(dict(self.document), scale=2, show_warnings=False)
        return drawn


def series(
    title: str,
    alt: str,
    months: Sequence[tuple[date, float | None]],
    against: tuple[str, float] | None,
    *,
    share: bool,
) -> Picture | None:
    """A figure month by month, and a line that it is held against; null where there are fewer than two figures.

    Args:
        title: what it shows.
        alt: the same in words.
        months: month and figure, oldest first.
        against: what the line is, and where.
        share: the figure is a share, else an amount or a number.
    """
    rows = [{"month": f"{month:%b %y}", "value": value} for month, value in months]
    if sum(value is not None for _, value in months) < SHOWN:
        return None
    x = {
        "field": "month",
        "type": "ordinal",
        "title": None,
        "sort": None,
        "axis": {"labelAngle": 0},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"zero": True},
        "axis": {"format": ".1%" if share else "~s", "tickCount": 5},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "strokeWidth": 2, "color": FIGURE},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "point", "filled": True, "size": 50, "color": FIGURE},
            "encoding": {"x": x, "y": y},
        },
    ]
    if against is not None:
        layers += _against(*against, first=rows[0]["month"], y=y)
    return Picture(title, alt, _document(title, layers))


def _against(label: str, value: float, *, first: Any, y: Mapping[str, Any]) -> list[dict[str, Any]]:
    row = {"values": [{"value": value, "month": first, "label": label}]}
    return [
        {
            "data": row,
            "mark": {"type": "rule", "strokeDash": [6, 4], "strokeWidth": 2, "color": AGAINST},
            "encoding": {"y": y},
        },
        {
            "data": row,
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "bottom",
                "dy": -4,
                "color": AGAINST,
                "fontSize": 12,
            },
            "encoding": {
                "x": {"field": "month", "type": "ordinal", "sort": None},
                "y": y,
                "text": {"field": "label"},
            },
        },
    ]


def _document(title: str, layers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH,
        "height": HEIGHT,
        "background": "white",
        "padding": 12,
        "title": {"text": title, "anchor": "start", "fontSize": 15, "color": INK, "offset": 12},
        "layer": layers,
        "config": {
            "font": FONT,
            "view": {"stroke": None},
            "axis": {
                "labelColor": INK,
                "labelFontSize": 12,
                "gridColor": LINE,
                "domainColor": LINE,
                "tickColor": LINE,
            },
        },
    }
