"""The CRM of the simulated company: HubSpot companies, deals, owners, contacts, pipelines.

What belongs here: HubSpot's records as its API shows them. What does not: when deals happen
(`behaviour`).
"""

from typing import Any

from pipeline.sandbox.company.calendar import DAY, moment
from pipeline.sandbox.company.people import Account

Json = dict[str, Any]

OWNERS = (
    ("Ann", "Lee"), ("Ben", "Okafor"), ("Carla", "Rossi"), ("David", "Novak"), ("Ewa", "Lind"),
    ("Farid", "Haddad"),
)  # fmt: skip
PIPELINE = "default"
STAGES = (
    ("appointmentscheduled", "Appointment scheduled", "0.2", "false"),
    ("qualifiedtobuy", "Qualified to buy", "0.4", "false"),
    ("contractsent", "Contract sent", "0.9", "false"),
    ("closedwon", "Closed won", "1.0", "true"),
    ("closedlost", "Closed lost", "0.0", "true"),
)


def iso(seconds: int) -> str:
    """An instant as HubSpot writes it."""
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Crm:
    """HubSpot's records, filled as time passes."""

    def __init__(self, start: int) -> None:
        self.records: dict[str, Any] = {
            "companies": {},
            "deals": {},
            "owners": {},
            "contacts": {},
            "pipelines": [_pipeline(start)],
            "associations": {},
            "contact_associations": {},
        }
        self.next = 90_000_000_001
        for number, (first, last) in enumerate(OWNERS):
            owner_id = str(410_001 + 37 * number)
            self.records["owners"][owner_id] = {
                "id": owner_id,
                "email": f"{first}.{last}@vendor.example".lower(),
                "firstName": first,
                "lastName": last,
                "userId": 7_001 + number,
                "createdAt": iso(start),
                "updatedAt": iso(start),
                "archived": False,
                "properties": {},
            }
        self.owner_ids = list(self.records["owners"])

    def _put(self, kind: str, now: int, created: int, properties: dict[str, str]) -> str:
        record_id = str(self.next)
        self.next += 13
        self.records[kind][record_id] = {
            "id": record_id,
            "properties": {
                **properties,
                "hs_object_id": record_id,
                "createdate": iso(created),
                "hs_lastmodifieddate": iso(now),
            },
            "createdAt": iso(created),
            "updatedAt": iso(now),
            "archived": False,
        }
        return record_id

    def change(self, kind: str, record_id: str, now: int, properties: dict[str, str]) -> None:
        """Some properties of a record change."""
        record = self.records[kind][record_id]
        known = {**record["properties"], **properties, "hs_lastmodifieddate": iso(now)}
        self.records[kind][record_id] = {**record, "properties": known, "updatedAt": iso(now)}

    def add_account(self, account: Account, now: int) -> None:
        """A company with its contact."""
        owner = self.owner_ids[account.number % len(self.owner_ids)]
        account.crm_id = self._put("companies", now, now, {
            "name": account.name,
            "domain": account.domain,
            "industry": account.industry,
            "country": account.country,
            "hubspot_owner_id": owner,
            "hs_analytics_source": account.channel,
            "stripe_customer_id": "",
            "numberofemployees": str(account.employees),
        })  # fmt: skip
        contact = self._put("contacts", now, now, {
            "email": f"billing@{account.domain}",
            "firstname": "Billing",
            "lastname": account.name,
        })  # fmt: skip
        self.records["contact_associations"][contact] = account.crm_id

    def link_customers(self, account: Account, now: int) -> None:
        """The company knows its Stripe customers, unless nobody ever filled that in."""
        if not account.unlinked:
            linked = ";".join(customer.id for customer in account.customers)
            self.change("companies", account.crm_id, now, {"stripe_customer_id": linked})

    def merge(self, kept: Account, gone: Account, now: int) -> None:
        """One company of two: deals, contacts and customers go to the one that is kept."""
        record = self.records["companies"].pop(gone.crm_id)
        known = self.records["companies"][kept.crm_id]["properties"]
        ids = [known.get("hs_merged_object_ids"), gone.crm_id]
        ids.append(record["properties"].get("hs_merged_object_ids"))
        merged = ";".join(each for each in ids if each)
        self.change("companies", kept.crm_id, now, {"hs_merged_object_ids": merged})
        for kind in ("associations", "contact_associations"):
            for child, company in self.records[kind].items():
                if company == gone.crm_id:
                    self.records[kind][child] = kept.crm_id
        gone.crm_id = kept.crm_id

    def open_deal(self, account: Account, now: int, kind: str, amount: int) -> str:
        """A deal of `kind` newbusiness or existingbusiness over `amount` a year."""
        what = "New business" if kind == "newbusiness" else "Expansion"
        deal = self._put("deals", now, now, {
            "dealname": f"{account.name}: {what}",
            "dealtype": kind,
            "pipeline": PIPELINE,
            "dealstage": "qualifiedtobuy",
            "amount": str(amount),
            "deal_currency_code": account.currency.upper(),
            "hubspot_owner_id": self.owner_ids[account.number % len(self.owner_ids)],
            "closedate": iso(now + 45 * DAY),
            "hs_is_closed": "false",
            "hs_is_closed_won": "false",
        })  # fmt: skip
        self.records["associations"][deal] = account.crm_id
        return deal

    def close_deal(self, deal: str, now: int, won: bool) -> None:
        """Won or lost."""
        self.change("deals", deal, now, {
            "dealstage": "closedwon" if won else "closedlost",
            "closedate": iso(now),
            "hs_is_closed": "true",
            "hs_is_closed_won": "true" if won else "false",
        })  # fmt: skip


def _pipeline(start: int) -> Json:
    return {
        "id": PIPELINE,
        "label": "Sales pipeline",
        "displayOrder": 0,
        "createdAt": iso(start),
        "updatedAt": iso(start),
        "archived": False,
        "stages": [
            {
                "id": stage,
                "label": label,
                "displayOrder": order,
                "metadata": {"probability": probability, "isClosed": closed},
                "createdAt": iso(start),
                "updatedAt": iso(start),
                "archived": False,
            }
            for order, (stage, label, probability, closed) in enumerate(STAGES)
        ],
    }
