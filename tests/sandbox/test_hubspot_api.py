"""The simulated HubSpot through httpx: paging, properties, histories, associations, refusals."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from pipeline.sandbox.company import Company
from pipeline.sandbox.server import HUBSPOT_KEY, SandboxServer
from pipeline.sandbox.web.hubspot_day import HubSpotDay

END = datetime(2026, 11, 23, tzinfo=UTC)
BATCH = "/crm/associations/2026-09/deals/companies/batch/read"


@pytest.fixture(scope="module")
def company() -> Company:
    company = Company(4, customers=40, months=10, end=END)
    company.advance(END)
    return company


@pytest.fixture(scope="module")
def hubspot(server: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {HUBSPOT_KEY}"}
    with httpx.Client(base_url=server.hubspot_url, headers=headers) as client:
        yield client


def everything(hubspot: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = hubspot.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found += answer.json()["results"]
        following = answer.json().get("paging")
        if following is None:
            return found
        params["after"] = following["next"]["after"]


@pytest.mark.parametrize("kind", ["companies", "deals", "contacts"])
def test_paging_reaches_every_record(hubspot: httpx.Client, company: Company, kind: str) -> None:
    found = everything(hubspot, f"/crm/objects/2026-09/{kind}", limit=7)
    assert [each["id"] for each in found] == sorted(company.hubspot[kind], key=int)
    assert len(hubspot.get(f"/crm/objects/2026-09/{kind}").json()["results"]) == 10


def test_the_link_to_the_next_page_works(hubspot: httpx.Client) -> None:
    first = hubspot.get("/crm/objects/2026-09/companies", params={"limit": 3}).json()
    second = hubspot.get(first["paging"]["next"]["link"]).json()
    assert len({each["id"] for each in first["results"] + second["results"]}) == 6


def test_properties_are_those_asked_for(hubspot: httpx.Client, company: Company) -> None:
    path = "/crm/objects/2026-09/companies"
    plain = hubspot.get(path, params={"limit": 1}).json()["results"][0]
    assert set(plain["properties"]) == {
        "createdate",
        "domain",
        "hs_lastmodifieddate",
        "hs_object_id",
        "name",
    }
    asked = {"limit": 100, "properties": "industry,stripe_customer_id,hs_csm_sentiment,no_such"}
    for each in hubspot.get(path, params=asked).json()["results"]:
        stored = company.hubspot["companies"][each["id"]]["properties"]
        assert each["properties"]["industry"] == stored["industry"]
        assert each["properties"]["stripe_customer_id"] == (stored["stripe_customer_id"] or None)
        assert each["properties"]["hs_csm_sentiment"] is None
        assert "no_such" not in each["properties"]
    repeated = hubspot.get(path, params={"properties": ["industry", "country"]}).json()
    assert {"industry", "country"} <= set(repeated["results"][0]["properties"])


def test_histories_come_in_pages_of_fifty(hubspot: httpx.Client) -> None:
    path = "/crm/objects/2026-09/deals"
    asked = {"propertiesWithHistory": "dealstage,amount", "limit": 50}
    for each in hubspot.get(path, params=asked).json()["results"]:
        history = each["propertiesWithHistory"]
        assert set(history) == {"dealstage", "amount"}
        assert history["dealstage"][0]["value"] == each["properties"]["dealstage"]
        times = [entry["timestamp"] for entry in history["dealstage"]]
        assert times == sorted(times, reverse=True)
    refused = hubspot.get(path, params=asked | {"limit": 51})
    assert refused.status_code == 400
    assert refused.json()["category"] == "VALIDATION_ERROR"


def test_types_have_numbers_too(hubspot: httpx.Client) -> None:
    for number, name in (("0-1", "contacts"), ("0-2", "companies"), ("0-3", "deals")):
        by_number = hubspot.get(f"/crm/objects/2026-09/{number}").json()["results"]
        assert by_number == hubspot.get(f"/crm/objects/2026-09/{name}").json()["results"]


def test_archived_records_are_apart(hubspot: httpx.Client, company: Company) -> None:
    path = "/crm/objects/2026-09/companies"
    record = next(iter(company.hubspot["companies"].values()))
    record["archived"] = True
    try:
        shown = everything(hubspot, path, limit=100)
        assert record["id"] not in {each["id"] for each in shown}
        archived = everything(hubspot, path, limit=100, archived="true")
        assert [each["id"] for each in archived] == [record["id"]]
    finally:
        record["archived"] = False


def test_deals_belong_to_companies(hubspot: httpx.Client, company: Company) -> None:
    deals = list(company.hubspot["deals"])
    answer = hubspot.post(BATCH, json={"inputs": [{"id": each} for each in [*deals, "7"]]})
    assert answer.status_code == 207
    content = answer.json()
    assert {each["from"]["id"] for each in content["results"]} == set(deals)
    for each in content["results"]:
        assert str(each["to"][0]["toObjectId"]) in company.hubspot["companies"]
        kinds = each["to"][0]["associationTypes"]
        assert "Primary" in {kind["label"] for kind in kinds}
        assert all(kind["category"] == "HUBSPOT_DEFINED" for kind in kinds)
    assert content["numErrors"] == 1
    assert content["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert hubspot.post(BATCH, json={"inputs": [{"id": deals[0]}]}).status_code == 200
    too_many = {"inputs": [{"id": str(number)} for number in range(1001)]}
    assert hubspot.post(BATCH, json=too_many).status_code == 400
    assert hubspot.post(BATCH, content=b"no").status_code == 400
    listed = everything(hubspot, "/crm/objects/2026-09/deals", limit=100, associations="companies")
    linked = {each["id"]: each["associations"]["companies"]["results"][0]["id"] for each in listed}
    assert linked == {
        each["from"]["id"]: str(each["to"][0]["toObjectId"]) for each in content["results"]
    }


def test_owners_pipelines_and_properties(hubspot: httpx.Client, company: Company) -> None:
    owners = everything(hubspot, "/crm/owners/2026-09", limit=4)
    assert {each["id"] for each in owners} == set(company.hubspot["owners"])
    assert {"email", "firstName", "lastName", "userId", "archived"} <= set(owners[0])
    pipelines = hubspot.get("/crm/pipelines/2026-09/deals").json()["results"]
    assert {stage["metadata"]["isClosed"] for stage in pipelines[0]["stages"]} == {"true", "false"}
    defined = hubspot.get("/crm/properties/2026-09/deals").json()["results"]
    types = {each["name"]: each["type"] for each in defined}
    assert (types["amount"], types["closedate"], types["dealstage"]) == (
        "number",
        "datetime",
        "string",
    )
    used = {name for deal in company.hubspot["deals"].values() for name in deal["properties"]}
    assert used <= set(types)


@pytest.mark.parametrize("key", ["wrong", ""])
def test_wrong_keys(server: SandboxServer, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{server.hubspot_url}/crm/owners/2026-09", headers=headers)
    assert answer.status_code == 401
    content = answer.json()
    assert content["status"] == "error"
    assert content["category"] == "INVALID_AUTHENTICATION"
    assert content["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v3/objects/companies",
        "/crm/objects/2026-03/companies",
        "/crm/objects/2026-09/companies/1",
        "/crm/objects/2026-09/companies/1/notes",
        "/crm/schemas/2026-09",
        "/",
    ],
)
def test_addresses_that_are_not_there(hubspot: httpx.Client, path: str) -> None:
    answer = hubspot.get(path)
    assert answer.status_code == 404
    assert answer.json()["status"] == "error"


@pytest.mark.parametrize("query", ["limit=101", "limit=0", "limit=x", "after=x", "archived=maybe"])
def test_parameters_that_hubspot_refuses(hubspot: httpx.Client, query: str) -> None:
    answer = hubspot.get(f"/crm/objects/2026-09/companies?{query}")
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"


def test_unknown_types_and_writes_are_refused(hubspot: httpx.Client) -> None:
    assert hubspot.get("/crm/objects/2026-09/widgets").status_code == 400
    assert hubspot.post("/crm/objects/2026-09/companies", json={}).status_code == 405


# ---- search, limits and scopes -----------------------------------------------------------------


def find(hubspot: httpx.Client, kind: str, **wanted: Any) -> httpx.Response:
    return hubspot.post(f"/crm/objects/2026-09/{kind}/search", json=wanted)


def test_a_search_finds_filters_and_pages(hubspot: httpx.Client, company: Company) -> None:
    whole = company.hubspot["companies"]
    by_id = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    last, found = "0", []
    while True:
        behind = {"propertyName": "hs_object_id", "operator": "GT", "value": last}
        answer = find(
            hubspot, "companies", filterGroups=[{"filters": [behind]}], sorts=by_id, limit=7
        )
        results = answer.json()["results"]
        if not results:
            break
        found += [each["id"] for each in results]
        last = found[-1]
    assert found == sorted(whole, key=int)
    industry = next(iter(whole.values()))["properties"]["industry"]
    same = {"propertyName": "industry", "operator": "EQ", "value": industry}
    told = find(hubspot, "companies", filterGroups=[{"filters": [same]}], properties=["industry"])
    expected = [each for each in whole.values() if each["properties"]["industry"] == industry]
    assert told.json()["total"] == len(expected)
    assert {each["properties"]["industry"] for each in told.json()["results"]} == {industry}


@pytest.mark.parametrize(
    "wanted",
    [{"limit": 201}, {"after": "9900", "limit": 101}, {"filterGroups": [{"filters": [{}]}]}],
)
def test_a_search_ends_at_ten_thousand(hubspot: httpx.Client, wanted: dict[str, Any]) -> None:
    answer = find(hubspot, "companies", **wanted)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert find(hubspot, "companies", after="9900", limit=100).status_code == 200


def test_a_day_has_its_limits_and_tells_them(company: Company) -> None:
    conditions = HubSpotDay(allowance=4, daily=20)
    headers = {"Authorization": f"Bearer {HUBSPOT_KEY}"}
    with (
        SandboxServer(company, conditions=conditions) as server,
        httpx.Client(base_url=server.hubspot_url, headers=headers) as client,
    ):
        answers = [client.get("/crm/owners/2026-09") for _ in range(5)]
        assert [each.status_code for each in answers] == [200] * 4 + [429]
        assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "4"
        assert answers[0].headers["X-HubSpot-RateLimit-Remaining"] == "3"
        assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
        assert answers[4].json()["policyName"] == "TEN_SECONDLY_ROLLING"
        searches = [find(client, "companies") for _ in range(6)]
        assert [each.status_code for each in searches] == [200] * 5 + [429]
        assert searches[5].json()["policyName"] == "SECONDLY"
        for _ in range(9):
            last = find(client, "companies")
        assert last.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "0"
        assert client.get("/crm/owners/2026-09").json()["policyName"] == "DAILY"


def test_a_missing_scope_is_named(server: SandboxServer, hubspot: httpx.Client) -> None:
    assert server.hubspot is not None
    server.hubspot.access.missing_scopes = {"crm.objects.contacts.read"}
    try:
        answer = hubspot.get("/crm/objects/2026-09/contacts")
        assert answer.status_code == 403
        assert answer.json()["category"] == "MISSING_SCOPES"
        named = answer.json()["errors"][0]["context"]["requiredGranularScopes"]
        assert named == ["crm.objects.contacts.read"]
        assert hubspot.get("/crm/objects/2026-09/companies").status_code == 200
    finally:
        server.hubspot.access.missing_scopes = set()


def test_a_contact_names_its_primary_company(hubspot: httpx.Client, company: Company) -> None:
    asked = {"limit": 100, "properties": "associatedcompanyid"}
    found = everything(hubspot, "/crm/objects/2026-09/contacts", **asked)
    told = {each["id"]: each["properties"]["associatedcompanyid"] for each in found}
    assert told == company.hubspot["contact_associations"]
