"""HubSpot's records as its API shows them: chosen properties, histories, associations, definitions.

Belongs here: one record or one page in, JSON out. Does not belong here: keys, addresses, HTTP.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.sandbox.web.world import Json

TYPE_IDS = {"0-1": "contacts", "0-2": "companies", "0-3": "deals"}
DEFAULT_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    "contacts": (
        "createdate",
        "email",
        "firstname",
        "hs_object_id",
        "lastmodifieddate",
        "lastname",
    ),
    "deals": (
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ),
}
KNOWN_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "companies": ("annualrevenue", "country", "hs_additional_domains", "hs_analytics_source", "hs_csm_sentiment",
                  "hs_merged_object_ids", "hs_parent_company_id", "hubspot_owner_id", "industry",
                  "lifecyclestage", "numberofemployees", "type"),
    "contacts": ("associatedcompanyid", "company", "hs_additional_emails", "hubspot_owner_id"),
    "deals": ("amount_in_home_currency", "deal_currency_code", "dealtype", "hs_arr", "hs_is_closed",
              "hs_is_closed_won", "hs_mrr", "hubspot_owner_id"),
}  # fmt: skip
"""Standard properties that a portal has whether or not a record fills them."""
NUMBERS = frozenset(
    {"amount", "amount_in_home_currency", "annualrevenue", "hs_arr", "hs_mrr", "hs_object_id",
     "numberofemployees"}
)  # fmt: skip
INSTANTS = frozenset({"closedate", "createdate", "hs_lastmodifieddate", "lastmodifieddate"})
SINGULAR = {"companies": "company", "contacts": "contact", "deals": "deal"}


def iso(seconds: int) -> str:
    """An instant as HubSpot writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def split(raw: Iterable[str]) -> list[str]:
    """Names from a parameter that may be repeated or separated by commas."""
    return [name for each in raw for name in each.split(",") if name]


def visible(records: Mapping[str, Json], now: int, *, archived: bool) -> list[Json]:
    """The records that exist at `now` (Unix seconds), by id."""
    edge = iso(now)[:19]
    found = [
        record
        for record in records.values()
        if str(record["createdAt"])[:19] <= edge and bool(record["archived"]) is archived
    ]
    return sorted(found, key=lambda record: int(record["id"]))


def page(records: Sequence[Json], after: str | None, limit: int) -> tuple[list[Json], str | None]:
    """One page of records behind the id `after`, and the `after` of the next page."""
    if after is not None:
        records = [record for record in records if int(record["id"]) > int(after)]
    return list(records[:limit]), (records[limit - 1]["id"] if len(records) > limit else None)


def known_properties(kind: str, records: Mapping[str, Json]) -> list[str]:
    """The names of the properties that the portal has for records of `kind`."""
    names = {*DEFAULT_PROPERTIES[kind], *KNOWN_PROPERTIES[kind]}
    for record in records.values():
        names.update(record["properties"])
    return sorted(names)


def show(
    kind: str, record: Json, wanted: Sequence[str], histories: Sequence[str], known: frozenset[str]
) -> Json:
    """A record with its default properties and the wanted ones; unknown names are left out.

    An empty value reads as null, as in HubSpot.
    """
    values = record["properties"]
    names = dict.fromkeys((*DEFAULT_PROPERTIES[kind], *wanted, *histories))
    shown = {
        "id": record["id"],
        "properties": {name: values.get(name) or None for name in names if name in known},
        "createdAt": record["createdAt"],
        "updatedAt": record["updatedAt"],
        "archived": record["archived"],
    }
    if "archivedAt" in record:
        shown["archivedAt"] = record["archivedAt"]
    if histories:
        shown["propertiesWithHistory"] = {
            name: _history(record, name) for name in histories if name in known
        }
    return shown


def _history(record: Json, name: str) -> list[Json]:
    """The values of a property, newest first; without a kept history only the present one."""
    kept = record.get("propertiesWithHistory", {}).get(name)
    if kept is not None:
        return list(kept)
    value = record["properties"].get(name)
    if not value:
        return []
    return [{"value": value, "timestamp": record["updatedAt"], "sourceType": "CRM_UI"}]


def definition(kind: str, name: str) -> Json:
    """What `/crm/properties` says of one property."""
    if name in INSTANTS:
        value_type, field_type = "datetime", "date"
    elif name in NUMBERS:
        value_type, field_type = "number", "number"
    elif name.startswith("hs_is_"):
        value_type, field_type = "bool", "booleancheckbox"
    else:
        value_type, field_type = "string", "text"
    return {
        "name": name,
        "label": name.removeprefix("hs_").replace("_", " ").capitalize(),
        "type": value_type,
        "fieldType": field_type,
        "groupName": f"{SINGULAR[kind]}information",
        "description": "",
        "options": [],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": False,
        "hidden": False,
        "formField": True,
        "archived": False,
        "hubspotDefined": name in (*DEFAULT_PROPERTIES[kind], *KNOWN_PROPERTIES[kind]),
    }


PRIMARY = {("deals", "companies"): (5, 341), ("contacts", "companies"): (1, 279)}
"""(from, to) -> the type ids of HubSpot's primary and unlabelled associations."""


def links(hubspot: Mapping[str, Any], source: str, target: str) -> Mapping[str, list[Json]]:
    """Record id -> what it is associated with: `toObjectId` and `associationTypes`.

    A company that keeps one plain id for a record means its primary association.
    """
    kept = hubspot["associations"]
    if f"{source}/{target}" in kept:
        found: Mapping[str, list[Json]] = kept[f"{source}/{target}"]
        return found
    if target != "companies" or source == "companies":
        return {}
    plain = kept if source == "deals" else hubspot.get("contact_associations", {})
    primary, unlabelled = PRIMARY[source, target]
    kinds = [
        {"category": "HUBSPOT_DEFINED", "typeId": primary, "label": "Primary"},
        {"category": "HUBSPOT_DEFINED", "typeId": unlabelled, "label": None},
    ]
    return {
        record: [{"toObjectId": int(linked), "associationTypes": kinds}]
        for record, linked in plain.items()
        if isinstance(linked, str)
    }


def with_company(hubspot: Mapping[str, Any], kind: str, record: Json) -> Json:
    """A contact with the id of its primary company, which HubSpot fills in itself."""
    company = hubspot.get("contact_associations", {}).get(record["id"])
    if kind != "contacts" or company is None:
        return record
    return {**record, "properties": {**record["properties"], "associatedcompanyid": company}}


def associated(source: str, target: str, entries: Sequence[Json]) -> Json:
    """Associations as a list of records shows them: one row for each type."""
    name = f"{SINGULAR[source]}_to_{SINGULAR[target]}"
    results = [
        {
            "id": str(entry["toObjectId"]),
            "type": name if kind.get("label") else f"{name}_unlabeled",
        }
        for entry in entries
        for kind in entry["associationTypes"]
    ]
    return {"results": results}
