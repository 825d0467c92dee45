"""Colours of charts, light and dark, and how axes and words look.

Belongs here: what a chart's `@up` or `@type3` stands for. On the page they are properties of its style, so
light, dark and paper need no other drawing; a picture is light. Types differ for people who see red and green alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FONT = "-apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, Liberation Sans, DejaVu Sans, sans-serif"
SMALL = 12
PREFIX = "--chart-"


@dataclass(frozen=True, slots=True)
class Palette:
    """Names of colours, and the colours of types in their order."""

    names: Mapping[str, str]
    types: tuple[str, ...]

    @property
    def colours(self) -> dict[str, str]:
        """Every name that a chart may use."""
        numbered = {f"type{number}": colour for number, colour in enumerate(self.types)}
        return {**self.names, **numbered}

    @property
    def config(self) -> dict[str, Any]:
        """Vega-Lite's configuration in these colours."""
        name = self.names
        words = {"labelColor": name["soft"], "titleColor": name["soft"], "labelFontSize": SMALL}
        lines = {"gridColor": name["line"], "domainColor": name["line"], "tickColor": name["line"]}
        return {
            "background": None,
            "font": FONT,
            "view": {"stroke": None},
            "axis": {**words, **lines, "titleFontSize": SMALL, "titleFontWeight": 400},
            "axisY": {"labelPadding": 6},
            "legend": words,
            "text": {"color": name["ink"], "fontSize": SMALL},
            "tick": {"color": name["ink"]},
            "rule": {"color": name["soft"]},
            **{mark: {"color": name["plain"]} for mark in ("line", "point", "bar")},
        }


LIGHT = Palette(
    {
        "up": "#00705a",
        "down": "#b23a00",
        "plain": "#22569c",
        "muted": "#7b8794",
        "ink": "#17202b",
        "soft": "#4d5a68",
        "line": "#e3e7ec",
        "card": "#ffffff",
        "low2": "#b9430d",
        "low1": "#e7a883",
        "middle": "#e4e7eb",
        "high1": "#a9c4e6",
        "high2": "#5a8fcd",
        "high3": "#1f5596",
    },
    (
        *("#2a6fb0", "#d98a00", "#0b8f6e", "#c2578f"),
        *("#57b0e0", "#c94f16", "#6d5fb5", "#7d8790"),
    ),
)
DARK = Palette(
    {
        "up": "#45c9a6",
        "down": "#ff9a62",
        "plain": "#7db2f2",
        "muted": "#8996a4",
        "ink": "#e8ecf1",
        "soft": "#a9b4c0",
        "line": "#2d3641",
        "card": "#1b2128",
        "low2": "#f08a4b",
        "low1": "#8f5636",
        "middle": "#3a434e",
        "high1": "#3f638f",
        "high2": "#5b95d9",
        "high3": "#a3cdfb",
    },
    (
        *("#6ba6e3", "#f0b13c", "#3cc39c", "#e58ab8"),
        *("#9bd3f5", "#f08a58", "#a99bf0", "#aab4be"),
    ),
)


STYLED = Palette(
    {name: f"var({PREFIX}{name})" for name in LIGHT.names},
    tuple(f"var({PREFIX}type{number})" for number in range(len(LIGHT.types))),
)
"""The colours as the page's style has them."""


def variables(palette: Palette) -> str:
    """The palette as properties of the page's style."""
    return " ".join(f"{PREFIX}{name}: {colour};" for name, colour in palette.colours.items())


def coloured(chart: Any, palette: Palette) -> Any:
    """A chart with its colours in place of their names; the rows that it shows stay as they are."""
    if isinstance(chart, str):
        return palette.colours.get(chart[1:], chart) if chart.startswith("@") else chart
    if isinstance(chart, list):
        return [coloured(each, palette) for each in chart]
    if not isinstance(chart, dict):
        return chart
    return {
        key: value if key == "values" else coloured(value, palette) for key, value in chart.items()
    }
