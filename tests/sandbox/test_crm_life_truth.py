"""The truth of links and of attribution, held against cases worked out by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.sandbox.truth import Attributed, Attribution, Deal, Links, Portal, Windows, hubspot
from pipeline.sandbox.truth.links import registrable
from tests.sandbox.test_truth import SEPTEMBER, Stage

OLD = datetime(2020, 1, 1, tzinfo=UTC)
T = datetime(2026, 9, 15, 12, tzinfo=UTC)
"""When the customer takes a third seat."""


@pytest.fixture
def stage() -> Stage:
    return Stage()


# links


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("acme.com", "acme.com"),
        (" HTTPS://WWW.Acme.com:8443/Path?x=1 ", "acme.com"),
        ("shop.acme.co.uk", "acme.co.uk"),
        ("acme.com.", "acme.com"),
        ("büro.example", "xn--bro-hoa.example"),
        ("co.uk", ""),
        ("localhost", ""),
        ("", ""),
    ],
)
def test_registered_domains(written: str, host: str) -> None:
    assert registrable(written) == host


def companies_of(stage: Stage, *properties: dict[str, str]) -> list[str]:
    """Companies with these properties; their ids."""
    blank = {"domain": "", "stripe_customer_id": ""}
    crm, now = stage.company.crm, stage.books.now
    return [crm.put("companies", now, now, {**blank, **each}) for each in properties]


def link(stage: Stage, customer: Any, shared: frozenset[str] = frozenset()) -> tuple[str, str, str]:
    """(method, status, account) of the customer."""
    found = Links(stage.company, hubspot(stage.company), shared).of[customer.id]
    return found.method, found.status, found.account_id


@pytest.fixture
def lonely(stage: Stage) -> Any:
    """A customer whose own company has left the CRM."""
    customer = stage.customer()
    for kind in ("companies", "contacts"):
        stage.company.hubspot[kind].clear()
    stage.books.change_customer(customer, email="Ann@Acme.co.uk")
    return customer


def test_levels_in_order(stage: Stage, lonely: Any) -> None:
    assert link(stage, lonely) == ("none", "unmatched", lonely.id)
    (by_domain,) = companies_of(stage, {"domain": "https://www.acme.co.uk/"})
    assert link(stage, lonely) == ("domain", "matched", f"hubspot:{by_domain}")
    assert link(stage, lonely, frozenset({"acme.co.uk"}))[:2] == ("none", "unmatched")
    (by_email,) = companies_of(stage, {})
    crm, now = stage.company.crm, stage.books.now
    contact = crm.put(
        "contacts", now, now, {"email": "x@y.z", "hs_additional_emails": "ANN@acme.co.uk"}
    )
    crm.employ(contact, by_email, now)
    assert link(stage, lonely) == ("email", "matched", f"hubspot:{by_email}")
    (by_metadata,) = companies_of(stage, {})
    stage.books.change_customer(lonely, metadata={"crm_account_id": f" hubspot:{by_metadata} "})
    assert link(stage, lonely) == ("metadata", "matched", f"hubspot:{by_metadata}")
    (by_field,) = companies_of(stage, {"stripe_customer_id": f"cus_other; {lonely.id} ;"})
    assert link(stage, lonely) == ("crm_field", "ambiguous", lonely.id)
    stage.books.change_customer(lonely, metadata={})
    assert link(stage, lonely) == ("crm_field", "matched", f"hubspot:{by_field}")
    crm.archive("companies", by_field, now)
    assert link(stage, lonely) == ("email", "matched", f"hubspot:{by_email}")


def test_an_id_leads_to_the_survivor_or_to_the_next_level(stage: Stage, lonely: Any) -> None:
    first, second, third = companies_of(stage, {}, {}, {"domain": "acme.co.uk"})
    stage.company.crm.merge_companies(second, first, stage.books.now)
    stage.company.crm.merge_companies(third, second, stage.books.now)
    stage.books.change_customer(lonely, metadata={"hubspot_company_id": first})
    assert link(stage, lonely) == ("metadata", "matched", f"hubspot:{third}")
    stage.books.change_customer(lonely, metadata={"salesforce_account_id": first})
    assert link(stage, lonely) == ("domain", "matched", f"hubspot:{third}")
    companies_of(stage, {"domain": "ACME.co.uk"})
    assert link(stage, lonely) == ("domain", "ambiguous", lonely.id)


@pytest.mark.parametrize("address", ["ann@gmail.com", "ann@GMX.de", None])
def test_free_mail_names_no_company(stage: Stage, lonely: Any, address: str | None) -> None:
    companies_of(stage, {"domain": "gmail.com"}, {"domain": "gmx.de"})
    stage.books.change_customer(lonely, email=address)
    assert link(stage, lonely)[:2] == ("none", "unmatched")


# attribution


def deal(created: str, closed: str | None = None, won: bool | None = True, **fields: Any) -> Deal:
    """An expansion deal of 2026 by month and day."""
    usual = Deal(
        deal_id="hubspot:1",
        account_id="",
        type="existingbusiness",
        amount=Decimal(100),
        currency="usd",
        owner=None,
        created=datetime.fromisoformat(f"2026-{created}T12:00:00+00:00"),
        closed=None if closed is None else datetime.fromisoformat(f"2026-{closed}T12:00:00+00:00"),
        won=None if closed is None else won,
    )
    return replace(usual, **fields)


def grown(stage: Stage, *deals: Deal, since: datetime = OLD) -> Attribution:
    """A customer that took a third seat at T, and the deals of its account."""
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)])
    stage.company.advance(T)
    stage.engine.change(sub, sub.items[0], None, 3)
    stage.go(10, 20)
    return attribution(stage, *deals, since=since)


def attribution(stage: Stage, *deals: Deal, since: datetime = OLD) -> Attribution:
    company = stage.company
    (own,) = company.hubspot["companies"]
    (customer,) = company.objects["customer"]
    company.crm.change("companies", own, company.books.now, {"stripe_customer_id": customer})
    account = f"hubspot:{own}"
    shown = hubspot(company)
    portal = Portal(
        shown.name,
        shown.companies,
        shown.contacts,
        tuple(replace(each, account_id=account) for each in deals),
        since,
    )
    links = Links(company, portal, frozenset())
    return Attribution(stage.truth(accounts=links.accounts), links, Windows())


def only(found: Attribution, month: date = SEPTEMBER) -> Attributed:
    (row,) = found.of(month).values()
    return row


@pytest.mark.parametrize(
    ("deals", "expected"),
    [
        ([], "natural"),
        ([deal("09-01", "09-15")], "sales_driven"),
        ([deal("07-01", "08-01")], "sales_driven"),  # 45 days before
        ([deal("07-01", "07-31")], "influenced"),  # 46
        ([deal("09-14", "10-15")], "sales_driven"),  # 30 days after
        ([deal("09-14", "10-16")], "influenced"),  # 31: open before
        ([deal("09-16", "09-20")], "natural"),  # made after the change
        ([deal("09-01", "09-15", won=False)], "influenced"),
        ([deal("09-01")], "influenced"),
        ([deal("09-14")], "influenced"),
        ([replace(deal("09-14"), created=T - timedelta(hours=1))], "natural"),  # the same day
        ([deal("06-01", "06-17", won=False)], "influenced"),  # lost 90 days before
        ([deal("06-01", "06-16", won=False)], "natural"),  # 91
        ([deal("09-01", "09-15", type="newbusiness")], "natural"),
        ([deal("09-01", "09-15", type="upsell")], "natural"),
    ],
)
def test_one_change_and_its_deals(stage: Stage, deals: list[Deal], expected: str) -> None:
    row = only(grown(stage, *deals))
    assert row.attribution == expected
    assert row.at == int(T.timestamp())
    assert row.amount == 50_000_000
    assert (not row.deals) == (expected == "natural")


@pytest.mark.parametrize(
    ("since", "expected"), [("2026-06-16", "natural"), ("2026-06-17", "unknown")]
)
def test_natural_needs_a_crm_that_reaches_back(stage: Stage, since: str, expected: str) -> None:
    found = grown(stage, since=datetime.fromisoformat(f"{since}T00:00:00+00:00"))
    assert only(found).attribution == expected


def test_the_nearest_deal_pays_and_the_others_are_spare(stage: Stage) -> None:
    near = deal("08-01", "09-12", deal_id="hubspot:9", amount=Decimal(1))
    far = deal("08-01", "09-11", deal_id="hubspot:2", amount=Decimal(999))
    assert only(grown(stage, far, near)).deals == {"hubspot:9"}


def test_one_deal_pays_one_month(stage: Stage) -> None:
    """Two months grow in its window: the nearer is paid, the other was influenced by it."""
    sub = stage.engine.create(stage.customer(), [(stage.price("5000"), 2)])
    stage.company.advance(T)
    stage.engine.change(sub, sub.items[0], None, 3)
    stage.go(10, 1, 12)
    stage.engine.change(sub, sub.items[0], None, 4)
    stage.go(11, 2)
    found = attribution(stage, deal("08-01", "09-28"))
    assert only(found).attribution == "influenced"
    assert only(found, date(2026, 10, 1)).attribution == "sales_driven"


def test_what_a_contract_brings(stage: Stage) -> None:
    """A coupon that ends and a schedule's phase, though a deal was won the day before."""
    sub = stage.engine.create(
        stage.customer(), [(stage.price("5000"), 2)], coupons=[stage.coupon("LAUNCH30")]
    )
    schedules = stage.company.behaviour.acts.schedules
    schedules.create(sub, sub.items[0], int(T.timestamp()), sub.items[0].price, 5)
    stage.go(11, 10)
    found = attribution(stage, deal("08-01", "09-14"))
    kinds = {
        (month.month, part[2], row.attribution)
        for month in (SEPTEMBER, date(2026, 10, 1), date(2026, 11, 1))
        for part, row in found.of(month).items()
    }
    assert (9, "seat", "contractual") in kinds
    assert {attribution for *_, attribution in kinds} == {"contractual"}


def test_what_shrinks_in_an_expansion_goes_with_the_largest_that_grows(stage: Stage) -> None:
    customer = stage.customer()
    sub = stage.engine.create(
        customer, [(stage.price("5000"), 2), (stage.price("1000", "support"), 1)]
    )
    stage.company.advance(T)
    stage.engine.change(sub, sub.items[0], None, 3)
    stage.engine.remove_item(sub, sub.items[1], "none")
    stage.go(10, 2)
    rows = attribution(stage, deal("09-01", "09-15")).of(SEPTEMBER)
    assert sorted(each.amount for each in rows.values()) == [-10_000_000, 50_000_000]
    assert {each.attribution for each in rows.values()} == {"sales_driven"}
