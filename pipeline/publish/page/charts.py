"""Charts of the page as Vega-Lite documents: what the browser draws, and what a PNG is made from.

Belongs here: rows in, a document out. Colours come from the page (`page.js`), which knows light from dark. Does not
belong here: any figure that the rows do not hold.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pipeline.publish.page import words
from pipeline.publish.page.figures import Month, Row
from pipeline.publish.page.given import Given

Chart = dict[str, Any]
UP, DOWN, PLAIN = "up", "down", "plain"
HEIGHT = 240
STEP = 30
"""Pixels a bar."""
COHORT_STEP = 16
MEMBERS = 12
NRR_STEPS = (
    (float("-inf"), "under 80%", "@low2"),
    (0.8, "80 to 97%", "@low1"),
    (0.97, "97 to 103%", "@middle"),
    (1.03, "103 to 120%", "@high1"),
    (1.2, "120 to 150%", "@high2"),
    (1.5, "150% and more", "@high3"),
)
"""Colours of a cohort's NRR: from what on, in words, and the colour."""
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
        "axis": {"title": None, "format": "~s", "tickCount": 4, "labelOverlap": True},
    }
    colour = {"field": "way", "type": "nominal", "legend": None, "scale": _ways()}
    told = [_shown("step", "Step"), _shown("told", "MRR")]
    return _chart(
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


def rate(found: Month, given: Given) -> Chart | None:
    """The expansion rate month by month, its floors and its target; a month that is not closed is hollow.

    Null where no month has a rate.
    """
    rows = [
        {
            "month": _iso(row["month"]),
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
    x = _months()
    y = _shares(zero=True)
    ruled = {
        "data": {"values": lines},
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            "y": y,
            "color": {**named, "scale": {"domain": names, "range": colours}},
            "strokeDash": {**named, "scale": {"domain": names, "range": dashes}},
            "tooltip": [_shown("name", "Line")],
        },
    }
    return _chart(
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
                    "tooltip": [_when(), _shown("told", "Expansion rate")],
                },
            },
            *([ruled] if lines else []),
        ],
    )


def types(found: Month) -> Chart:
    """Expansion by type over a year, one stacked bar a month."""
    rows = [
        {
            "month": _iso(row["month"]),
            "type": words.kind(row["type"]),
            "amount": row["amount"],
            "told": words.signed(row["amount"]),
        }
        for row in found.types
    ]
    return _chart(
        height=HEIGHT,
        data={"values": rows},
        mark={"type": "bar"},
        encoding={
            "x": {**_months(), "type": "ordinal"},
            "y": {
                "field": "amount",
                "type": "quantitative",
                "axis": {"title": None, "format": "~s", "tickCount": 5},
            },
            "color": {
                "field": "type",
                "type": "nominal",
                "scale": {
                    "domain": list(words.TYPES.values())[:8],
                    "range": [f"@type{number}" for number in range(8)],
                },
                "legend": {"title": None, "orient": "bottom", "columns": 2, "symbolType": "square"},
            },
            "tooltip": [_when(), _shown("type", "Type"), _shown("told", "Expansion MRR")],
        },
    )


def members(rows: Sequence[Row]) -> Chart:
    """Expansion MRR of a dimension's members, largest first, with their rates."""
    found = [
        {
            "name": words.plain(row["member"]),
            "amount": row["expansion_mrr"],
            "told": f"{words.money(row['expansion_mrr'])} ({words.share(row['expansion_rate'])})",
        }
        for row in rows[:MEMBERS]
    ]
    return bars(found, "Expansion MRR")


def bars(rows: Sequence[Mapping[str, Any]], title: str) -> Chart:
    """One horizontal bar a row (`name`, `amount`, and `told` at its end), in the order of the rows."""
    order = [row["name"] for row in rows]
    y = {
        "field": "name",
        "type": "nominal",
        "sort": order,
        "axis": {"title": None, "ticks": False, "labelLimit": 110},
    }
    largest = max((row["amount"] for row in rows), default=0)
    smallest = min((row["amount"] for row in rows), default=0)
    x = {
        "field": "amount",
        "type": "quantitative",
        "scale": {"domain": [min(smallest, 0), (max(largest, 0) or 1) * 1.9]},
        "axis": None,
    }
    return _chart(
        height=STEP * len(order),
        data={"values": list(rows)},
        layer=[
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": 18},
                "encoding": {
                    "y": y,
                    "x": x,
                    "tooltip": [_shown("name", "Name"), _shown("told", title)],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {"y": y, "x": x, "text": {"field": "told"}},
            },
        ],
    )


