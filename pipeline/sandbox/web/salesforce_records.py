"""The company's CRM records as Salesforce has them: accounts, opportunities, their history, stages, users, contacts.

Belongs here: one plain record in, one Salesforce record out. Does not belong here: queries, logging in, HTTP.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.sandbox.web.salesforce_ids import (
    ACCOUNT,
    CONTACT,
    HISTORY,
    OPPORTUNITY,
    STAGE,
    USER,
    salesforce_id,
)
from pipeline.sandbox.web.world import Json

Crm = Mapping[str, Any]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


STRIPE_ID = "Stripe_Customer_ID__c"
TYPES = {"newbusiness": "New Business", "existingbusiness": "Existing Business"}
STANDARD = frozenset(
    _words(
        "name domain industry country hubspot_owner_id hs_analytics_source stripe_customer_id numberofemployees "
        "hs_object_id createdate hs_lastmodifieddate hs_merged_object_ids hs_additional_domains "
        "hs_parent_company_id"
    )
)
"""Properties that Salesforce has fields of its own for, or none; any other is a custom field."""
HISTORY_ROWS = 1000
"""More than an opportunity has rows of history: number of a row = opportunity x this + which."""


def _instant(iso: str) -> str:
    return f"{iso[:19]}.000+0000"


def _or_null(value: Any) -> Any:
    return value or None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def custom(name: str) -> str:
    """The custom field that shows a property: `customer_tier` is `Customer_Tier__c`."""
    return f"{name.title()}__c"


def accounts(crm: Crm) -> Iterator[Json]:
    """Companies; deleted ones and those that were merged into another stay in the recycle bin."""
    extra = {name for each in crm["companies"].values() for name in each["properties"]} - STANDARD
    for each in crm["companies"].values():
        yield _account(each, extra, deleted=bool(each["archived"]), master=None)
    for merged in crm.get("merged", {}).values():
        master = salesforce_id(ACCOUNT, merged["into"])
        yield _account(merged["record"], extra, deleted=True, master=master)


def _account(record: Json, extra: set[str], *, deleted: bool, master: str | None) -> Json:
    known = record["properties"]
    owner = known.get("hubspot_owner_id")
    return {
        "Id": salesforce_id(ACCOUNT, record["id"]),
        "IsDeleted": deleted,
        "MasterRecordId": master,
        "Name": known.get("name"),
        "Website": _or_null(known.get("domain")),
        "Industry": _or_null(known.get("industry")),
        "OwnerId": salesforce_id(USER, owner) if owner else None,
        "BillingCountry": _or_null(known.get("country")),
        "AccountSource": _or_null(known.get("hs_analytics_source")),
        "NumberOfEmployees": _number(known.get("numberofemployees")),
        "CreatedDate": _instant(known.get("createdate") or record["createdAt"]),
        STRIPE_ID: _or_null(known.get("stripe_customer_id")),
        **{custom(name): _or_null(known.get(name)) for name in extra},
    }


def opportunities(crm: Crm) -> Iterator[Json]:
    """Deals; archived ones are in the recycle bin."""
    stages = _stages(crm)
    for each in crm["deals"].values():
        known = each["properties"]
        stage = stages.get(str(known.get("dealstage")), {})
        company, owner = crm["associations"].get(each["id"]), known.get("hubspot_owner_id")
        yield {
            "Id": salesforce_id(OPPORTUNITY, each["id"]),
            "IsDeleted": bool(each["archived"]),
            "AccountId": salesforce_id(ACCOUNT, company) if isinstance(company, str) else None,
            "Name": known.get("dealname"),
            "Type": TYPES.get(known.get("dealtype"), _or_null(known.get("dealtype"))),
            "StageName": stage.get("MasterLabel", known.get("dealstage")),
            "Amount": _number(known.get("amount")),
            "CurrencyIsoCode": _or_null(known.get("deal_currency_code")),
            "CloseDate": _or_null((known.get("closedate") or "")[:10]),
            "OwnerId": salesforce_id(USER, owner) if owner else None,
            "Probability": stage.get("DefaultProbability"),
            "IsClosed": stage.get("IsClosed", False),
            "IsWon": stage.get("IsWon", False),
            "CreatedDate": _instant(known.get("createdate") or each["createdAt"]),
        }


def histories(crm: Crm) -> Iterator[Json]:
    """One row per opportunity and instant at which its stage, amount or closing date changed."""
    stages = _stages(crm)
    for deal in crm["deals"].values():
        past = deal.get("propertiesWithHistory", {})
        changes = [
            (each["timestamp"], name, each["value"])
            for name in ("dealstage", "amount", "closedate")
            for each in reversed(past.get(name, ()))
        ]
        state: dict[str, Any] = {}
        for number, at in enumerate(sorted({each[0] for each in changes})):
            state |= {name: value for when, name, value in changes if when == at}
            stage = stages.get(str(state.get("dealstage")), {})
            yield {
                "Id": salesforce_id(HISTORY, int(deal["id"]) * HISTORY_ROWS + number),
                "IsDeleted": bool(deal["archived"]),
                "OpportunityId": salesforce_id(OPPORTUNITY, deal["id"]),
                "CreatedDate": _instant(at),
                "StageName": stage.get("MasterLabel", state.get("dealstage")),
                "Amount": _number(state.get("amount")),
                "CloseDate": _or_null((state.get("closedate") or "")[:10]),
                "Probability": stage.get("DefaultProbability"),
            }


def stages(crm: Crm) -> Iterator[Json]:
    """The stages of every pipeline; Salesforce has one list of them."""
    yield from _stages(crm).values()


def _stages(crm: Crm) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for pipeline in crm["pipelines"]:
        for each in pipeline["stages"]:
            probability = float(each["metadata"]["probability"])
            closed = each["metadata"]["isClosed"] == "true"
            found[each["id"]] = {
                "Id": salesforce_id(STAGE, len(found) + 1),
                "ApiName": each["label"],
                "MasterLabel": each["label"],
                "SortOrder": len(found) + 1,
                "IsActive": not each["archived"],
                "IsClosed": closed,
                "IsWon": closed and probability == 1,
                "DefaultProbability": round(100 * probability, 2),
            }
    return found


def users(crm: Crm) -> Iterator[Json]:
    """Owners; one who left is not active any more, and stays."""
    for each in crm["owners"].values():
        name = " ".join(filter(None, (each.get("firstName"), each.get("lastName"))))
        yield {
            "Id": salesforce_id(USER, each["id"]),
            "Name": name or each.get("email"),
            "Email": each.get("email"),
            "IsActive": not each["archived"],
            "CreatedDate": _instant(each["createdAt"]),
        }


def contacts(crm: Crm) -> Iterator[Json]:
    """Contacts with the account that they belong to."""
    for each in crm["contacts"].values():
        company = crm.get("contact_associations", {}).get(each["id"])
        yield {
            "Id": salesforce_id(CONTACT, each["id"]),
            "IsDeleted": bool(each["archived"]),
            "AccountId": salesforce_id(ACCOUNT, company) if isinstance(company, str) else None,
            "Email": _or_null(each["properties"].get("email")),
            "LastName": each["properties"].get("lastname"),
            "CreatedDate": _instant(each["createdAt"]),
        }


OBJECTS: Mapping[str, Callable[[Crm], Iterator[Json]]] = {
    "Account": accounts,
    "Opportunity": opportunities,
    "OpportunityHistory": histories,
    "OpportunityStage": stages,
    "User": users,
    "Contact": contacts,
}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "Account": _words(
        "Id IsDeleted MasterRecordId Name Website Industry OwnerId BillingCountry AccountSource NumberOfEmployees "
        f"CreatedDate {STRIPE_ID}"
    ),
    "Opportunity": _words(
        "Id IsDeleted AccountId Name Type StageName Amount CurrencyIsoCode CloseDate OwnerId Probability IsClosed "
        "IsWon CreatedDate"
    ),
    "OpportunityHistory": _words(
        "Id IsDeleted OpportunityId CreatedDate StageName Amount CloseDate Probability"
    ),
    "OpportunityStage": _words(
        "Id ApiName MasterLabel SortOrder IsActive IsClosed IsWon DefaultProbability"
    ),
    "User": _words("Id Name Email IsActive CreatedDate"),
    "Contact": _words("Id IsDeleted AccountId Email LastName CreatedDate"),
}
"""What each object has whether or not there is a record of it."""


def rows(crm: Crm, name: str, now: str) -> list[Json]:
    """The records of an object that exist at `now` (as HubSpot writes an instant), deleted ones too."""
    edge = now[:19]
    return [each for each in OBJECTS[name](crm) if each.get("CreatedDate", "")[:19] <= edge]


def fields(crm: Crm, name: str) -> list[str]:
    """The names of an object's fields, custom ones too."""
    extra = next(iter(OBJECTS[name](crm)), {})
    return list(dict.fromkeys((*FIELDS[name], *extra)))
