"""Salesforce over HTTP: everything is listed, deleted rows too; what cannot be read is told, never taken for empty."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from starlette.responses import Response

from pipeline.config import Config
from pipeline.errors import SourceError
from pipeline.sandbox.company import Company
from pipeline.sandbox.server import (
    SALESFORCE_DOMAIN,
    SALESFORCE_ID,
    SALESFORCE_SECRET,
    SandboxServer,
)
from pipeline.sandbox.web.faults import Faults
from pipeline.sources import Drained, Page
from pipeline.sources.limits import Patience
from pipeline.sources.salesforce.fields import Fields, account_fields
from pipeline.sources.salesforce.objects import ACCOUNT
from pipeline.sources.salesforce.source import SalesforceSource
from tests.sources.spoiling import Spoil, Spoiling, changed, cut, page, refused

END = datetime(2026, 11, 23, tzinfo=UTC)
QUICK = Patience(attempts=3, first_seconds=0.01, longest_seconds=0.05, answer_seconds=2)
STRIPE_ID = "Stripe_Customer_ID__c"
WHOLE = {"account", "opportunity", "contact"}


@pytest.fixture(scope="module")
def company() -> Company:
    company = Company(5, customers=30, months=10, end=END)
    company.advance(END)
    return company


@pytest.fixture
def conditions() -> Spoiling:
    return Spoiling()


@pytest.fixture
def server(company: Company, conditions: Spoiling) -> Iterator[SandboxServer]:
    with SandboxServer(company, conditions=conditions) as server:
        server.salesforce.day.batch = 7
        yield server


def source(server: SandboxServer, **options: Any) -> SalesforceSource:
    known = {"fields": Fields((STRIPE_ID,)), "patience": QUICK, **options}
    return SalesforceSource(
        SALESFORCE_DOMAIN, SALESFORCE_ID, SALESFORCE_SECRET, server.salesforce_url, **known
    )


def pull(server: SandboxServer, **options: Any) -> list[Page | Drained]:
    return list(source(server, **options).pull({}, lambda: END))


def records(pulled: list[Page | Drained], stream: str) -> list[dict[str, Any]]:
    pages = [each for each in pulled if isinstance(each, Page) and each.stream == stream]
    return [orjson.loads(record.payload) for each in pages for record in each.records]


def notices(pulled: list[Page | Drained]) -> list[str]:
    return [said for each in pulled if isinstance(each, Page) for said in each.notices]


def test_everything_is_listed(server: SandboxServer, company: Company) -> None:
    pulled = pull(server)
    crm = company.hubspot
    counts = {
        "account": len(crm["companies"]) + len(crm["merged"]),
        "opportunity": len(crm["deals"]),
        "contact": len(crm["contacts"]),
        "user": len(crm["owners"]),
        "opportunity_stage": 5,
    }
    assert {stream: len(records(pulled, stream)) for stream in counts} == counts
    assert len(records(pulled, "opportunity_history")) >= counts["opportunity"]
    drained = {each.stream: each.whole for each in pulled if isinstance(each, Drained)}
    assert {stream for stream, whole in drained.items() if whole} == WHOLE
    assert drained.keys() == {*counts, "opportunity_history"}
    assert not notices(pulled)
    assert server.salesforce.logins == 1


def test_only_what_is_read_is_kept(server: SandboxServer) -> None:
    pulled = pull(server)
    account = records(pulled, "account")[0]
    assert STRIPE_ID in account
    assert not {"attributes", "Id", "NumberOfEmployees"} & account.keys()
    assert records(pulled, "contact")[0].keys() == {"id", "Email", "AccountId"}
    assert "Name" not in records(pulled, "opportunity")[0]
    created = next(each for each in pulled if isinstance(each, Page) and each.stream == "account")
    assert created.records[0].created is not None


def test_without_names_no_address_is_read(server: SandboxServer, conditions: Spoiling) -> None:
    pulled = pull(server, keep_names=False)
    assert b"@" not in b"".join(
        record.payload for each in pulled if isinstance(each, Page) for record in each.records
    )
    assert not any("Contact" in call for call in conditions.calls)
    assert not {"Name", "Website"} & records(pulled, "account")[0].keys()
    assert "Name" in records(pulled, "user")[0]


def test_one_currency(server: SandboxServer) -> None:
    server.salesforce.day.currencies = False
    pulled = pull(server)
    assert "CurrencyIsoCode" not in records(pulled, "opportunity")[0]
    assert not notices(pulled)


def test_merged_and_deleted_accounts_are_told() -> None:
    company = Company(5, customers=12, months=4, end=END - timedelta(days=1))
    company.advance(END - timedelta(days=1))
    first, second, third = list(company.hubspot["companies"])[:3]
    company.crm.merge_companies(first, second, int(END.timestamp()))
    company.crm.archive("companies", third, int(END.timestamp()))
    with SandboxServer(company) as server:
        found = records(pull(server), "account")
    masters = [each["MasterRecordId"] for each in found if each["MasterRecordId"]]
    assert len(masters) == 1
    assert masters[0] in {each["id"] for each in found}
    assert sum(each["IsDeleted"] for each in found) == 2


# ---- what passes -------------------------------------------------------------------------------

PASSING: dict[str, Spoil] = {
    "503": page(503),
    "500": refused(500, "UNKNOWN_EXCEPTION"),
    "429": refused(429, "TOO_MANY", **{"Retry-After": "0"}),
    "concurrent": refused(
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    ),
    "cut": cut,
    "html": page(200),
    "no rows": changed(records=None),
    "no end": changed(done=None),
    "leads elsewhere": changed(done=False, nextRecordsUrl="@elsewhere.example/"),
}


PAGES = {"no rows", "no end", "leads elsewhere"}


@pytest.mark.parametrize(
    ("where", "how"),
    [
        (where, how)
        for where in ("queryAll Account", "query/more", "describe", "token")
        for how in PASSING
        if where in {"queryAll Account", "query/more"} or how not in PAGES
    ],
)
def test_what_passes_is_asked_again(
    server: SandboxServer, conditions: Spoiling, where: str, how: str
) -> None:
    quiet = pull(server)
    conditions.where, conditions.how, conditions.times = where, PASSING[how], 2
    assert records(pull(server), "account") == records(quiet, "account")
    assert conditions.times == 0


@pytest.mark.parametrize("lifetime", [1, 3, 10])
def test_a_session_that_ends_is_begun_again(server: SandboxServer, lifetime: int) -> None:
    whole = records(pull(server), "contact")
    server.salesforce.day.lifetime = lifetime
    assert records(pull(server), "contact") == whole
    assert server.salesforce.logins > 2


# ---- what does not -----------------------------------------------------------------------------

LASTING: dict[str, tuple[Spoil, str]] = {
    "503": (page(503), "fails on Account .HTTP 503"),
    "429": (refused(429, "TOO_MANY"), "fails on Account .HTTP 429"),
    "html": (page(200), "something else than it should"),
    "cut": (cut, "does not answer"),
    "no rows": (changed(records=None), "page that is none"),
    "too few": (changed(totalSize=10_000), "announced 10,000 rows of Account and gave"),
    "too many": (changed(totalSize=1), "announced 1 rows of Account and gave"),
    "early end": (changed(done=True), "rows of Account and gave 7"),
    "session": (refused(401, "INVALID_SESSION_ID"), "ends each session at once"),
    "scope": (refused(403, "API_DISABLED_FOR_ORG"), "API_DISABLED_FOR_ORG.*API Enabled"),
    "locator": (refused(400, "INVALID_QUERY_LOCATOR"), "HTTP 400, INVALID_QUERY_LOCATOR"),
    "object": (refused(400, "INVALID_TYPE"), "may not read Account"),
}


@pytest.mark.parametrize("case", LASTING)
def test_what_lasts_is_one_sentence_and_never_empty(
    server: SandboxServer, conditions: Spoiling, case: str
) -> None:
    how, words = LASTING[case]
    conditions.where, conditions.how = "queryAll Account", how
    with pytest.raises(SourceError, match=words) as caught:
        pull(server)
    assert_tells_nothing(str(caught.value))


def assert_tells_nothing(said: str) -> None:
    assert "\n" not in said
    for secret in (SALESFORCE_ID, SALESFORCE_SECRET, "Bearer", "00D5gK!"):
        assert secret not in said


def test_a_later_page_that_stays_broken_is_an_error(
    server: SandboxServer, conditions: Spoiling
) -> None:
    conditions.where, conditions.how, conditions.spared = "query/more", page(500), 3
    with pytest.raises(SourceError, match="HTTP 500"):
        pull(server)


def test_pages_without_an_end_do_end(server: SandboxServer, conditions: Spoiling) -> None:
    first: list[Response] = []

    def again(whole: Response) -> Response:
        first.append(whole)
        return first[0]

    conditions.where, conditions.how = "query/more", again
    with pytest.raises(SourceError, match=r"announced .* rows of .* and gave"):
        pull(server)


def test_the_day_is_used_up_and_not_asked_again(
    server: SandboxServer, conditions: Spoiling
) -> None:
    server.salesforce.day.allowance = 9
    with pytest.raises(SourceError, match="for today is used up"):
        pull(server)
    assert len(conditions.calls) == 9 + 2  # the login and the one that was refused


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            None,
            r"does not accept SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET.*\(invalid_client\)",
        ),
        (page(503), "fails on the login"),
        (page(200), "answered the login with something else"),
        (changed(access_token=None), "answered the login with something else"),
        (changed(instance_url=None), "answered the login with something else"),
    ],
    ids=["refused", "503", "html", "no token", "no instance"],
)
def test_a_login_that_fails(
    server: SandboxServer, conditions: Spoiling, how: Spoil | None, words: str
) -> None:
    conditions.where, conditions.how = "token", how
    secret = "wrong" if how is None else SALESFORCE_SECRET
    asked = SalesforceSource(
        "acme.my", SALESFORCE_ID, secret, server.salesforce_url, patience=QUICK
    )
    with pytest.raises(SourceError, match=words) as caught:
        next(asked.pull({}, lambda: END))
    assert_tells_nothing(str(caught.value))


def test_a_warning_with_the_key_is_not_let_out(server: SandboxServer, conditions: Spoiling) -> None:
    unapproved = changed(
        error="invalid_grant", error_description="user hasn't approved this consumer"
    )

    def refuse(whole: Any) -> Any:
        found = unapproved(whole)
        found.status_code = 400
        return found

    conditions.where, conditions.how = "token", refuse
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(SourceError, match="invalid_grant"):
            pull(server)
    assert not [each for each in caught if SALESFORCE_ID in str(each.message)]


def test_nobody_answers() -> None:
    asked = SalesforceSource("acme.my", "id", "secret", "http://127.0.0.1:9", patience=QUICK)
    with pytest.raises(SourceError, match=r"does not answer\. Check SALESFORCE_DOMAIN"):
        next(asked.pull({}, lambda: END))


# ---- fields ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["hidden", "withheld"])
def test_a_hidden_field_is_left_out_and_named(server: SandboxServer, way: str) -> None:
    getattr(server.salesforce.day, way).update({"Account.Industry", "Opportunity.Amount"})
    pulled = pull(server)
    assert "Industry" not in records(pulled, "account")[0]
    assert "Amount" not in records(pulled, "opportunity")[0]
    said = " ".join(notices(pulled))
    assert "Account.Industry" in said
    assert "Opportunity.Amount" in said


@pytest.mark.parametrize("way", ["hidden", "withheld"])
def test_a_configured_field_that_is_not_there_is_named(server: SandboxServer, way: str) -> None:
    wanted = Fields(("Tier__c", STRIPE_ID), frozenset({"Tier__c", STRIPE_ID}))
    with pytest.raises(SourceError, match='no field "Tier__c" on Account'):
        pull(server, fields=wanted)
    getattr(server.salesforce.day, way).add(f"Account.{STRIPE_ID}")
    with pytest.raises(SourceError, match=f'no field "{STRIPE_ID}" on Account'):
        pull(server, fields=Fields((STRIPE_ID,), frozenset({STRIPE_ID})))


def test_a_default_field_that_is_not_there_is_left_out(server: SandboxServer) -> None:
    pulled = pull(server, fields=Fields(("stripe_customer_id", "Other__c", STRIPE_ID)))
    assert notices(pulled) == [
        "Salesforce has not got these fields, or hides them, so they are left out: Account.Other__c."
    ]


def test_a_field_is_kept_as_the_configuration_writes_it(server: SandboxServer) -> None:
    pulled = pull(server, fields=Fields((STRIPE_ID.lower(),)))
    assert STRIPE_ID.lower() in records(pulled, "account")[0]


def test_contacts_that_may_not_be_read_stop_nothing(server: SandboxServer) -> None:
    server.salesforce.day.closed.add("Contact")
    pulled = pull(server)
    assert any("may not read Contact" in said for said in notices(pulled))
    assert "contact" not in {each.stream for each in pulled if isinstance(each, Drained)}


@pytest.mark.parametrize("name", ["Account", "Opportunity", "User", "OpportunityStage"])
def test_an_object_that_may_not_be_read_is_an_error(server: SandboxServer, name: str) -> None:
    server.salesforce.day.closed.add(name)
    with pytest.raises(SourceError, match=f"may not read {name}"):
        pull(server)


@pytest.mark.parametrize(
    ("crm", "alone", "required"),
    [
        ({}, True, set()),
        ({"stripe_id_fields": ["Stripe__c", "stripe_customer_id"]}, True, {"Stripe__c"}),
        ({"stripe_id_fields": ["Stripe__c", "cus"]}, True, {"Stripe__c", "cus"}),
        ({"stripe_id_fields": ["Stripe__c", "cus"]}, False, {"Stripe__c"}),
    ],
)
def test_which_fields_have_to_exist(crm: dict[str, Any], alone: bool, required: set[str]) -> None:
    config = Config.model_validate({"crm": crm})
    assert account_fields(config, alone=alone).required == required
    tiers = Config.model_validate({"crm": crm, "dimensions": {"segment": {"source": "Tier__c"}}})
    assert account_fields(tiers, alone=alone).required == required | {"Tier__c"}


# ---- credentials -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    ["acme.my", "acme.my.salesforce.com", "https://Acme.my.salesforce.com/lightning", " acme.my "],
)
def test_the_domain_as_people_write_it(written: str) -> None:
    assert (
        SalesforceSource(written, "id", "secret").client.where == "https://acme.my.salesforce.com"
    )


@pytest.mark.parametrize(
    "written", ["login", "https://test.salesforce.com", "acme.my@evil.example"]
)
def test_a_domain_that_is_no_my_domain(written: str) -> None:
    with pytest.raises(SourceError, match="write your My Domain"):
        SalesforceSource(written, "id", "secret")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_what_is_not_set_is_named(missing: int) -> None:
    given: list[str | None] = ["acme.my", "id", "secret"]
    given[missing] = None
    variables = ["SALESFORCE_DOMAIN", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET"]
    with pytest.raises(SourceError, match=f"^{variables[missing]} is not set"):
        SalesforceSource(*given)


def test_the_allowance_that_is_left(server: SandboxServer) -> None:
    server.salesforce.day.used = 40
    left = source(server).allowance()
    assert (left.most, left.left) == (100_000, 99_959)


def test_each_answer_tells_the_allowance_that_is_left(
    server: SandboxServer, conditions: Spoiling
) -> None:
    server.salesforce.day.used = 40
    asked = source(server)
    asked.readable(ACCOUNT)
    left = asked.allowance()
    assert (left.most, left.left) == (100_000, 99_959)
    assert not any("limits" in call for call in conditions.calls)


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_day_loses_nothing(server: SandboxServer, company: Company, seed: int) -> None:
    patient = Patience(attempts=12, first_seconds=0.005, longest_seconds=0.02, answer_seconds=2)
    wanted = pull(server)
    faults = Faults(seed, 0.25, silence=0.05)
    with SandboxServer(company, conditions=faults) as spoiling:
        spoiling.salesforce.day.batch = 7
        spoiling.salesforce.day.lifetime = 9
        found = pull(spoiling, patience=patient)
    for stream in ("account", "opportunity", "opportunity_history", "contact", "user"):
        assert records(found, stream) == records(wanted, stream)
    assert sum(faults.spoilt.values()) > 5


def test_proxies_and_netrc_of_the_environment(
    server: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine acme.my.salesforce.com login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert records(pull(server), "account")
