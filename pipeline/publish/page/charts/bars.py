"""One bar a member, all on one scale.

Belongs here: charts that compare members, shares or stages of one month.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.publish.page import words
from pipeline.publish.page.charts.parts import STEP, Chart, chart, shown
from pipeline.publish.page.figures import Month
from pipeline.publish.page.past import Row

MEMBERS = 12


def members(rows: Sequence[Row]) -> Chart:
    """Expansion MRR of a dimension's members, largest first, with their rates."""
    found = [
        {
            "name": row["member"],
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
        "axis": {"title": None, "ticks": False, "labelLimit": 140},
    }
    largest = max((row["amount"] for row in rows), default=0)
    smallest = min((row["amount"] for row in rows), default=0)
    x = {
        "field": "amount",
        "type": "quantitative",
        "scale": {"domain": [min(smallest, 0), (max(largest, 0) or 1) * 1.9]},
        "axis": None,
    }
    return chart(
        height=STEP * len(order),
        data={"values": list(rows)},
        layer=[
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": 18},
                "encoding": {
                    "y": y,
                    "x": x,
                    "tooltip": [shown("name", "Name"), shown("told", title)],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {"y": y, "x": x, "text": {"field": "told"}},
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
            "name": words.brought_by(each.attribution),
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
