"""HubSpot as a CRM: its five frames, put together.

Belongs here: the protocol's side. Each frame is made in a module beside this one.
"""

import polars as pl

from pipeline.crm.hubspot import changes, companies, deals, people
from pipeline.crm.protocol import Fields, Told
from pipeline.schemas.told import (
    TOLD_ACCOUNT,
    TOLD_ACCOUNT_CHANGE,
    TOLD_CONTACT,
    TOLD_DEAL,
    TOLD_DEAL_CHANGE,
)


class HubSpot:
    """HubSpot as `pipeline.crm.protocol.CrmSource`."""

    name = "hubspot"

    def told(self, raw: pl.LazyFrame, fields: Fields) -> Told:
        """What HubSpot tells; see the protocol."""
        crm = pl.lit(self.name).alias("crm")
        staff = people.owners(raw)
        stages = deals.stages(raw)
        account = companies.companies(raw, fields, staff)
        account_change = changes.of_companies(raw, fields.segment, staff)
        deal_change = changes.of_deals(raw, staff, stages)
        return Told(
            account=TOLD_ACCOUNT.conform(account.with_columns(crm)),
            account_change=TOLD_ACCOUNT_CHANGE.conform(account_change.with_columns(crm)),
            deal=TOLD_DEAL.conform(deals.deals(raw, staff, stages).with_columns(crm)),
            deal_change=TOLD_DEAL_CHANGE.conform(deal_change.with_columns(crm)),
            contact=TOLD_CONTACT.conform(people.contacts(raw).with_columns(crm)),
        )
