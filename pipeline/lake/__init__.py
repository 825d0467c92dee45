"""The lake: immutable Parquet objects, and the manifest that says which of them are live.

Belongs here: writing, committing and reading tables (`Lake`), and landing raw records (`landing`). Does not belong
here: what a column means, or how a source is read.
"""

from pipeline.lake.lake import Lake
from pipeline.lake.objects import LiveObject, StagedObject

__all__ = ["Lake", "LiveObject", "StagedObject"]
