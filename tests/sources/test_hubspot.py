"""HubSpot's date-based API: everything is listed, archived objects too, associations by the thousand."""

import re
from datetime import UTC, datetime

import orjson
import pytest

from pipeline.config import Config
from pipeline.errors import SourceError
from pipeline.sources import Drained, HubSpotSource, Page
from pipeline.sources.hubspot.streams import Wanted
from tests.sources.hubspot_portal import (
    KEY,
    NOW,
    PROPERTIES,
    QUICK,
    WANTED,
    Portal,
    ids,
    notices,
    pull,
    thing,
)
from tests.sources.service import Answer, Asked, serve

STREAMS = {"company", "deal", "association", "contact", "owner", "pipeline"}


def test_everything_is_listed_and_only_what_was_asked_for_is_kept() -> None:
    portal = Portal(
        {
            "companies": [thing(1, stripe_customer_id="cus_1"), *map(thing, range(2, 120))],
            "companies archived": [thing(900)],
            "deals": [thing(number, amount="5") for number in range(1, 1002)],
            "contacts": [thing(7, email="a@acme.example", firstname="Ann")],
            "owners": [{"id": "3", "firstName": "Ann", "email": "ann@us.example", "userId": 9}],
            "owners archived": [{"id": "4", "firstName": "Ben", "archived": True}],
        },
        linked={"7": [1, 2], "8": [1]},
    )
    with serve(portal) as service:
        pulled = pull(service.base)
    records = {record.id: record for e in pulled if isinstance(e, Page) for record in e.records}
    assert sorted(ids(pulled, "company"), key=int) == [*map(str, range(1, 120)), "900"]
    assert sorted(ids(pulled, "deal"), key=int) == [*map(str, range(1, 1002))]
    assert sorted(ids(pulled, "association")) == sorted(ids(pulled, "deal"))
    assert ids(pulled, "owner") == ["4", "3"]
    drained = [each for each in pulled if isinstance(each, Drained)]
    assert {each.stream for each in drained} == STREAMS
    assert all(each.whole for each in drained)

    companies = {
        record.id: record
        for each in pulled
        if isinstance(each, Page) and each.stream == "company"
        for record in each.records
    }
    assert orjson.loads(companies["1"].payload) == {
        "id": "1",
        "archived": False,
        "createdAt": "2026-01-02T00:00:00.000Z",
        "properties": {"name": "n1", "stripe_customer_id": "cus_1"},
    }
    assert companies["1"].created == int(datetime(2026, 1, 2, tzinfo=UTC).timestamp())
    assert orjson.loads(companies["900"].payload)["archived"] is True
    assert b"firstname" not in b"".join(record.payload for record in records.values())
    assert all(a.headers["authorization"] == f"Bearer {KEY}" for a in service.asked)


def test_who_is_deleted_leaves_no_name_behind() -> None:
    with serve(Portal({"companies archived": [thing(900)]})) as service:
        pulled = pull(service.base)
    [record] = [
        r for e in pulled if isinstance(e, Page) for r in e.records if e.stream == "company"
    ]
    assert b"n900" not in record.payload


def test_associations_are_asked_for_by_the_thousand_and_to_their_end() -> None:
    deals = [thing(number) for number in range(1, 1002)]
    with serve(Portal({"deals": deals}, linked={"7": [1, 2, 3], "8": [4]})) as service:
        pulled = pull(service.base)
    found = {
        record.id: orjson.loads(record.payload)["to"]
        for each in pulled
        if isinstance(each, Page) and each.stream == "association"
        for record in each.records
    }
    assert [each["toObjectId"] for each in found["7"]] == [1, 2, 3]
    assert [each["toObjectId"] for each in found["8"]] == [4]
    assert found["9"] == []
    assert sorted(len(a.body["inputs"]) for a in service.asked if a.body) == [1, 1, 1, 1000]


def test_past_values_are_kept_without_who_changed_them() -> None:
    change = {"value": "3", "timestamp": "2026-01-05T00:00:00.000Z", "updatedByUserId": 77}
    company = {**thing(1), "propertiesWithHistory": {"hubspot_owner_id": [change]}}
    with serve(Portal({"companies": [company]})) as service:
        pulled = pull(service.base)
    [record] = [
        r for e in pulled if isinstance(e, Page) for r in e.records if e.stream == "company"
    ]
    del change["updatedByUserId"]
    assert orjson.loads(record.payload)["propertiesWithHistory"] == {"hubspot_owner_id": [change]}
    [asked] = [
        a for a in service.asked if a.query.get("archived") == "false" and "companies" in a.path
    ][:1]
    assert asked.query["limit"] == "50"
    assert "hubspot_owner_id" in asked.query["propertiesWithHistory"]


