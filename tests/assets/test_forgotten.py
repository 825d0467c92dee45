"""Who is forgotten: addresses are found however they are written."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.assets import forgotten
from pipeline.assets.place import Place
from pipeline.crm.levels import as_before
from pipeline.schemas import (
    ACCOUNT_ALIAS,
    ACCOUNT_LINK,
    ACCOUNT_LINK_CHANGE,
    CUSTOMER,
    FORGOTTEN,
    RAW_RECORD,
)
from pipeline.settings import Settings

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(Settings.load({"PIPELINE_NOW": NOW.isoformat()}, tmp_path))
    yield made
    made.close()


def stored(place: Place, source: str, stream: str, content: dict[str, Any]) -> None:
    row = dict.fromkeys(RAW_RECORD.names, "") | {
        "source": source,
        "stream": stream,
        "id": content["id"],
        "created": None,
        "observed_at": NOW,
        "previous_keys": None,
        "payload": json.dumps(content, separators=(",", ":"), ensure_ascii=False),
    }
    frame = pl.DataFrame([row], schema=RAW_RECORD.schema)
    written = place.lake.write(RAW_RECORD, frame, f"{source}.{stream}")
    place.lake.commit([written], run_id="run")


def known(place: Place, email: str) -> None:
    """The one customer that there is."""
    stored(place, "stripe", "customer", {"id": "cus_1", "email": email})
    row = dict.fromkeys(CUSTOMER.names) | {"customer_id": "cus_1", "created": NOW, "email": email}
    frame = pl.DataFrame([row], schema=CUSTOMER.schema)
    place.lake.commit([place.lake.write(CUSTOMER, frame)], run_id="run")


@pytest.mark.parametrize(
    ("theirs", "as_the_crm_writes_it"),
    [("ann@acme.example", "Ann@Acme.example"), ("ann@müller.example", "Ann@Müller.example")],
)
def test_contacts_with_the_address(place: Place, theirs: str, as_the_crm_writes_it: str) -> None:
    known(place, theirs)
    for number, email in enumerate((as_the_crm_writes_it, f"not.{theirs}")):
        contact = {"id": f"003{number}", "Email": email, "AccountId": "0019"}
        stored(place, "salesforce", "contact", contact)
    found = forgotten.rows(place, frozenset({"cus_1"}))
    assert found.select("source", "stream", "id").rows() == [
        ("stripe", "customer", "cus_1"),
        ("salesforce", "contact", "0030"),
    ]


def test_contacts_with_an_address_of_former_times(place: Place) -> None:
    known(place, "ann@acme.example")
    before = {"object": "customer", "id": "cus_1", "email": "old@acme.example"}
    other = {"object": "customer", "id": "cus_2", "email": "bob@acme.example"}
    for number, each in enumerate((before, other)):
        event = {"id": f"evt_{number}", "type": "customer.updated", "data": {"object": each}}
        stored(place, "stripe", "event", event)
        contact = {"id": f"003{number}", "Email": each["email"], "AccountId": "0019"}
        stored(place, "salesforce", "contact", contact)
    found = forgotten.rows(place, frozenset({"cus_1"})).filter(stream="contact")
    assert found["id"].to_list() == ["0030"]


def link_changed(place: Place, customer: str, was: str, at: datetime = NOW) -> None:
    row = dict.fromkeys(ACCOUNT_LINK_CHANGE.names) | {
        "at": at,
        "customer_id": customer,
        "old_account_id": was,
        "old_method": "email",
        "new_account_id": customer,
        "new_method": "none",
        "moved_mrr": 0,
    }
    frame = pl.DataFrame([row], schema=ACCOUNT_LINK_CHANGE.schema)
    place.lake.commit([place.lake.write(ACCOUNT_LINK_CHANGE, frame)], run_id="run")


def test_accounts_and_deals_that_the_crm_has_no_more(place: Place) -> None:
    """What was linked to nobody else; an account that is still there, or that others had, is left alone."""
    known(place, "ann@acme.example")
    for customer, was in (
        ("cus_1", "hubspot:12"),
        ("cus_1", "hubspot:13"),
        ("cus_1", "hubspot:14"),
        ("cus_2", "hubspot:13"),
    ):
        link_changed(place, customer, was)
    alias = {"crm": "hubspot", "crm_id": "14", "account_id": "hubspot:14"}
    frame = pl.DataFrame([alias], schema=ACCOUNT_ALIAS.schema)
    place.lake.commit([place.lake.write(ACCOUNT_ALIAS, frame)], run_id="run")
    for deal, company in (("70", 12), ("71", 123), ("72", 13)):
        to = [{"associationTypes": [], "toObjectId": company}]
        stored(place, "hubspot", "association", {"id": deal, "to": to})
    found = forgotten.rows(place, frozenset({"cus_1"})).filter(source="hubspot")
    assert found.select("stream", "id").rows() == [("company", "12"), ("deal", "70")]


def test_a_customer_is_found_by_an_address_with_any_letters(place: Place) -> None:
    known(place, "Ann@Müller.example")
    assert forgotten.customers(place, " ann@müller.example") == {"cus_1"}


def test_a_link_that_was_lost_since_comes_back_with_its_account(place: Place) -> None:
    """What was lost before stays lost: nothing that was erased had made it."""
    for customer, days in (("cus_1", 1), ("cus_2", -1)):
        gone = ("stripe", "customer", customer, NOW)
        frame = pl.DataFrame([gone], schema=FORGOTTEN.schema, orient="row")
        place.lake.commit([place.lake.write(FORGOTTEN, frame)], run_id="run")
        link_changed(place, customer, "hubspot:7", NOW + timedelta(days=days))
    alone = [
        dict.fromkeys(ACCOUNT_LINK.names)
        | {"customer_id": each, "account_id": each, "method": "none", "status": "unmatched"}
        for each in ("cus_1", "cus_2", "cus_3")
    ]
    frame = pl.DataFrame(alone, schema=ACCOUNT_LINK.schema)
    place.lake.commit([place.lake.write(ACCOUNT_LINK, frame)], run_id="run")
    targets = pl.LazyFrame({"crm": ["hubspot"], "crm_id": ["7"], "account_id": ["hubspot:7"]})
    kept = forgotten.kept_links(place).lazy()
    found = as_before(kept, targets).select("customer_id", "account_id", "method").collect()
    assert found.rows() == [("cus_1", "hubspot:7", "email")]
    assert as_before(kept, targets.clear()).collect().is_empty()
