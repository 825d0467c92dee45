"""Accounts: which Stripe customers belong to which CRM account, and the CRM's deals.

Belongs here: pure functions from raw CRM records and customers to the frames of `pipeline.schemas.accounts`; one module
an adapter. Source of the rules: docs/method.md, "Account". Does not belong here: reading a CRM (`pipeline.sources`),
money (`pipeline.mrr`).
"""

from pipeline.crm.accounts import Accounts, accounts, with_first_paid
from pipeline.crm.changes import changed
from pipeline.crm.files import Files
from pipeline.crm.hubspot import HubSpot
from pipeline.crm.protocol import CrmSource, Fields, Told
from pipeline.crm.rules import LinkRules, fields_of
from pipeline.crm.salesforce import Salesforce

CRMS: dict[str, CrmSource] = {each.name: each for each in (HubSpot(), Salesforce(), Files())}
"""Every CRM that can be read, by name."""

__all__ = [
    "CRMS",
    "Accounts",
    "CrmSource",
    "Fields",
    "LinkRules",
    "Told",
    "accounts",
    "changed",
    "fields_of",
    "with_first_paid",
]
