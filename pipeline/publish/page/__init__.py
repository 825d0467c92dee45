"""The report: one HTML file a month that a board member opens, and an index of them. It needs no network.

Belongs here: reading a month for the page (`figures`, `accounts`, `notes`), charts (`charts`, `palette`, `picture`),
sentences beside them (`sentences`), the page (`render`, `page.html.j2`) and its files (`write`). Does not belong
here: a formula.
"""

from pipeline.publish.page.given import Given, Threshold, figures_alone, no_proofs
from pipeline.publish.page.write import Written, pictures, write_report

__all__ = [
    "Given",
    "Threshold",
    "Written",
    "figures_alone",
    "no_proofs",
    "pictures",
    "write_report",
]
