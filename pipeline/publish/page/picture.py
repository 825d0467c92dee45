"""A chart of the page as a PNG, for places that run no script: Dagster's UI, a message.

Belongs here: drawing, without a browser and without a network.
"""

import vl_convert

from pipeline.publish.page.charts import Chart
from pipeline.publish.page.palette import LIGHT, coloured

WIDTH = 560


def png(chart: Chart, width: int = WIDTH) -> bytes:
    """The chart on white, so many pixels wide."""
    document = {**coloured(chart, LIGHT), "width": width, "background": "white", "padding": 12}
    drawn: bytes = vl_convert.vegalite_to_png(
        document, config={**LIGHT.config, "background": "white"}, show_warnings=False
    )
    return drawn