def test_without_names_nothing_that_names_a_customer_is_asked_for() -> None:
    portal = Portal({"companies": [thing(1, domain="acme.example")], "contacts": [thing(7)]})
    with serve(portal) as service:
        pulled = pull(service.base, Wanted(keep_names=False))
    assert not ids(pulled, "contact")
    assert not any("contacts" in asked.path for asked in service.asked)
    payloads = b"".join(r.payload for e in pulled if isinstance(e, Page) for r in e.records)
    assert b"acme" not in payloads
    assert b"n1" not in payloads


def test_an_object_without_an_id_is_set_aside() -> None:
    with serve(Portal({"owners": [thing(1), {"id": ""}]})) as service:
        service_page = Answer({"results": [{"properties": {}}, thing(1)]})
    portal = Portal(
        spoilt=lambda a: (
            service_page if "owners" in a.path and a.query["archived"] == "false" else None
        )
    )
    with serve(portal) as service:
        pulled = pull(service.base)
    [page] = [e for e in pulled if isinstance(e, Page) and e.stream == "owner" and e.listed]
    assert [each.reason for each in page.rejected] == ["an owner without an id"]
    assert ids(pulled, "owner") == ["1"]


# ---- properties --------------------------------------------------------------------------------


def test_a_standard_property_that_the_portal_lacks_is_left_out_and_named() -> None:
    portal = Portal({"companies": [thing(1)]})
    portal.properties["companies"] = "name domain"
    portal.properties["deals"] = PROPERTIES["deals"].replace("dealtype ", "")
    with serve(portal) as service:
        pulled = pull(service.base)
    [about_companies] = [each for each in notices(pulled) if "of companies" in each]
    assert "stripe_customer_id" in about_companies
    assert "dealtype of deals" in " ".join(notices(pulled))
    for asked in service.asked:
        assert "dealtype" not in str(asked.query)
        assert "industry" not in str(asked.query)
    assert ids(pulled, "company") == ["1"]


@pytest.mark.parametrize(
    "toml",
    [
        {"crm": {"stripe_id_fields": ["billing_id"]}},
        {"dimensions": {"segment": {"source": "billing_id"}}},
        {"crm": {"stripe_id_fields": ["Billing_Id"]}},
        {"dimensions": {"segment": {"source": "Billing_Id"}}},
    ],
    ids=["stripe ids", "segment", "stripe ids in capitals", "segment in capitals"],
)
def test_a_configured_property_that_does_not_exist_is_named(toml: dict) -> None:
    """Whatever its name, where HubSpot is the only CRM with fields."""
    name = "Billing_Id" if "Billing_Id" in str(toml) else "billing_id"
    wanted = Wanted.of(Config.model_validate(toml), alone=True)
    portal = Portal({"companies": [thing(1)]})
    with serve(portal) as service, pytest.raises(SourceError, match=f"no property {name}"):
        pull(service.base, wanted)
    portal.properties["companies"] += f" {name}"
    with serve(portal) as service:
        assert ids(pull(service.base, wanted), "company") == ["1"]
    assert any(name in asked.query.get("properties", "") for asked in service.asked)


def test_fields_that_hubspot_cannot_have_are_another_crm_s() -> None:
    toml = {
        "crm": {"stripe_id_fields": ["Billing__c", "billing__c"]},
        "dimensions": {"segment": {"source": "Tier__c"}},
    }
    assert Wanted.of(Config.model_validate(toml), alone=False) == Wanted()


def test_nobody_is_asked_for_another_crm_s_default_field() -> None:
    assert Wanted.of(Config(), alone=True) == Wanted.of(Config(), alone=False)


# ---- refusals ----------------------------------------------------------------------------------


def test_no_key() -> None:
    with pytest.raises(SourceError, match="HUBSPOT_SERVICE_KEY is not set"):
        HubSpotSource(None)


SCOPES = {
    "category": "MISSING_SCOPES",
    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}],
}


@pytest.mark.parametrize(
    ("answer", "words", "requests"),
    [
        (Answer(status=401), "does not accept the key", 1),
        (Answer(status=403), r"companies, deals, contacts and owners \(read\)", 1),
        (Answer(SCOPES, 403), r"these scopes .*: crm\.objects\.deals\.read\.", 1),
        (Answer({"policyName": "DAILY"}, 429), "for today is used up", 1),
        (Answer({"policyName": "SECONDLY"}, 429), "HTTP 429", 3),
        (Answer(status=502), "HTTP 502", 3),
        (Answer(status=404), "HTTP 404", 1),
        (Answer({"category": "VALIDATION_ERROR"}, 400), r"HTTP 400 \(VALIDATION_ERROR\)", 1),
        (Answer(b"<html>"), "no JSON object", 3),
        (Answer(b'{"results": [{"id": "1"'), "no JSON object", 3),
        (Answer({}), "without a list", 3),
        (Answer(status=0), "does not answer", 3),
    ],
    ids=["401", "403", "scopes", "daily", "429", "502", "404", "400", "html", "cut", "no list", "reset"],
)  # fmt: skip
def test_a_refusal_is_one_line_without_the_key(answer: Answer, words: str, requests: int) -> None:
    with serve(lambda _: answer) as service, pytest.raises(SourceError, match=words) as caught:
        pull(service.base)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(service.asked) == requests


