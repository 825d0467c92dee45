"""HubSpot's records as what a CRM tells.

Belongs here: HubSpot's field names, and nothing about links. Every value of a property arrives as text. Does not belong
here: how the records are read (`pipeline.sources.hubspot`).
"""

from pipeline.crm.hubspot.adapter import HubSpot

__all__ = ["HubSpot"]
