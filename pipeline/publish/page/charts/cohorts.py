"""Cohorts by age.

Belongs here: the heat map of NRR, and how fast accounts expand.
"""

from pipeline.months import key_of
from pipeline.publish.page import words
from pipeline.publish.page.charts.parts import Chart, chart, shown
from pipeline.publish.page.figures import Month
from pipeline.publish.page.growth import FEW, YEAR, Reached, compared, enough

COHORT_STEP = 16
PACE_HEIGHT = 190
NRR_STEPS = (
    (float("-inf"), "under 80%", "@low2"),
    (0.8, "80 to 97%", "@low1"),
    (0.97, "97 to 103%", "@middle"),
    (1.03, "103 to 120%", "@high1"),
    (1.2, "120 to 150%", "@high2"),
    (1.5, "150% and more", "@high3"),
)
"""Colours of a cohort's NRR: from what on, in words, and the colour."""


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
    return chart(
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
                shown("cohort", "First paid in"),
                shown("age", "Months since"),
                shown("told", "NRR"),
                shown("accounts", "Accounts"),
            ],
        },
    )


def pace(found: Month) -> Chart | None:
    """The share of accounts that had expanded by age, of newer cohorts and of older ones.

    Ages that only few accounts have reached are left out. Null where nothing else is there.
    """
    named = {
        f"{name} ({key_of(each.first)} to {key_of(each.last)})": each
        for name, each in zip(("Newer", "Older"), compared(found.growth, found.month), strict=True)
        if each is not None and enough(each, 1)
    }
    if not named:
        return None
    rows = [
        {
            "cohorts": name,
            "age": age,
            "value": reached.share,
            "told": f"{reached.share:.0%}",
            "accounts": reached.accounts,
        }
        for name, each in named.items()
        for age, reached in {0: Reached(each.accounts, 0.0), **each.by_age}.items()
        if age < YEAR and reached.accounts >= FEW
    ]
    scale = {"domain": list(named)}
    legend = {
        "title": None,
        "orient": "top",
        "direction": "vertical",
        "symbolType": "stroke",
        "symbolSize": 400,
        "labelLimit": 260,
    }
    return chart(
        height=PACE_HEIGHT,
        data={"values": rows},
        mark={"type": "line", "strokeWidth": 2, "point": {"size": 40, "filled": True}},
        encoding={
            "x": {
                "field": "age",
                "type": "quantitative",
                "scale": {"domain": [0, YEAR - 1], "nice": False},
                "axis": {
                    "title": "Months since the first payment",
                    "tickCount": 6,
                    "grid": False,
                },
            },
            "y": {
                "field": "value",
                "type": "quantitative",
                "scale": {"zero": True, "nice": True},
                "axis": {"title": None, "format": ".0%", "tickCount": 5},
            },
            "color": {
                "field": "cohorts",
                "type": "nominal",
                "scale": {**scale, "range": ["@plain", "@down"][: len(named)]},
                "legend": legend,
            },
            "strokeDash": {
                "field": "cohorts",
                "type": "nominal",
                "scale": {**scale, "range": [[1, 0], [6, 4]][: len(named)]},
                "legend": legend,
            },
            "tooltip": [
                shown("cohorts", "Cohorts"),
                shown("age", "Months since"),
                shown("told", "Had expanded"),
                shown("accounts", "Accounts so old"),
            ],
        },
    )
