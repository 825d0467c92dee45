"""What a record keeps of somebody who is forgotten."""

from typing import Any

import orjson
import pytest

from pipeline.sources.erasing import Erasing

ERASING = Erasing(
    ids={
        ("stripe", "customer"): frozenset({"cus_1"}),
        ("hubspot", "company"): frozenset({"7"}),
        ("hubspot", "deal"): frozenset({"8"}),
    },
    metadata_keys=("hubspot_company_id",),
    email_domains=("@Internal.example",),
)
ANN = {
    "id": "cus_1",
    "object": "customer",
    "name": "Ann",
    "email": "ann@a.example",
    "address": {"country": "DE"},
    "metadata": {"hubspot_company_id": "7", "phone": "1"},
}
LEFT = {
    "id": "cus_1",
    "object": "customer",
    "address": {"country": "DE"},
    "metadata": {"hubspot_company_id": "7"},
}


def erased(source: str, stream: str, content: dict[str, Any]) -> Any:
    payload = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    left = ERASING.payload(source, stream, content["id"], payload)
    return None if left is None else orjson.loads(left)


def event(of: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    data = {"object": of} if before is None else {"object": of, "previous_attributes": before}
    return {"id": "evt_1", "object": "event", "type": "x", "data": data}


@pytest.mark.parametrize(
    ("stream", "content", "left"),
    [
        ("customer", ANN, LEFT),
        ("customer", {**ANN, "email": "x@INTERNAL.example"}, {**LEFT, "email": "@internal.example"}),
        ("customer", {**ANN, "email": 3, "metadata": None}, {**LEFT, "metadata": None}),
        ("customer", {**ANN, "id": "cus_2", "metadata": {"friend": "cus_1"}}, None),
        ("customer", LEFT, None),
        ("event", event(ANN, {"email": "old@a.example", "metadata": {"phone": "2"}}),
         event(LEFT, {"metadata": {}})),
        ("event", event({"object": "customer", "id": "cus_2", "name": "cus_1"}), None),
        ("subscription",
         {"id": "sub_1", "customer": "cus_1", "metadata": {"a": "b"},
          "items": {"data": [{"id": "si_1", "metadata": {"c": "d"}, "quantity": 2}]}},
         {"id": "sub_1", "customer": "cus_1", "metadata": {},
          "items": {"data": [{"id": "si_1", "metadata": {}, "quantity": 2}]}}),
        ("subscription", {"id": "sub_1", "customer": "cus_2", "metadata": {"a": "cus_1"}}, None),
        ("promotion_code", {"id": "p", "customer": "cus_1", "code": "FORANN", "active": True},
         {"id": "p", "customer": "cus_1", "active": True}),
        ("invoice", {"id": "in_1", "customer": "cus_1", "amount_due": 5}, None),
    ],
)  # fmt: skip
def test_stripe(stream: str, content: dict[str, Any], left: Any) -> None:
    assert erased("stripe", stream, content) == left


def test_hubspot() -> None:
    company = {"id": "7", "properties": {"name": "Ann", "domain": "a.example", "industry": "X"}}
    assert erased("hubspot", "company", company) == {"id": "7", "properties": {"industry": "X"}}
    assert erased("hubspot", "company", {**company, "id": "9"}) is None
    deal = {
        "id": "8",
        "properties": {"dealname": "Ann's", "amount": "1"},
        "propertiesWithHistory": {},
    }
    assert erased("hubspot", "deal", deal) == {**deal, "properties": {"amount": "1"}}


OF_CRMS = Erasing(
    ids={
        ("hubspot", "company"): frozenset({"7"}),
        ("hubspot", "contact"): frozenset({"1"}),
        ("salesforce", "account"): frozenset({"001A"}),
        ("salesforce", "opportunity"): frozenset({"006A"}),
        ("file", "account"): frozenset({"a"}),
    },
    metadata_keys=(),
    email_domains=(),
)
MAIL = {"email": "ann@a.example", "hs_additional_emails": "x@a.example"}


@pytest.mark.parametrize(
    ("source", "stream", "content", "left"),
    [
        ("hubspot", "contact", {"id": "1", "properties": {**MAIL, "associatedcompanyid": "9"}},
         {"id": "1", "properties": {"associatedcompanyid": "9"}}),
        ("hubspot", "contact", {"id": "2", "properties": {**MAIL, "associatedcompanyid": "7"}},
         {"id": "2", "properties": {"associatedcompanyid": "7"}}),
        ("hubspot", "contact", {"id": "2", "properties": {**MAIL, "associatedcompanyid": "9"}}, None),
        ("hubspot", "contact", {"id": "2", "properties": MAIL}, None),
        ("salesforce", "account", {"id": "001A", "Name": "Ann", "Website": "a.example", "Industry": "X"},
         {"id": "001A", "Industry": "X"}),
        ("salesforce", "opportunity", {"id": "006A", "Name": "Ann", "Amount": "1"},
         {"id": "006A", "Amount": "1"}),
        ("salesforce", "contact", {"id": "003A", "Email": "ann@a.example", "AccountId": "001A"},
         {"id": "003A", "AccountId": "001A"}),
        ("salesforce", "contact", {"id": "003A", "Email": "ann@a.example", "AccountId": "001B"}, None),
        ("salesforce", "account", {"id": "7", "Name": "Bob"}, None),
        ("file", "account", {"id": "a", "name": "Ann", "emails": "ann@a.example", "owner": "Lee"},
         {"id": "a", "owner": "Lee"}),
        ("file", "deal", {"id": "a", "stage": "won"}, None),
    ],
)  # fmt: skip
def test_every_crm(source: str, stream: str, content: dict[str, Any], left: Any) -> None:
    """A contact goes with its account, also one that comes later."""
    payload = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    found = OF_CRMS.payload(source, stream, content["id"], payload)
    assert (None if found is None else orjson.loads(found)) == left
