"""Charts of the page as Vega-Lite documents: what the browser draws, and what a PNG is made from.

Belongs here: rows in, a document out. Colours come from the page (`page.js`), which knows light from dark. Does not
belong here: any figure that the rows do not hold.
"""

from pipeline.publish.page.charts.bars import (
    MEMBERS,
    bars,
    concentration,
    members,
    pipeline,
    quality,
    sold,
)
from pipeline.publish.page.charts.cohorts import cohorts, pace
from pipeline.publish.page.charts.parts import Chart
from pipeline.publish.page.charts.series import rate, retention, types
from pipeline.publish.page.charts.steps import waterfall

__all__ = [
    "MEMBERS",
    "Chart",
    "bars",
    "cohorts",
    "concentration",
    "members",
    "pace",
    "pipeline",
    "quality",
    "rate",
    "retention",
    "sold",
    "types",
    "waterfall",
]
