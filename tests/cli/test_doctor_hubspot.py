"""What doctor says of HubSpot: the key, what may be read, and whether a day's requests are enough."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.cli.doctor import hubspot
from pipeline.cli.doctor.finding import Found
from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.hubspot_day import HubSpotDay
from pipeline.settings import Settings

END = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def company() -> Company:
    company = Company(4, customers=20, months=6, end=END)
    company.advance(END)
    return company


@pytest.fixture
def server(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company, conditions=HubSpotDay(allowance=190, daily=1000)) as server:
        yield server


def look(server: SandboxServer, folder: Path, toml: str = "") -> dict[str, Found]:
    (folder / "pipeline.toml").write_text(toml)
    settings = Settings.load(server.environment(), folder)
    return {each.what: each for each in hubspot.looked_at(settings)}


def test_all_is_well(server: SandboxServer, tmp_path: Path) -> None:
    found = look(server, tmp_path)
    assert [each.verdict for each in found.values()] == ["ok"] * 3
    assert "at 19 a second; 9" in found["HubSpot use"].said


def test_what_the_key_may_not_read(server: SandboxServer, tmp_path: Path) -> None:
    assert server.hubspot is not None
    server.hubspot.access.missing_scopes = {"crm.objects.contacts.read"}
    server.hubspot.access.hidden = {"companies.industry", "deals.dealtype"}
    found = look(server, tmp_path)
    assert found["HubSpot"].verdict == "ok"
    assert found["HubSpot data"].verdict == "note"
    assert "crm.objects.contacts.read" in found["HubSpot data"].said
    assert "companies.industry, deals.dealtype" in found["HubSpot data"].said


@pytest.mark.parametrize("kind", ["companies", "deals", "owners"])
def test_what_a_sync_cannot_do_without(server: SandboxServer, tmp_path: Path, kind: str) -> None:
    assert server.hubspot is not None
    server.hubspot.access.missing_scopes = {f"crm.objects.{kind}.read"}
    found = look(server, tmp_path)
    assert list(found) == ["HubSpot"]
    assert found["HubSpot"].verdict == "fail"
    assert f"crm.objects.{kind}.read" in found["HubSpot"].said


def test_a_configured_property_that_does_not_exist(server: SandboxServer, tmp_path: Path) -> None:
    found = look(server, tmp_path, '[dimensions.segment]\nsource = "tier"\n')
    assert found["HubSpot"].verdict == "fail"
    assert "no property tier of companies" in found["HubSpot"].said


def test_a_wrong_key(server: SandboxServer, tmp_path: Path) -> None:
    settings = Settings.load({**server.environment(), "HUBSPOT_SERVICE_KEY": "pat-x"}, tmp_path)
    [found] = hubspot.looked_at(settings)
    assert found.verdict == "fail"
    assert "does not accept the key" in found.said


def test_a_day_whose_requests_are_nearly_used_up(company: Company, tmp_path: Path) -> None:
    with SandboxServer(company, conditions=HubSpotDay(daily=20)) as server:
        found = look(server, tmp_path)
    assert found["HubSpot use"].verdict == "fail"
    assert "are left today" in found["HubSpot use"].said


def test_it_need_not_be_connected(tmp_path: Path) -> None:
    settings = Settings.load({"STRIPE_API_KEY": "sk_test_x"}, tmp_path)
    assert [each.verdict for each in hubspot.looked_at(settings)] == ["note"]
