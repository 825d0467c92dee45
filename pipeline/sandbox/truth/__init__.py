"""The truth behind the simulated company: snapshots, movements and components, from its ledgers.

What belongs here: an independent reading of docs/method, in exact fractions, for tests to hold the
product against. It imports nothing of the product. `value` prices an item, `history` reads the
ledgers at an instant, `snapshot` values them, `movements` and `components` compare two instants.
"""

from pipeline.sandbox.truth.components import Component
from pipeline.sandbox.truth.movements import AccountMovement
from pipeline.sandbox.truth.snapshot import ItemValue
from pipeline.sandbox.truth.truth import Truth

__all__ = ["AccountMovement", "Component", "ItemValue", "Truth"]
