"""Raw Salesforce records, as short as a test needs them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import polars as pl

from pipeline.crm import CRMS, Fields, Told
from pipeline.crm.protocol import Told as Frames
from pipeline.sandbox.web.salesforce_ids import salesforce_id
from pipeline.schemas import RAW_RECORD

FIRST = datetime(2026, 1, 1, 3, tzinfo=UTC)
STRIPE_ID = "Stripe_Customer_ID__c"
NIGHT = timedelta(days=1)
Rows = tuple[str, dict[str, Any]]


def raw(*nights: list[Rows]) -> pl.LazyFrame:
    """RAW_RECORD rows of (stream, object), one list a night, newest first: order must not matter."""
    rows = [
        {
            "source": "salesforce",
            "source_account": "",
            "stream": stream,
            "id": content["id"],
            "created": None,
            "observed_at": FIRST + NIGHT * number,
            "sync_id": f"sync_{number}",
            "api_version": "64.0",
            "previous_keys": None,
            "payload": orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode(),
            "hash": "",
        }
        for number, night in enumerate(nights)
        for stream, content in night
    ]
    return pl.DataFrame(rows[::-1], schema=RAW_RECORD.schema).lazy()


def told(*nights: list[Rows], segment: str | None = None) -> Frames:
    fields = Fields(("stripe_customer_id", STRIPE_ID), segment)
    found: Told = CRMS["salesforce"].told(raw(*nights), fields)
    return found


def rows(frame: pl.LazyFrame, *names: str) -> list[tuple[Any, ...]]:
    return frame.select(names).sort(names).collect().rows()


def of(number: int) -> str:
    """An account's id."""
    return salesforce_id("001", number)


def account(number: int, **fields: Any) -> Rows:
    known = {"Name": f"Account {number}", "IsDeleted": False, "MasterRecordId": None}
    return "account", {"id": of(number), **known, **fields}


def deal(number: int, **fields: Any) -> Rows:
    known = {
        "AccountId": of(1),
        "StageName": "Proposal",
        "Type": "Existing Business",
        "Amount": 1200.5,
        "CloseDate": "2026-03-01",
        "CreatedDate": "2026-01-05T09:30:00.000+0000",
        "IsClosed": False,
        "IsWon": False,
        "IsDeleted": False,
        "Probability": 60.0,
        "OwnerId": "0051",
    }
    return "opportunity", {"id": f"006{number}", **known, **fields}


def history(number: int, deal_number: int, at: str, **fields: Any) -> Rows:
    known = {
        "OpportunityId": f"006{deal_number}",
        "CreatedDate": f"{at}T10:00:00.000+0000",
        "IsDeleted": False,
    }
    return "opportunity_history", {"id": f"008{number}", **known, **fields}


def stage(name: str, *, closed: bool = False, won: bool = False, label: str = "") -> Rows:
    return "opportunity_stage", {
        "id": f"01J{name}", "ApiName": name, "MasterLabel": label or name, "IsClosed": closed, "IsWon": won,
    }  # fmt: skip


def user(number: int, name: str, email: str | None = None) -> Rows:
    return "user", {"id": f"005{number}", "Name": name, "Email": email, "IsActive": True}


def gone(stream: str, id_: str) -> Rows:
    return stream, {"gone": True, "id": id_}


STAGES = [
    stage("Proposal", label="Proposal sent"),
    stage("Closed Won", closed=True, won=True),
    stage("Closed Lost", closed=True),
]
