"""What an account and a deal are called, whose they are, and what became of them."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from pipeline.crm import Fields, with_first_paid
from pipeline.schemas import CRM_DEAL, CRM_DEAL_HISTORY
from tests.crm.crm_records import (
    FIRST,
    PIPELINE,
    belongs,
    company,
    customers,
    deal,
    joined,
    owner,
    raw,
)

NOBODY = customers()


def test_an_account_has_the_crm_s_dimensions() -> None:
    records = raw(
        company(
            "7",
            name="Acme",
            stripe_customer_id="cus_1",
            hubspot_owner_id="1",
            industry="COMPUTER_SOFTWARE",
            country="Germany",
            hs_analytics_source="PAID_SEARCH",
            tier="gold",
        ),
        owner("1", "Ann", "Lee", "ann@vendor.example"),
    )
    found = joined(
        records, customers("cus_1"), fields=Fields(("stripe_customer_id",), segment="tier")
    )
    assert found.account.row(0, named=True) == {
        "account_id": "hubspot:7",
        "name": "Acme",
        "segment": "gold",
        "owner": "Ann Lee",
        "industry": "COMPUTER_SOFTWARE",
        "country": "DE",
        "channel": "PAID_SEARCH",
        "first_paid_month": None,
        "source": "hubspot",
    }


@pytest.mark.parametrize(
    ("written", "code"),
    [("Germany", "DE"), ("usa", "US"), ("GB", "GB"), (" Türkiye ", "TR"), ("Atlantis", "FR")],
)
def test_a_country_is_recognised_or_stripe_s_is_taken(written: str, code: str) -> None:
    records = raw(company("7", stripe_customer_id="cus_1", country=written))
    found = joined(records, customers("cus_1", country="FR"))
    assert found.account["country"].to_list() == [code]


def test_two_owners_of_one_name_are_told_apart() -> None:
    records = raw(
        company("7", hubspot_owner_id="1"),
        company("8", hubspot_owner_id="2"),
        company("9", hubspot_owner_id="3"),
        owner("1", "Ann", "Lee", "ann@a.example"),
        owner("2", "Ann", "Lee", "lee@a.example"),
        owner("3", "", "", "bot@a.example"),
    )
    found = joined(records, NOBODY).account
    assert found["owner"].to_list() == [
        "Ann Lee <ann@a.example>",
        "Ann Lee <lee@a.example>",
        "bot@a.example",
    ]


def test_a_deal_is_resolved_to_account_owner_and_stage() -> None:
    records = raw(
        company("7"),
        PIPELINE,
        owner("1", "Ann", "Lee", "ann@a.example"),
        deal(
            "70",
            dealtype="existingbusiness",
            pipeline="default",
            dealstage="yes",
            amount="1200.5",
            deal_currency_code="EUR",
            createdate="2026-01-05T10:00:00.000Z",
            closedate="2026-02-01",
            hubspot_owner_id="1",
            hs_is_closed="true",
            hs_is_closed_won="true",
        ),
        belongs("70", ("7", "")),
    )
    found = joined(records, NOBODY).crm_deal
    assert found.schema == CRM_DEAL.schema
    assert found.row(0, named=True) == {
        "deal_id": "hubspot:70",
        "account_id": "hubspot:7",
        "type": "existingbusiness",
        "stage": "Won",
        "owner": "Ann Lee",
        "amount": 1_200_500_000,
        "currency": "eur",
        "created": datetime(2026, 1, 5, 10, tzinfo=UTC),
        "closed": datetime(2026, 2, 1, 10, tzinfo=UTC),
        "won": True,
        "probability": 1.0,
    }


@pytest.mark.parametrize(("stage", "won"), [("yes", True), ("no", False), ("open", None)])
def test_without_hubspot_s_own_flags_the_stage_says_whether_it_is_won(
    stage: str, won: bool | None
) -> None:
    records = raw(PIPELINE, deal("70", pipeline="default", dealstage=stage))
    assert joined(records, NOBODY).crm_deal["won"].to_list() == [won]


def test_an_open_deal_is_neither_won_nor_lost() -> None:
    records = raw(
        PIPELINE, deal("70", hs_is_closed="false", hs_is_closed_won="false", amount="lots")
    )
    found = joined(records, NOBODY).crm_deal
    assert found.select("won", "amount").row(0) == (None, None)


def test_the_primary_company_is_the_deal_s_and_several_without_one_are_nobody_s() -> None:
    records = raw(
        company("7", hs_merged_object_ids="6"),
        company("8"),
        *(deal(each) for each in ("70", "71", "72", "73")),
        belongs("70", ("8", ""), ("7", "Primary")),
        belongs("71", ("8", ""), ("7", "")),
        belongs("72", ("6", "")),
    )
    found = joined(records, NOBODY).crm_deal
    assert dict(found.select("deal_id", "account_id").rows()) == {
        "hubspot:70": "hubspot:7",
        "hubspot:71": None,
        "hubspot:72": "hubspot:7",
        "hubspot:73": None,
    }


def test_a_deleted_deal_is_no_deal() -> None:
    assert joined(raw(deal("70", archived=True)), NOBODY).crm_deal.is_empty()


def test_history_is_the_crm_s_own_and_else_what_the_nights_saw() -> None:
    told = deal("70", dealstage="yes", amount="20")
    told[1]["propertiesWithHistory"] = {
        "dealstage": [
            {"value": "yes", "timestamp": "2026-01-20T00:00:00.000Z"},
            {"value": "open", "timestamp": "2026-01-10T00:00:00.000Z"},
        ]
    }
    later = FIRST + timedelta(days=1)
    records = pl.concat(
        [raw(PIPELINE, deal("70", dealstage="open", amount="10")), raw(told, at=later)]
    )
    found = joined(records, NOBODY).crm_deal_history
    assert found.schema == CRM_DEAL_HISTORY.schema
    by_field = found.filter(pl.col("field").is_in(["stage", "amount"]))
    assert by_field.select("field", "at", "value").sort("field", "at").rows() == [
        ("amount", FIRST, "10"),
        ("amount", later, "20"),
        ("stage", datetime(2026, 1, 10, tzinfo=UTC), "Open"),
        ("stage", datetime(2026, 1, 20, tzinfo=UTC), "Won"),
    ]


def test_the_first_paid_month_of_an_account_is_the_first_of_its_customers() -> None:
    found = joined(raw(), customers("cus_1", "cus_2", "cus_3", "cus_4"))
    links = found.account_link.filter(pl.col("customer_id") != "cus_3").with_columns(
        account_id=pl.col("customer_id").replace("cus_2", "cus_1")
    )
    first = pl.LazyFrame(
        {
            "customer_id": ["cus_1", "cus_2", "cus_3"],
            "first_paid_month": [date(2026, month, 1) for month in (3, 2, 1)],
        }
    )
    paid = with_first_paid(found.account, first, links.lazy())
    assert dict(paid.select("account_id", "first_paid_month").iter_rows()) == {
        "cus_1": date(2026, 2, 1),
        "cus_2": None,
        "cus_3": date(2026, 1, 1),
        "cus_4": None,
    }
