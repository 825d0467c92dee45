"""Who is forgotten: addresses are found however they are written."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.assets import forgotten
from pipeline.assets.place import Place
from pipeline.schemas import CUSTOMER, RAW_RECORD
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


def test_a_customer_is_found_by_an_address_with_any_letters(place: Place) -> None:
    known(place, "Ann@Müller.example")
    assert forgotten.customers(place, " ann@müller.example") == {"cus_1"}
