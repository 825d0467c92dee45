"""What a CRM shows today, as plain values: companies, contacts and deals that are neither archived nor gone.

What belongs here: reading the simulated CRM's records. What does not: which customer belongs to which
company (`links`), and which deal explains what (`attribution`).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.sandbox.company import Company

STRIPE_IDS = "stripe_customer_id"


@dataclass(frozen=True)
class Known:
    """A company of the CRM.

    Attributes:
        account_id: as the product calls it.
        ids: its own id and those of all companies that became part of it.
        stripe_ids: the Stripe customers that it names.
        addresses: domains and web addresses, as written.
        owner: who looks after it, by name.
    """

    account_id: str
    ids: frozenset[str]
    stripe_ids: frozenset[str]
    addresses: tuple[str, ...]
    owner: str | None


@dataclass(frozen=True)
class Deal:
    """A deal; `account_id` is null where its company is not there any more."""

    deal_id: str
    account_id: str | None
    type: str
    amount: float | None
    owner: str | None
    created: datetime
    closed: datetime | None
    won: bool | None


@dataclass(frozen=True)
class Portal:
    """A CRM.

    Attributes:
        name: as the product calls it.
        companies: by their own id.
        contacts: (e-mail address as written, id of its company).
        deals: every deal.
        since: when the oldest company or deal of it was made.
    """

    name: str
    companies: dict[str, Known]
    contacts: tuple[tuple[str, str], ...]
    deals: tuple[Deal, ...]
    since: datetime | None


def hubspot(company: Company) -> Portal:
    """The company's HubSpot."""
    records = company.hubspot
    owners = _owners(records["owners"])
    companies = {
        each["id"]: Known(
            account_id=f"hubspot:{each['id']}",
            ids=frozenset({each["id"], *_several(each, "hs_merged_object_ids")}),
            stripe_ids=frozenset(_several(each, STRIPE_IDS)),
            addresses=(
                each["properties"].get("domain", ""),
                *_several(each, "hs_additional_domains"),
            ),
            owner=owners.get(each["properties"].get("hubspot_owner_id", "")),
        )
        for each in _live(records["companies"])
    }
    linked, of_deal = records["contact_associations"], records["associations"]
    contacts = tuple(
        (email, linked[each["id"]])
        for each in _live(records["contacts"])
        if linked.get(each["id"]) in companies
        for email in (each["properties"]["email"], *_several(each, "hs_additional_emails"))
    )
    deals = tuple(
        _deal(each, companies.get(of_deal.get(each["id"], "")), owners)
        for each in _live(records["deals"])
    )
    made = [
        _instant(each["createdAt"])
        for kind in ("companies", "deals")
        for each in _live(records[kind])
    ]
    return Portal("hubspot", companies, contacts, deals, min(made, default=None))


def _live(records: dict[str, Any]) -> list[Any]:
    return [each for each in records.values() if not each["archived"]]


def _several(record: Any, name: str) -> list[str]:
    parts = (record["properties"].get(name) or "").split(";")
    return [part.strip() for part in parts if part.strip()]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _owners(records: dict[str, Any]) -> dict[str, str]:
    """Names; with the address where two people have the same."""
    names = {key: f"{each['firstName']} {each['lastName']}" for key, each in records.items()}
    count = Counter(names.values())
    return {
        key: f"{name} <{records[key]['email']}>" if count[name] > 1 else name
        for key, name in names.items()
    }


def _deal(record: Any, company: Known | None, owners: dict[str, str]) -> Deal:
    fields = record["properties"]
    closed = fields["hs_is_closed"] == "true"
    return Deal(
        deal_id=f"hubspot:{record['id']}",
        account_id=None if company is None else company.account_id,
        type=fields["dealtype"],
        amount=float(fields["amount"]) if fields["amount"] else None,
        owner=owners.get(fields["hubspot_owner_id"]),
        created=_instant(record["createdAt"]),
        closed=_instant(fields["closedate"]) if closed else None,
        won=(fields["hs_is_closed_won"] == "true") if closed else None,
    )
