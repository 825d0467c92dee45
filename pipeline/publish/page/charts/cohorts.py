"""Cohorts by age.

Belongs here: the heat map of NRR.
"""

from pipeline.publish.page import words
from pipeline.publish.page.charts.parts import Chart, chart, shown
from pipeline.publish.page.figures import Month

COHORT_STEP = 16
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
