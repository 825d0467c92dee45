"""Accounts: which Stripe customers belong to which CRM account, and the CRM's deals.

Belongs here: pure functions from raw CRM records and customers to the frames of `pipeline.schemas.accounts`. Source of
the rules: docs/method.md, "Account". Does not belong here: reading a CRM (`pipeline.sources`), money (`pipeline.mrr`).
"""

from pipeline.crm.accounts import Accounts, accounts, with_first_paid
from pipeline.crm.rules import LinkRules

__all__ = ["Accounts", "LinkRules", "accounts", "with_first_paid"]
