"""What a CRM shows today, as plain values: companies, contacts and deals that are neither archived nor gone.

What belongs here: reading the simulated CRM's records. What does not: which customer belongs to which
company (`links`), and which deal explains what (`attribution`).
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.sandbox.company import Company
from pipeline.sandbox.web.salesforce_ids import ACCOUNT, OPPORTUNITY, salesforce_id

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
    amount: Decimal | None
    currency: str
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
        since: when the oldest of its deals and of the companies that somebody owns was made; null without deals.
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
    owned = [
        _instant(each["createdAt"])
        for each in _live(records["companies"])
        if each["propertiesWithHistory"].get("hubspot_owner_id")
    ]
    made = [each.created for each in deals]
    since = min([*owned, *made]) if made else None
    return Portal("hubspot", companies, contacts, deals, since)


def salesforce(company: Company) -> Portal:
    """The company's Salesforce: one web address an account, one e-mail a contact, and days without an hour.

    Its accounts have no past but what the nights saw, so only deals say how far back it tells.
    """
    plain, merged = hubspot(company), company.hubspot["merged"]
    ids: dict[str, set[str]] = {each: {each} for each in plain.companies}
    for gone in merged:
        into = gone
        while into in merged:
            into = merged[into]["into"]
        ids.get(into, set()).add(gone)
    records = company.hubspot["companies"]
    companies = {
        key: replace(
            known,
            account_id=f"salesforce:{salesforce_id(ACCOUNT, key)}",
            ids=_both_lengths(ids[key]),
            addresses=(records[key]["properties"].get("domain", ""),),
        )
        for key, known in plain.companies.items()
    }
    linked = company.hubspot["contact_associations"]
    contacts = tuple(
        (each["properties"]["email"], linked[each["id"]])
        for each in _live(company.hubspot["contacts"])
        if linked.get(each["id"]) in companies
    )
    deals = tuple(_opportunity(each) for each in plain.deals)
    made = [each.created for each in deals]
    return Portal("salesforce", companies, contacts, deals, min(made, default=None))


def _both_lengths(ids: set[str]) -> frozenset[str]:
    """Ids of 18 characters and of the 15 that people copy from addresses."""
    long = {salesforce_id(ACCOUNT, each) for each in ids}
    return frozenset(long | {each[:15] for each in long})


def _opportunity(deal: Deal) -> Deal:
    company = None if deal.account_id is None else deal.account_id.partition(":")[2]
    closed = deal.closed
    return replace(
        deal,
        deal_id=f"salesforce:{salesforce_id(OPPORTUNITY, deal.deal_id.partition(':')[2])}",
        account_id=None if company is None else f"salesforce:{salesforce_id(ACCOUNT, company)}",
        closed=None if closed is None else closed.replace(hour=12, minute=0, second=0),
    )


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
        amount=Decimal(fields["amount"]) if fields["amount"] else None,
        currency=fields["deal_currency_code"].lower(),
        owner=owners.get(fields["hubspot_owner_id"]),
        created=_instant(record["createdAt"]),
        closed=_instant(fields["closedate"]) if closed else None,
        won=(fields["hs_is_closed_won"] == "true") if closed else None,
    )
