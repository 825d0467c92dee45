"""The simulated Salesforce through httpx: ids, logging in, queries in batches, refusals."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SALESFORCE_ID, SALESFORCE_SECRET, SandboxServer
from pipeline.sandbox.web.salesforce_ids import eighteen, salesforce_id
from tests.sandbox.asking import END

DATA = "/services/data/v64.0"
TOKEN = "/services/oauth2/token"
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def salesforce(server: SandboxServer) -> Iterator[httpx.Client]:
    server.salesforce.day.batch = 25
    with httpx.Client(base_url=server.salesforce_url) as client:
        answer = client.post(TOKEN, data=GRANT, auth=(SALESFORCE_ID, SALESFORCE_SECRET))
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def ask(salesforce: httpx.Client, soql: str, path: str = "queryAll") -> httpx.Response:
    return salesforce.get(f"{DATA}/{path}/", params={"q": soql})


def everything(salesforce: httpx.Client, soql: str, path: str = "queryAll") -> list[dict[str, Any]]:
    answer = ask(salesforce, soql, path).json()
    found = answer["records"]
    while not answer["done"]:
        answer = salesforce.get(answer["nextRecordsUrl"]).json()
        found += answer["records"]
    assert len(found) == answer["totalSize"]
    return found


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def test_ids_have_the_check_characters_that_salesforce_gives() -> None:
    # The examples of Salesforce's own documentation.
    assert eighteen("001D000000IRFma") == "001D000000IRFmaIAH"
    assert eighteen("0015000000Gv7qJ") == "0015000000Gv7qJAAR"
    ids = {salesforce_id("001", number) for number in range(90_000_000_001, 90_000_000_801)}
    assert len({each.lower() for each in ids}) == 800
    assert {len(each) for each in ids} == {18}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Account", "companies"),
        ("Opportunity", "deals"),
        ("User", "owners"),
        ("Contact", "contacts"),
    ],
)
def test_batches_reach_every_record(
    salesforce: httpx.Client, company: Company, name: str, kind: str
) -> None:
    found = everything(salesforce, f"SELECT Id FROM {name}")
    assert len({each["Id"] for each in found}) == len(company.hubspot[kind])
    assert found[0]["attributes"]["type"] == name


def test_conditions_order_and_limit(salesforce: httpx.Client) -> None:
    won = everything(
        salesforce,
        "SELECT Id, IsWon, CloseDate FROM Opportunity WHERE IsWon = true AND CloseDate >= 2026-01-01 "
        "ORDER BY CloseDate DESC LIMIT 9",
    )
    days = [each["CloseDate"] for each in won]
    assert days == sorted(days, reverse=True)
    assert len(won) == 9
    assert min(days) >= "2026-01-01"
    assert all(each["IsWon"] for each in won)


def test_history_ends_where_the_opportunity_is(salesforce: httpx.Client) -> None:
    last: dict[str, dict[str, Any]] = {}
    rows = everything(
        salesforce,
        "SELECT OpportunityId, CreatedDate, StageName, Amount, CloseDate FROM OpportunityHistory",
    )
    for each in sorted(rows, key=lambda row: row["CreatedDate"]):
        last[each["OpportunityId"]] = each
    deals = everything(salesforce, "SELECT Id, StageName, Amount, CloseDate FROM Opportunity")
    for deal in deals:
        for field in ("StageName", "Amount", "CloseDate"):
            assert last[deal["Id"]][field] == deal[field]


def test_deleted_rows_are_in_query_all_only(company: Company) -> None:
    company = Company(6, customers=12, months=4, end=company.now)
    company.advance(END)
    gone = next(iter(company.hubspot["companies"]))
    company.crm.archive("companies", gone, int(company.now.timestamp()))
    with SandboxServer(company) as server, httpx.Client(base_url=server.salesforce_url) as client:
        answer = client.post(TOKEN, data=GRANT, auth=(SALESFORCE_ID, SALESFORCE_SECRET))
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        every = everything(client, "SELECT Id, IsDeleted FROM Account")
        there = everything(client, "SELECT Id FROM Account", "query")
    assert {each["Id"] for each in every if each["IsDeleted"]} == {salesforce_id("001", gone)}
    assert len(there) == len(every) - 1


def test_what_is_refused(server: SandboxServer, salesforce: httpx.Client) -> None:
    assert refusal(ask(salesforce, "SELECT Tier__c FROM Account")) == (400, "INVALID_FIELD")
    assert refusal(ask(salesforce, "SELECT Id FROM Lead")) == (400, "INVALID_TYPE")
    assert refusal(ask(salesforce, "SELEKT Id FROM Account")) == (400, "MALFORMED_QUERY")
    assert refusal(salesforce.get(f"{DATA}/query/0r8-2000")) == (400, "INVALID_QUERY_LOCATOR")
    assert refusal(salesforce.get(f"{DATA}/sobjects/Lead/describe")) == (404, "NOT_FOUND")
    assert refusal(salesforce.get("/services/data/v20.0/limits")) == (404, "NOT_FOUND")
    server.salesforce.end_session()
    assert refusal(ask(salesforce, "SELECT Id FROM Account")) == (401, "INVALID_SESSION_ID")


def test_the_login(server: SandboxServer) -> None:
    def login(key: str, secret: str, grant: str = "client_credentials") -> httpx.Response:
        asked = {"grant_type": grant, "client_id": key, "client_secret": secret}
        return httpx.post(server.salesforce_url + TOKEN, data=asked)

    assert login(SALESFORCE_ID, SALESFORCE_SECRET).json()["token_type"] == "Bearer"
    assert login("other", SALESFORCE_SECRET).json()["error"] == "invalid_client_id"
    assert login(SALESFORCE_ID, "other").status_code == 401
    assert login(SALESFORCE_ID, SALESFORCE_SECRET, "password").status_code == 400


@pytest.mark.parametrize(
    ("crm", "hubspot", "salesforce"),
    [
        ("hubspot", True, False),
        ("salesforce", False, True),
        ("both", True, True),
        ("none", False, False),
    ],
)
def test_which_crm_the_environment_names(
    company: Company, crm: Any, hubspot: bool, salesforce: bool
) -> None:
    found = SandboxServer(company, crm=crm).environment()
    assert ("HUBSPOT_SERVICE_KEY" in found) is hubspot
    assert ("SALESFORCE_CLIENT_SECRET" in found) is salesforce
