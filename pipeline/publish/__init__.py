"""What people look at: the warehouse's tables and the summary on the terminal.

Belongs here: putting computed frames into the database, versions of closed months, and reading them for people. Does
not belong here: a formula (`pipeline.metrics`), the tables' shape (`pipeline.schemas`, `pipeline.database`).
"""

from pipeline.publish.restatements import restate
from pipeline.publish.summary import Summary, summary
from pipeline.publish.warehouse import months_of, publish_months, published, replace_table

__all__ = [
    "Summary",
    "months_of",
    "publish_months",
    "published",
    "replace_table",
    "restate",
    "summary",
]
