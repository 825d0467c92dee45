"""The truth behind the simulated company: snapshots, movements and components, from its ledgers.

What belongs here: an independent reading of docs/method, in exact fractions, for tests to hold the
product against. It imports nothing of the product. `value` prices an item, `history` reads the
ledgers at an instant, `snapshot` values them, `movements` and `components` compare two instants.
`scheduled` says what is to come.
Of the CRM, `portal` reads the records, `links` says which account each customer must be linked to, and
`attribution` who brought each component, for which `changes` finds when it came about.
"""

from pipeline.sandbox.truth.attribution import Attributed, Attribution, Windows
from pipeline.sandbox.truth.components import Component
from pipeline.sandbox.truth.links import Link, Links
from pipeline.sandbox.truth.movements import AccountMovement
from pipeline.sandbox.truth.portal import Deal, Portal, hubspot, salesforce
from pipeline.sandbox.truth.scheduled import Scheduled
from pipeline.sandbox.truth.snapshot import ItemValue
from pipeline.sandbox.truth.truth import Truth

__all__ = [
    "AccountMovement",
    "Attributed",
    "Attribution",
    "Component",
    "Deal",
    "ItemValue",
    "Link",
    "Links",
    "Portal",
    "Scheduled",
    "Truth",
    "Windows",
    "hubspot",
    "salesforce",
]
