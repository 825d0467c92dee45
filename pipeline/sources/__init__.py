"""Where records come from: Stripe, CRMs and their exports, exchange rates.

Belongs here: paging, limits, retries, and which fields are let in. Does not belong here: where records are kept
(`pipeline.lake.landing`) or what they mean (`pipeline.billing`, `pipeline.crm`).
"""

from pipeline.sources.configured import ConnectedCrm, crm_sources, stripe_sources
from pipeline.sources.files import FilesSource
from pipeline.sources.fx import Rates, look_up, rates, stale_rates
from pipeline.sources.hubspot import HubSpotSource
from pipeline.sources.protocol import Clock, Covered, Drained, Page, Record, Rejection, Source
from pipeline.sources.stripe import StripeSource

__all__ = [
    "Clock",
    "ConnectedCrm",
    "Covered",
    "Drained",
    "FilesSource",
    "HubSpotSource",
    "Page",
    "Rates",
    "Record",
    "Rejection",
    "Source",
    "StripeSource",
    "crm_sources",
    "look_up",
    "rates",
    "stale_rates",
    "stripe_sources",
]