COMPANIES = "/crm/objects/2026-09/companies"


def _midway(answer: Answer, times: int, path: str = COMPANIES) -> Portal:
    """Three pages of companies; the second is answered so as often as `times` says."""
    left = [times]

    def spoilt(asked: Asked) -> Answer | None:
        if asked.path == path and asked.query.get("after") == "50" and left[0]:
            left[0] -= 1
            return answer
        return None

    return Portal({"companies": [thing(number) for number in range(1, 131)]}, spoilt=spoilt)


BROKEN = {
    "502": Answer(status=502),
    "429": Answer({"policyName": "TEN_SECONDLY_ROLLING"}, 429, {"Retry-After": "0"}),
    "html": Answer(b"<html>"),
    "cut": Answer(b'{"results": [{"id": "51"}, {'),
    "no list": Answer({"status": "ok"}),
    "reset": Answer(status=0),
    "loop": Answer({"results": [thing(51)], "paging": {"next": {"after": "50"}}}),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_page_that_comes_broken_is_asked_again(fault: str) -> None:
    with serve(_midway(BROKEN[fault], 2)) as service:
        pulled = pull(service.base)
    assert ids(pulled, "company") == [*map(str, range(1, 131))]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_page_that_stays_broken_is_an_error_and_never_an_end(fault: str) -> None:
    with serve(_midway(BROKEN[fault], 99)) as service, pytest.raises(SourceError) as caught:
        pull(service.base)
    assert re.search(r"Try again|try again", str(caught.value))


@pytest.mark.parametrize(("status", "words"), [(401, "has expired"), (403, "scopes")])
def test_a_key_that_is_revoked_midway_ends_the_sync(status: int, words: str) -> None:
    with (
        serve(_midway(Answer(status=status), 99)) as service,
        pytest.raises(SourceError, match=words),
    ):
        pull(service.base)


def test_a_list_that_says_too_early_that_it_ends_is_read_on() -> None:
    with serve(_midway(Answer({"results": [thing(51), thing(52)]}), 99)) as service:
        pulled = pull(service.base)
    assert ids(pulled, "company") == [*map(str, range(1, 131))]


def test_an_empty_answer_is_believed_when_it_comes_twice() -> None:
    once = [True]

    def spoilt(asked: Asked) -> Answer | None:
        if asked.path == COMPANIES and asked.query["archived"] == "false" and once:
            once.clear()
            return Answer({"results": []})
        return None

    with serve(Portal({"companies": [thing(1)]}, spoilt=spoilt)) as service:
        assert ids(pull(service.base), "company") == ["1"]
    with serve(Portal()) as service:
        assert ids(pull(service.base), "company") == []


def test_a_key_that_never_saw_contacts_reads_everything_else() -> None:
    portal = Portal(
        {"companies": [thing(1)]},
        spoilt=lambda asked: Answer(status=403) if "contacts" in asked.path else None,
    )
    with serve(portal) as service:
        pulled = pull(service.base)
        assert any("contacts" in each for each in notices(pulled))
        assert "contact" not in {e.stream for e in pulled if isinstance(e, Drained)}
        assert ids(pulled, "company") == ["1"]
        source = HubSpotSource(KEY, service.base, wanted=WANTED, patience=QUICK)
        with pytest.raises(SourceError, match=r"may not read .*contacts"):
            list(source.pull({"contact": {}}, lambda: NOW))


def test_associations_that_come_only_in_part_are_an_error() -> None:
    answer = Answer({"results": [], "errors": [{"category": "INTERNAL_ERROR"}]}, 207)
    portal = Portal(
        {"deals": [thing(1)]}, spoilt=lambda a: answer if "associations" in a.path else None
    )
    with serve(portal) as service, pytest.raises(SourceError, match="only a part"):
        pull(service.base)


def test_without_names_owners_have_no_address() -> None:
    owner = {"id": "3", "firstName": "Ann", "lastName": "Lee", "email": "ann@us.example"}
    with serve(Portal({"owners": [owner]})) as service:
        kept, left = pull(service.base), pull(service.base, Wanted(keep_names=False))
    found = [
        orjson.loads(record.payload)
        for pulled in (kept, left)
        for each in pulled
        if isinstance(each, Page) and each.stream == "owner"
        for record in each.records
    ]
    assert found == [owner, {name: value for name, value in owner.items() if name != "email"}]
