"""The CRM as people leave it: what happens in it, and that customers buy what they would buy without it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.sandbox.company import CRM_TURNS, FEATURES, Company
from pipeline.sandbox.company.crm.addresses import AGENCIES
from pipeline.sandbox.truth import Links, hubspot

END = datetime(2026, 11, 23, 6, tzinfo=UTC)
SEEDS = range(4)


def lived(seed: int, features: frozenset[str], customers: int = 60) -> Company:
    company = Company(seed, customers=customers, months=14, end=END, features=features)
    company.advance(END)
    return company


@pytest.fixture(scope="module")
def companies() -> list[Company]:
    return [lived(seed, FEATURES | CRM_TURNS) for seed in SEEDS]


@pytest.fixture(scope="module")
def records(companies: list[Company]) -> dict[str, list[Any]]:
    """The records of all, by kind."""
    return {
        kind: [each for company in companies for each in company.hubspot[kind].values()]
        for kind in ("companies", "contacts", "deals", "owners", "merged")
    }


def test_customers_buy_what_they_would_buy_without_it(companies: list[Company]) -> None:
    for seed, company in zip(SEEDS, companies, strict=True):
        plain = lived(seed, FEATURES)
        for kind in ("subscription", "invoice", "invoiceitem", "credit_note"):
            assert _billed(plain, kind) == _billed(company, kind)


def _billed(company: Company, kind: str) -> dict[str, Any]:
    """The objects without the addresses that bills go to."""
    return {
        key: {name: value for name, value in each.items() if name != "customer_email"}
        for key, each in company.objects[kind].items()
    }


def test_it_does_not_matter_how_the_clock_moves(companies: list[Company]) -> None:
    company = Company(0, customers=60, months=14, end=END, features=FEATURES | CRM_TURNS)
    while company.now < END:
        company.advance(min(company.now + timedelta(days=9), END))
    assert company.hubspot == companies[0].hubspot
    assert company.objects["customer"] == companies[0].objects["customer"]


def test_every_way_of_finding_an_account_happens(companies: list[Company]) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for company in companies:
        for link in Links(company, hubspot(company), frozenset(AGENCIES)).of.values():
            found[link.method, link.status] += 1
            assert link.status != "matched" or link.account_id in link.right
    for level in ("crm_field", "metadata", "email", "domain"):
        assert found[level, "matched"] > 10
    assert found["crm_field", "ambiguous"] > 5
    assert found["domain", "ambiguous"] > 0
    assert found["none", "unmatched"] > 10


def test_without_the_list_of_shared_domains_agencies_would_be_taken_for_their_clients(
    companies: list[Company],
) -> None:
    wrong = 0
    for company in companies:
        links = Links(company, hubspot(company), frozenset()).of.values()
        wrong += sum(
            each.status == "matched" and each.account_id not in each.right for each in links
        )
    assert wrong > 0


def test_companies_are_merged_archived_and_deleted(
    companies: list[Company], records: dict[str, list[Any]]
) -> None:
    assert any(each["archived"] for each in records["companies"])
    assert any(each["archived"] for each in records["contacts"])
    chains = 0
    for company in companies:
        merged, there = company.hubspot["merged"], company.hubspot["companies"]
        for gone in merged:
            into, steps = gone, 0
            while into in merged:
                into, steps = merged[into]["into"], steps + 1
            chains += steps > 1
            if into in there:
                assert gone in there[into]["properties"]["hs_merged_object_ids"].split(";")
    assert chains > 0


def test_owners_share_names_and_leave_and_accounts_change_hands(
    records: dict[str, list[Any]],
) -> None:
    names = Counter((each["firstName"], each["lastName"]) for each in records["owners"])
    assert max(names.values()) == 2 * len(SEEDS)
    assert any(each["archived"] for each in records["owners"])
    for field in ("hubspot_owner_id", "customer_tier"):
        pasts = [each["propertiesWithHistory"].get(field, []) for each in records["companies"]]
        assert max(map(len, pasts)) > 2


@pytest.mark.parametrize("kind", ["companies", "deals", "contacts"])
def test_the_past_of_a_property_ends_with_its_present(
    records: dict[str, list[Any]], kind: str
) -> None:
    for each in records[kind]:
        for name, past in each["propertiesWithHistory"].items():
            assert past[0]["value"] == each["properties"][name]
            times = [version["timestamp"] for version in past]
            assert times == sorted(times, reverse=True)


def test_deals_are_of_every_kind(records: dict[str, list[Any]]) -> None:
    deals = [each for each in records["deals"] if not each["archived"]]
    fields = [each["properties"] for each in deals]
    assert any(each["archived"] for each in records["deals"])
    assert {"newbusiness", "existingbusiness", "upsell", ""} <= {
        each["dealtype"] for each in fields
    }
    assert any(not each["amount"] for each in fields)
    assert any(each["deal_currency_code"] == "GBP" for each in fields)
    stages = {each["dealstage"] for each in fields}
    assert stages == {"qualifiedtobuy", "closedwon", "closedlost"}
    closed = [each for each in fields if each["hs_is_closed"] == "true"]
    assert any(each["closedate"] < each["createdate"] for each in closed)
    pasts = [each["propertiesWithHistory"]["dealstage"] for each in deals]
    reopened = [[version["value"] for version in past] for past in pasts if len(past) > 2]
    assert any(each[1] == "qualifiedtobuy" for each in reopened)