def cohorts(found: Month) -> Chart:
    """NRR of cohorts by age: blue above what they began with, orange below."""
    rows = [
        {
            "cohort": f"{row['cohort_month']:%Y-%m}",
            "age": row["age_months"],
            "step": next(name for least, name, _ in reversed(NRR_STEPS) if row["nrr"] >= least),
            "told": words.share(row["nrr"], 0),
            "accounts": row["accounts"],
        }
        for row in found.cohorts
        if row["nrr"] is not None
    ]
    return _chart(
        height=COHORT_STEP * len({row["cohort"] for row in rows}),
        data={"values": rows},
        mark={"type": "rect"},
        encoding={
            "y": {"field": "cohort", "type": "ordinal", "axis": {"title": None, "ticks": False}},
            "x": {
                "field": "age",
                "type": "ordinal",
                "axis": {
                    "title": "Months since the first payment",
                    "labelAngle": 0,
                    "labelOverlap": True,
                },
            },
            "color": {
                "field": "step",
                "type": "nominal",
                "scale": {
                    "domain": [name for _, name, _ in NRR_STEPS],
                    "range": [colour for _, _, colour in NRR_STEPS],
                },
                "legend": {"title": None, "orient": "top", "columns": 3, "symbolType": "square"},
            },
            "tooltip": [
                _shown("cohort", "First paid in"),
                _shown("age", "Months since"),
                _shown("told", "NRR"),
                _shown("accounts", "Accounts"),
            ],
        },
    )


def retention(found: Month) -> Chart | None:
    """NRR and GRR over twelve months, as lines; null where no month has twelve behind it."""
    rows = [
        {
            "month": _iso(row["month"]),
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
    return _chart(
        height=HEIGHT,
        data={"values": rows},
        layer=[
            {
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {
                    "x": _months(),
                    "y": _shares(zero=False),
                    "color": colour,
                    "strokeDash": {
                        "field": "name",
                        "type": "nominal",
                        "scale": {"domain": ["NRR", "GRR"], "range": [[1, 0], [5, 3]]},
                        "legend": legend,
                    },
                    "tooltip": [_when(), _shown("name", "Figure"), _shown("told", "12 months")],
                },
            },
            {
                "data": {"values": [{"value": 1}]},
                "mark": {"type": "rule", "opacity": 0.5},
                "encoding": {"y": _shares(zero=False)},
            },
        ],
    )


def concentration(found: Month) -> Chart:
    """How much of the expansion the largest accounts bring."""
    names = (("top1_share", "Largest"), ("top5_share", "Largest 5"), ("top10_share", "Largest 10"))
    rows = [
        {"name": name, "amount": found.total[column], "told": words.share(found.total[column], 0)}
        for column, name in names
        if found.total[column] is not None
    ]
    return bars(rows, "Share of the expansion")


def quality(found: Month) -> Chart:
    """What of the ending MRR stands at a discount, or may not last."""
    whole = found.total["ending_mrr"] or 1
    rows = [
        {
            "name": name,
            "amount": found.total[column],
            "told": f"{words.money(found.total[column])} ({found.total[column] / whole:.0%})",
        }
        for column, name in (("discounted_mrr", "At a discount"), ("at_risk_mrr", "At risk"))
    ]
    return bars(rows, "MRR")


def sold(found: Month) -> Chart:
    """Expansion by who brought it."""
    shares = found.brought.shares if found.brought else ()
    whole = sum(each.amount for each in shares) or 1
    rows = [
        {
            "name": words.BROUGHT.get(each.attribution, each.attribution),
            "amount": each.amount,
            "told": f"{words.signed(each.amount)} ({each.amount / whole:.0%})",
        }
        for each in shares
    ]
    return bars(rows, "Expansion MRR")


def pipeline(found: Month) -> Chart:
    """Open expansion deals by stage."""
    rows = [
        {
            "name": row["stage"],
            "amount": row["amount"],
            "told": f"{words.money(row['amount'])} ({words.counted(row['deals'], 'deal')})",
        }
        for row in found.stages[:MEMBERS]
    ]
    return bars(rows, "Amount")


def _chart(**parts: Any) -> Chart:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        **parts,
    }


def _around(ends: Sequence[float], low: float) -> list[float]:
    """An axis around the values, with room for the words after the longest bar."""
    high = max(ends)
    span = (high - low) or abs(high) or 1
    return [max(low - 0.05 * span, 0) if low >= 0 else low - 0.05 * span, high + 0.45 * span]


def _ways() -> dict[str, Any]:
    return {"domain": [UP, DOWN, PLAIN, "end"], "range": ["@up", "@down", "@muted", "@ink"]}


def _iso(month: date) -> str:
    return month.isoformat()


def _months() -> dict[str, Any]:
    return {
        "field": "month",
        "type": "temporal",
        "timeUnit": "utcyearmonth",
        "axis": {"title": None, "format": "%b %y", "labelOverlap": True, "grid": False},
    }


def _shares(*, zero: bool) -> dict[str, Any]:
    return {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": zero, "nice": True},
        "axis": {"title": None, "format": ".0%" if not zero else ".1~%", "tickCount": 5},
    }


def _when() -> dict[str, Any]:
    return {
        "field": "month",
        "type": "temporal",
        "timeUnit": "utcyearmonth",
        "title": "Month",
        "format": "%b %Y",
    }


def _shown(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "title": title}
