"""Figures month by month.

Belongs here: the expansion rate with its bounds, expansion by type, retention.
"""

from pipeline.publish.names import TYPES
from pipeline.publish.page import words
from pipeline.publish.page.charts.parts import (
    HEIGHT,
    Chart,
    amounts,
    chart,
    iso,
    months_axis,
    shares_axis,
    shown,
    when,
)
from pipeline.publish.page.figures import Month
from pipeline.publish.page.given import Given


def rate(found: Month, given: Given) -> Chart | None:
    """The expansion rate month by month, its floors and its target; a month that is not closed is hollow.

    Null where no month has a rate.
    """
    rows = [
        {
            "month": iso(row["month"]),
            "value": row["expansion_rate"],
            "told": words.share(row["expansion_rate"], 2),
            "closed": not row["provisional"],
        }
        for row in found.months
        if row["expansion_rate"] is not None
    ]
    if not rows:
        return None
    lines = [
        {"name": f"Floor {words.share(each.value)} ({each.name})", "value": each.value}
        for each in given.thresholds
    ]
    names = [str(each["name"]) for each in lines]
    colours, dashes = ["@down" for _ in lines], [[6, 4] for _ in lines]
    if given.target is not None:
        lines.append({"name": f"Target {words.share(given.target)}", "value": given.target})
        names, colours = [*names, str(lines[-1]["name"])], [*colours, "@up"]
        dashes = [*dashes, [2, 3]]
    named = {
        "field": "name",
        "type": "nominal",
        "legend": {
            "title": None,
            "orient": "top",
            "direction": "vertical",
            "symbolType": "stroke",
            "symbolSize": 400,
            "labelLimit": 260,
        },
    }
    x = months_axis()
    y = shares_axis(zero=True)
    ruled = {
        "data": {"values": lines},
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            "y": y,
            "color": {**named, "scale": {"domain": names, "range": colours}},
            "strokeDash": {**named, "scale": {"domain": names, "range": dashes}},
            "tooltip": [shown("name", "Line")],
        },
    }
    return chart(
        height=HEIGHT,
        layer=[
            {
                "data": {"values": rows},
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": rows},
                "mark": {
                    "type": "point",
                    "size": 45,
                    "opacity": 1,
                    "stroke": "@plain",
                    "filled": True,
                },
                "encoding": {
                    "x": x,
                    "y": y,
                    "fill": {
                        "condition": {"test": "datum.closed", "value": "@plain"},
                        "value": "@card",
                    },
                    "tooltip": [when(), shown("told", "Expansion rate")],
                },
            },
            *([ruled] if lines else []),
        ],
    )


def types(found: Month) -> Chart:
    """Expansion by type over a year, one stacked bar a month."""
    rows = [
        {
            "month": iso(row["month"]),
            "type": words.kind(row["type"]),
            "amount": row["amount"],
            "told": words.signed(row["amount"]),
        }
        for row in found.types
    ]
    return chart(
        height=HEIGHT,
        data={"values": rows},
        mark={"type": "bar"},
        encoding={
            "x": {**months_axis(), "type": "ordinal"},
            "y": {
                "field": "amount",
                "type": "quantitative",
                "axis": {"title": None, **amounts(), "tickCount": 5},
            },
            "color": {
                "field": "type",
                "type": "nominal",
                "scale": {
                    "domain": list(TYPES.values()),
                    "range": [f"@type{number}" for number in range(8)],
                },
                "legend": {"title": None, "orient": "bottom", "columns": 2, "symbolType": "square"},
            },
            "tooltip": [when(), shown("type", "Type"), shown("told", "Expansion MRR")],
        },
    )


def retention(found: Month) -> Chart | None:
    """NRR and GRR over twelve months, as lines; null where no month has twelve behind it."""
    rows = [
        {
            "month": iso(row["month"]),
            "name": name,
            "value": row[column],
            "told": words.share(row[column]),
        }
        for row in found.years
        for name, column in (("NRR", "nrr"), ("GRR", "grr"))
        if row[column] is not None
    ]
    if not rows:
        return None
    legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolSize": 400}
    colour = {
        "field": "name",
        "type": "nominal",
        "scale": {"domain": ["NRR", "GRR"], "range": ["@up", "@plain"]},
        "legend": legend,
    }
    return chart(
        height=HEIGHT,
        data={"values": rows},
        layer=[
            {
                "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 40}},
                "encoding": {
                    "x": months_axis(),
                    "y": shares_axis(zero=False),
                    "color": colour,
                    "strokeDash": {
                        "field": "name",
                        "type": "nominal",
                        "scale": {"domain": ["NRR", "GRR"], "range": [[1, 0], [5, 3]]},
                        "legend": legend,
                    },
                    "tooltip": [when(), shown("name", "Figure"), shown("told", "12 months")],
                },
            },
            {
                "data": {"values": [{"value": 1}]},
                "mark": {"type": "rule", "opacity": 0.5},
                "encoding": {"y": shares_axis(zero=False)},
            },
        ],
    )
