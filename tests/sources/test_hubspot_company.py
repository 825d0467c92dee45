"""The simulated company's HubSpot is read whole on every kind of day, within what HubSpot lets through."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from pipeline.errors import SourceError
from pipeline.sandbox.company import Company
from pipeline.sandbox.hubspot_api import HubSpotApi
from pipeline.sandbox.server import HUBSPOT_KEY, SandboxServer
from pipeline.sandbox.web.hubspot_day import KINDS, HubSpotDay
from pipeline.sources import HubSpotSource, Page
from pipeline.sources.hubspot.streams import Wanted
from pipeline.sources.limits import Patience
from tests.sources.hubspot_portal import WANTED, ids, notices

END = datetime(2026, 11, 23, tzinfo=UTC)
PATIENT = Patience(attempts=12, first_seconds=0.01, longest_seconds=0.05)
STREAMS = {"companies": "company", "deals": "deal", "contacts": "contact", "owners": "owner"}


@pytest.fixture(scope="module")
def company() -> Company:
    company = Company(4, customers=230, months=10, end=END)
    company.advance(END)
    record = next(iter(company.hubspot["deals"].values()))
    record["archived"] = True
    return company


@contextmanager
def day(company: Company, conditions: HubSpotDay) -> Iterator[tuple[str, HubSpotApi]]:
    with SandboxServer(company, conditions=conditions) as server:
        assert server.hubspot is not None
        yield server.hubspot_url, server.hubspot


def pull(base: str, wanted: Wanted = WANTED, cursors: Any = None, **options: Any) -> list[Any]:
    options = {"patience": PATIENT, "requests_per_second": 10_000} | options
    source = HubSpotSource(HUBSPOT_KEY, base, wanted=wanted, **options)
    return list(source.pull(cursors or {}, lambda: END))


def test_everything_of_the_company_is_read(company: Company) -> None:
    with day(company, HubSpotDay()) as (base, _):
        pulled = pull(base)
    for kind, stream in STREAMS.items():
        assert sorted(ids(pulled, stream)) == sorted(company.hubspot[kind]), kind
    assert not notices(pulled)
    companies = {
        record.id: orjson.loads(record.payload)
        for each in pulled
        if isinstance(each, Page)
        for record in each.records
        if each.stream in {"contact", "association"}
    }
    for contact, belongs in company.hubspot["contact_associations"].items():
        assert companies[contact]["properties"]["associatedcompanyid"] == belongs
    for deal, belongs in company.hubspot["associations"].items():
        if not company.hubspot["deals"][deal]["archived"]:
            assert str(companies[deal]["to"][0]["toObjectId"]) == belongs


@pytest.mark.parametrize("seed", range(4))
def test_on_a_bad_day_nothing_is_lost(company: Company, seed: int) -> None:
    conditions = HubSpotDay(seed=seed, share=0.35)
    with day(company, conditions) as (base, _):
        pulled = pull(base)
    assert sum(conditions.spoilt.values()) >= len(KINDS)
    for kind, stream in STREAMS.items():
        assert set(ids(pulled, stream)) == set(company.hubspot[kind]), kind


def test_the_allowance_is_learnt_and_kept_to(company: Company) -> None:
    conditions = HubSpotDay(allowance=190, latency=0.05)
    with day(company, conditions) as (base, _):
        began = time.monotonic()
        pulled = pull(base, requests_per_second=None)
        seconds = time.monotonic() - began
    assert not conditions.refused
    assert conditions.requests > 20
    # The first requests go at the smallest allowance of any app, the others at this one's.
    most = [each.most for each in pulled if isinstance(each, Page) and each.most]
    assert 18 < max(most) < 19
    assert seconds > conditions.requests / 19 * 0.8


def test_an_allowance_that_somebody_else_uses_up_is_waited_for(company: Company) -> None:
    conditions = HubSpotDay(allowance=30)
    with day(company, conditions) as (base, _):
        pulled = pull(base, patience=Patience(attempts=12, first_seconds=0.2))
    assert conditions.refused["TEN_SECONDLY_ROLLING"] > 0
    assert set(ids(pulled, "company")) == set(company.hubspot["companies"])


def test_the_allowance_of_the_day_is_not_asked_for_again(company: Company) -> None:
    conditions = HubSpotDay(daily=12)
    with (
        day(company, conditions) as (base, _),
        pytest.raises(SourceError, match="for today is used up"),
    ):
        pull(base)
    assert conditions.requests < 12 + 8


def test_a_key_that_is_revoked_midway_is_an_error(company: Company) -> None:
    with day(company, HubSpotDay()) as (base, api):
        api.access.lifetime = 12
        with pytest.raises(SourceError, match="has expired or was revoked"):
            pull(base)


@pytest.mark.parametrize("kind", ["companies", "deals", "owners"])
def test_a_scope_that_is_revoked_is_named(company: Company, kind: str) -> None:
    with day(company, HubSpotDay()) as (base, api):
        api.access.missing_scopes = {f"crm.objects.{kind}.read"}
        with pytest.raises(SourceError, match=rf"crm\.objects\.{kind}\.read"):
            pull(base)


def test_contacts_may_be_hidden_from_the_start_but_not_later(company: Company) -> None:
    with day(company, HubSpotDay()) as (base, api):
        api.access.missing_scopes = {"crm.objects.contacts.read"}
        assert len(notices(pull(base))) == 1
        with pytest.raises(SourceError, match=r"crm\.objects\.contacts\.read"):
            pull(base, cursors={"contact": {"synced_at": 1}})


def test_a_property_that_is_deleted_is_left_out_unless_it_was_configured(company: Company) -> None:
    with day(company, HubSpotDay()) as (base, api):
        api.access.hidden = {"companies.industry", "deals.dealtype"}
        pulled = pull(base)
        assert ["industry" in each or "dealtype" in each for each in notices(pulled)] == [True] * 2
        payloads = [r.payload for e in pulled if isinstance(e, Page) for r in e.records]
        assert not any(b"industry" in each for each in payloads)
        wanted = Wanted(segment_field="industry", required=frozenset({"industry"}))
        with pytest.raises(SourceError, match="no property industry of companies"):
            pull(base, wanted)
