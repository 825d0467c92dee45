"""HubSpot: which lists there are, how they are read within its limits, and what is kept of them.

Belongs here: everything that knows HubSpot's API. Does not belong here: what a record means (`pipeline.crm.hubspot`).
"""

from pipeline.sources.hubspot.client import PUBLIC_BASE
from pipeline.sources.hubspot.source import HubSpotSource
from pipeline.sources.hubspot.streams import HUBSPOT_API_VERSION

__all__ = ["HUBSPOT_API_VERSION", "PUBLIC_BASE", "HubSpotSource"]
