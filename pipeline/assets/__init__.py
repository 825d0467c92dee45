"""The Dagster side: one short asset a step, in the order of the rooms.

Belongs here: reading a step's inputs from the lake, ONE domain call, and writing what came of it. Every asset writes,
checks, and only then shows (`Lake.commit`). Does not belong here: any rule about money (`pipeline.billing`, `mrr`,
`metrics`), or which assets a deployment has (`pipeline.definitions`).

Partitions are mapped by identity only: other months are read from the timeline or the lake, never through a mapping.
The modules import from each other directly, so that this package stays free of wiring at import.
"""
