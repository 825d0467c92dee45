"""Raw HubSpot records and Stripe customers, as short as a test needs them."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl

from pipeline.crm import CRMS, Accounts, Fields, LinkRules, accounts
from pipeline.schemas import CUSTOMER, RAW_RECORD

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def raw(*records: tuple[str, dict[str, Any]], at: datetime = FIRST) -> pl.LazyFrame:
    """RAW_RECORD rows of (stream, object), observed at `at`."""
    rows = [
        {
            "source": "hubspot",
            "source_account": "",
            "stream": stream,
            "id": content["id"],
            "created": None,
            "observed_at": at,
            "sync_id": "sync_1",
            "api_version": "2026-09",
            "previous_keys": None,
            "payload": json.dumps(content),
            "hash": f"{hash(json.dumps(content)):x}",
        }
        for stream, content in records
    ]
    return pl.DataFrame(rows, schema=RAW_RECORD.schema).lazy()


def company(
    number: str, *, archived: bool = False, **properties: str
) -> tuple[str, dict[str, Any]]:
    return "company", {"id": number, "archived": archived, "properties": properties}


def deal(number: str, *, archived: bool = False, **properties: str) -> tuple[str, dict[str, Any]]:
    return "deal", {"id": number, "archived": archived, "properties": properties}


def owner(number: str, first: str, last: str, email: str) -> tuple[str, dict[str, Any]]:
    return "owner", {"id": number, "firstName": first, "lastName": last, "email": email}


def belongs(deal_id: str, *companies: tuple[str, str]) -> tuple[str, dict[str, Any]]:
    """Deal -> companies as (id, label)."""
    to = [
        {"toObjectId": int(number), "associationTypes": [{"typeId": 341, "label": label or None}]}
        for number, label in companies
    ]
    return "association", {"id": deal_id, "to": to}


PIPELINE = (
    "pipeline",
    {
        "id": "default",
        "stages": [
            {
                "id": "open",
                "label": "Open",
                "metadata": {"isClosed": "false", "probability": "0.2"},
            },
            {"id": "yes", "label": "Won", "metadata": {"isClosed": "true", "probability": "1.0"}},
            {"id": "no", "label": "Lost", "metadata": {"isClosed": "true", "probability": "0.0"}},
        ],
    },
)


def customers(
    *ids: str, metadata: dict[str, dict[str, str]] | None = None, **columns: Any
) -> pl.LazyFrame:
    """CUSTOMER rows; `metadata` by id, other columns for all."""
    told = metadata or {}
    rows = [
        dict.fromkeys(CUSTOMER.names)
        | {"customer_id": each, "name": f"Name of {each}", "created": FIRST}
        | {"metadata": json.dumps(told[each]) if each in told else None}
        | columns
        for each in ids
    ]
    return pl.DataFrame(rows, schema=CUSTOMER.schema).lazy()


def joined(
    records: pl.LazyFrame,
    people: pl.LazyFrame,
    rules: LinkRules | None = None,
    fields: Fields | None = None,
) -> Accounts:
    """What comes of HubSpot's records and the customers."""
    told = CRMS["hubspot"].told(records, fields or Fields(stripe_ids=("stripe_customer_id",)))
    return accounts([("hubspot", told)], people, rules or LinkRules())
