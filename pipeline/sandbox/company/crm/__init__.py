"""The CRM of the simulated company, as one plain model of records that each simulated CRM shows in its own shape.

What belongs here: companies, contacts, deals, owners, what became of them, and the past of their
properties. What does not: when customers buy (`behaviour`), and how an API shows a record.
`records` keeps them and lives the usual life, which is tidy; `life`, `people` and `deals` live the
turns of `CRM_TURNS`, for which `addresses` has the names.
"""

from pipeline.sandbox.company.crm.deals import LivelyCrm
from pipeline.sandbox.company.crm.records import Crm

__all__ = ["Crm", "LivelyCrm"]
