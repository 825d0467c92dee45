"""The CRM's records: companies, deals, owners, contacts, pipelines, in HubSpot's names.

What belongs here: how a record is made, changed, merged, archived and deleted. What does not: when
that happens. A record's `propertiesWithHistory` has every value that a property ever had, newest
first; `merged` has the companies that are gone, by id: the `record`, `into` which one, and `at`.
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
OPEN_STAGE = "qualifiedtobuy"
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
            "merged": {},
        }
        self.stands_for: dict[str, int] = {}
        """Which account (its number) a company stands for; others stand for nobody who buys."""
        self.next = 90_000_000_001
        for number, (first, last) in enumerate(OWNERS):
            self.hire(number, first, last, f"{first}.{last}@vendor.example".lower(), start)
        self.owner_ids = list(self.records["owners"])

    def hire(self, number: int, first: str, last: str, email: str, now: int) -> None:
        """An owner."""
        owner_id = str(410_001 + 37 * number)
        self.records["owners"][owner_id] = {
            "id": owner_id,
            "email": email,
            "firstName": first,
            "lastName": last,
            "userId": 7_001 + number,
            "createdAt": iso(now),
            "updatedAt": iso(now),
            "archived": False,
            "properties": {},
        }

    def put(self, kind: str, now: int, created: int, properties: dict[str, str]) -> str:
        """A new record that says that it was created at `created`; its id."""
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
            "propertiesWithHistory": {
                name: [_version(value, now)] for name, value in properties.items() if value
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
        past = dict(record["propertiesWithHistory"])
        for name, value in properties.items():
            if value != record["properties"].get(name, ""):
                past[name] = [_version(value, now), *past.get(name, [])]
        self.records[kind][record_id] = {
            **record,
            "properties": known,
            "propertiesWithHistory": past,
            "updatedAt": iso(now),
        }

    def archive(self, kind: str, record_id: str, now: int) -> None:
        """A record is in the bin: lists of archived records still show it."""
        record = self.records[kind][record_id]
        gone = {"archived": True, "archivedAt": iso(now), "updatedAt": iso(now)}
        self.records[kind][record_id] = {**record, **gone}

    def delete(self, kind: str, record_id: str, now: int) -> None:
        """A record is gone for good, and what it was associated with."""
        self.records[kind].pop(record_id, None)
        for deal in self._of(record_id, "associations"):
            del self.records["associations"][deal]
        for contact in self._of(record_id, "contact_associations"):
            self.employ(contact, None, now)

    def _of(self, record_id: str, kind: str) -> list[str]:
        """The deals or contacts that are this record, or belong to it."""
        return [child for child, to in self.records[kind].items() if record_id in {child, to}]

    def employ(self, contact: str, company: str | None, now: int) -> None:
        """Which company a contact is of; None: of none any more."""
        self.records["contact_associations"].pop(contact, None)
        if company is not None:
            self.records["contact_associations"][contact] = company
        if contact in self.records["contacts"]:
            self.change("contacts", contact, now, {"associatedcompanyid": company or ""})

    def addressed(self, account: Account, who: Json) -> Json:
        """What Stripe is told of a new customer of the account."""
        del account
        return who

    def add_account(self, account: Account, now: int) -> None:
        """A company with its contact; an unlinked account cannot be known by its addresses either."""
        owner = self.owner_ids[account.number % len(self.owner_ids)]
        account.crm_id = self.put("companies", now, now, {
            "name": account.name,
            "domain": "" if account.unlinked else account.domain,
            "industry": account.industry,
            "country": account.country,
            "hubspot_owner_id": owner,
            "hs_analytics_source": account.channel,
            "stripe_customer_id": "",
            "numberofemployees": str(account.employees),
        })  # fmt: skip
        self.stands_for[account.crm_id] = account.number
        contact = self.put("contacts", now, now, {
            "email": f"{'hello' if account.unlinked else 'billing'}@{account.domain}",
            "firstname": "Billing",
            "lastname": account.name,
        })  # fmt: skip
        self.employ(contact, account.crm_id, now)

    def link_customers(self, account: Account, now: int) -> None:
        """The company knows its Stripe customers, unless nobody ever filled that in."""
        if not account.unlinked:
            linked = ";".join(customer.id for customer in account.customers)
            self.change("companies", account.crm_id, now, {"stripe_customer_id": linked})

    def merge(self, kept: Account, gone: Account, now: int) -> None:
        """One account of two: deals, contacts and customers go to the one that is kept."""
        self.merge_companies(kept.crm_id, gone.crm_id, now)
        gone.crm_id = kept.crm_id

    def merge_companies(self, kept: str, gone: str, now: int) -> None:
        """One company of two: what is known of the one that goes leads to the one that is kept."""
        record = self.records["companies"].pop(gone)
        self.records["merged"][gone] = {"record": record, "into": kept, "at": iso(now)}
        known = self.records["companies"][kept]["properties"]
        ids = [known.get("hs_merged_object_ids"), gone]
        ids.append(record["properties"].get("hs_merged_object_ids"))
        merged = ";".join(each for each in ids if each)
        self.change("companies", kept, now, {"hs_merged_object_ids": merged})
        for deal in self._of(gone, "associations"):
            self.records["associations"][deal] = kept
        for contact in self._of(gone, "contact_associations"):
            self.employ(contact, kept, now)

    def open_deal(self, account: Account, now: int, kind: str, amount: int) -> str:
        """A deal of `kind` newbusiness or existingbusiness over `amount` a year."""
        what = "New business" if kind == "newbusiness" else "Expansion"
        deal = self.put("deals", now, now, {
            "dealname": f"{account.name}: {what}",
            "dealtype": kind,
            "pipeline": PIPELINE,
            "dealstage": OPEN_STAGE,
            "amount": str(amount),
            "deal_currency_code": account.currency.upper(),
            "hubspot_owner_id": self.owner_ids[account.number % len(self.owner_ids)],
            "closedate": iso(now + 45 * DAY),
            "hs_is_closed": "false",
            "hs_is_closed_won": "false",
        })  # fmt: skip
        self.assign(deal, account.crm_id)
        return deal

    def assign(self, deal: str, company: str | None) -> None:
        """Which company a deal is for; None: nobody says."""
        self.records["associations"].pop(deal, None)
        if company is not None:
            self.records["associations"][deal] = company

    def close_deal(self, deal: str, now: int, won: bool) -> None:
        """Won or lost."""
        self.change("deals", deal, now, {
            "dealstage": "closedwon" if won else "closedlost",
            "closedate": iso(now),
            "hs_is_closed": "true",
            "hs_is_closed_won": "true" if won else "false",
        })  # fmt: skip


def _version(value: str, now: int) -> Json:
    return {"value": value, "timestamp": iso(now), "sourceType": "CRM_UI"}


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
