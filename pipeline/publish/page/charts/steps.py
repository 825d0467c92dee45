"""The way from the opening to the closing MRR.

Belongs here: the waterfall.
"""

from collections.abc import Sequence
from typing import Any

from pipeline.publish.page import words
from pipeline.publish.page.charts.parts import STEP, Chart, amounts, chart, shown
from pipeline.publish.page.figures import Month

UP, DOWN, PLAIN = "up", "down", "plain"
STEPS = (
    ("fx_mrr", "FX", 1),
    ("new_mrr", "New", 1),
    ("expansion_mrr", "Expansion", 1),
    ("reactivation_mrr", "Reactivation", 1),
    ("contraction_mrr", "Contraction", -1),
    ("churned_mrr", "Churn", -1),
)


def waterfall(found: Month) -> Chart:
    """From opening to closing MRR: one bar a step, the ends as marks on an axis that does not begin at zero."""
    opening = at = float(found.total["starting_mrr"])
    rows: list[dict[str, Any]] = []
    for column, name, sign in STEPS:
        amount = sign * float(found.total[column])
        rows.append(
            {
                "step": name,
                "from": at,
                "to": at + amount,
                "end": max(at, at + amount),
                "told": words.signed(amount),
                "way": PLAIN if not round(amount) else UP if amount > 0 else DOWN,
            }
        )
        at += amount
    ends: list[dict[str, Any]] = [
        {"step": name, "to": value, "end": value, "told": words.money(value), "way": "end"}
        for name, value in (("Opening", opening), ("Closing", float(found.total["ending_mrr"])))
    ]
    low = min(min(row["from"], row["to"]) for row in [*rows, {"from": at, "to": opening}])
    order = ["Opening", *(name for _, name, _ in STEPS), "Closing"]
    y = {"field": "step", "type": "nominal", "sort": order, "axis": {"title": None, "ticks": False}}
    x = {
        "type": "quantitative",
        "scale": {"domain": _around([row["end"] for row in [*rows, *ends]], low), "nice": False},
        "axis": {"title": None, **amounts(), "tickCount": 4, "labelOverlap": True},
    }
    colour = {"field": "way", "type": "nominal", "legend": None, "scale": _ways()}
    told = [shown("step", "Step"), shown("told", "MRR")]
    return chart(
        height=STEP * len(order),
        layer=[
            {
                "data": {"values": rows},
                "mark": {"type": "bar", "cornerRadius": 2, "height": 18},
                "encoding": {
                    "y": y,
                    "x": {"field": "from", **x},
                    "x2": {"field": "to"},
                    "color": colour,
                    "tooltip": told,
                },
            },
            {
                "data": {"values": ends},
                "mark": {"type": "tick", "thickness": 4, "size": 20, "opacity": 1},
                "encoding": {"y": y, "x": {"field": "to", **x}, "color": colour, "tooltip": told},
            },
            {
                "data": {"values": [*rows, *ends]},
                "mark": {"type": "text", "align": "left", "dx": 6},
                "encoding": {"y": y, "x": {"field": "end", **x}, "text": {"field": "told"}},
            },
        ],
    )


def _around(ends: Sequence[float], low: float) -> list[float]:
    """An axis around the values, with room for the words after the longest bar."""
    high = max(ends)
    span = (high - low) or abs(high) or 1
    return [max(low - 0.05 * span, 0) if low >= 0 else low - 0.05 * span, high + 0.45 * span]


def _ways() -> dict[str, Any]:
    return {"domain": [UP, DOWN, PLAIN, "end"], "range": ["@up", "@down", "@muted", "@ink"]}
