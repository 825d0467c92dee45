"""Which account a customer belongs to: the levels, and what is never guessed."""

import json
from datetime import timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.crm import Fields
from pipeline.schemas import ACCOUNT, ACCOUNT_LINK, RAW_RECORD
from tests.crm.crm_records import FIRST, company, customers, joined, raw

NO_CRM = RAW_RECORD.empty().lazy()


def linked(records: pl.LazyFrame, people: pl.LazyFrame, fields: Fields | None = None) -> dict:
    """customer -> (account, method, status)."""
    link = joined(records, people, fields=fields).account_link
    assert link.schema == ACCOUNT_LINK.schema
    return {
        row["customer_id"]: (row["account_id"], row["method"], row["status"])
        for row in link.iter_rows(named=True)
    }


def test_without_a_crm_every_customer_is_its_own_account() -> None:
    found = joined(NO_CRM, customers("cus_1", "cus_2", country="de"))
    assert found.account.schema == ACCOUNT.schema
    assert found.account.select("account_id", "name", "country", "source").rows() == [
        ("cus_1", "Name of cus_1", "DE", "stripe"),
        ("cus_2", "Name of cus_2", "DE", "stripe"),
    ]
    assert set(found.account_link["status"]) == {"unmatched"}
    assert found.crm_deal.is_empty()
    assert found.crm_deal_history.is_empty()


def test_a_field_of_the_crm_may_name_several_customers() -> None:
    records = raw(company("7", name="Acme", stripe_customer_id="cus_1; cus_2 ;"))
    assert linked(records, customers("cus_1", "cus_2", "cus_3")) == {
        "cus_1": ("hubspot:7", "crm_field", "matched"),
        "cus_2": ("hubspot:7", "crm_field", "matched"),
        "cus_3": ("cus_3", "none", "unmatched"),
    }


def test_a_field_of_the_users_own() -> None:
    fields = Fields(("billing_id",))
    records = raw(company("7", stripe_customer_id="cus_2", billing_id="cus_1"))
    assert linked(records, customers("cus_1", "cus_2"), fields)["cus_1"][0] == "hubspot:7"
    assert linked(records, customers("cus_1", "cus_2"), fields)["cus_2"][2] == "unmatched"


def test_metadata_names_the_account() -> None:
    people = customers("cus_1", metadata={"cus_1": {"hubspot_company_id": "7"}})
    assert linked(raw(company("7")), people)["cus_1"] == ("hubspot:7", "metadata", "matched")


def test_metadata_that_names_nothing_falls_through_and_is_reported() -> None:
    people = customers(
        "cus_1",
        "cus_2",
        metadata={"cus_1": {"hubspot_company_id": "8"}, "cus_2": {"salesforce_account_id": "7"}},
    )
    found = joined(raw(company("7")), people)
    assert set(found.account_link["status"]) == {"unmatched"}
    assert found.dangling.rows() == [("metadata", "cus_1 hubspot_company_id", "8")], (
        "nothing is said of a CRM that is not connected"
    )


def test_two_companies_that_claim_a_customer_are_ambiguous() -> None:
    records = raw(
        company("7", stripe_customer_id="cus_1"), company("8", stripe_customer_id="cus_1")
    )
    link = joined(records, customers("cus_1")).account_link.row(0, named=True)
    assert (link["account_id"], link["status"], link["confidence"]) == ("cus_1", "ambiguous", None)
    assert json.loads(link["candidates"]) == ["hubspot:7", "hubspot:8"]


def test_explicit_levels_that_disagree_are_ambiguous() -> None:
    records = raw(company("7", stripe_customer_id="cus_1;cus_2"), company("8"))
    people = customers(
        "cus_1",
        "cus_2",
        metadata={"cus_1": {"hubspot_company_id": "8"}, "cus_2": {"crm_account_id": "hubspot:7"}},
    )
    found = linked(records, people)
    assert found["cus_1"] == ("cus_1", "crm_field", "ambiguous")
    assert found["cus_2"] == ("hubspot:7", "crm_field", "matched")


def test_a_merged_company_leads_to_its_survivor() -> None:
    people = customers("cus_1", metadata={"cus_1": {"hubspot_company_id": "6"}})
    records = raw(company("7", hs_merged_object_ids="5;6"), company("6", archived=True))
    assert linked(records, people)["cus_1"] == ("hubspot:7", "metadata", "matched")


def test_what_a_merged_company_claimed_belongs_to_its_survivor() -> None:
    """It is in no list any more; its last record is a month older than the merger."""
    before = raw(company("6", stripe_customer_id="cus_1"), company("7"))
    survivor = company("7", stripe_customer_id="cus_1;cus_2", hs_merged_object_ids="6")
    records = pl.concat([before, raw(survivor, at=FIRST + timedelta(days=30))])
    found = joined(records, customers("cus_1", "cus_2"))
    assert found.account["account_id"].to_list() == ["hubspot:7"]
    links = dict(found.account_link.select("customer_id", "account_id").iter_rows())
    assert links == {"cus_1": "hubspot:7", "cus_2": "hubspot:7"}


def test_an_archived_company_is_no_target_and_no_account() -> None:
    records = raw(company("7", archived=True, stripe_customer_id="cus_1"))
    found = joined(records, customers("cus_1"))
    assert found.account["account_id"].to_list() == ["cus_1"]


def test_the_latest_record_counts() -> None:
    before = raw(company("7", stripe_customer_id="cus_1"))
    after = raw(company("7", stripe_customer_id="cus_2"), at=FIRST + timedelta(days=1))
    found = linked(pl.concat([after, before]), customers("cus_1", "cus_2"))
    assert found["cus_1"][2] == "unmatched"
    assert found["cus_2"][0] == "hubspot:7"


claims = st.dictionaries(
    st.sampled_from("789"), st.sets(st.sampled_from(["cus_1", "cus_2", "cus_3"]))
)
told = st.dictionaries(st.sampled_from(["cus_1", "cus_2", "cus_3"]), st.sampled_from("6789"))


@given(claims=claims, told=told)
def test_every_customer_has_one_account_that_exists_and_no_link_is_guessed(
    claims: dict[str, set[str]], told: dict[str, str]
) -> None:
    records = [company(each, stripe_customer_id=";".join(ids)) for each, ids in claims.items()]
    people = customers(
        "cus_1", "cus_2", "cus_3", metadata={c: {"hubspot_company_id": v} for c, v in told.items()}
    )
    found = joined(raw(*records) if records else NO_CRM, people)
    assert found.account_link["customer_id"].to_list() == ["cus_1", "cus_2", "cus_3"]
    assert set(found.account_link["account_id"]) <= set(found.account["account_id"])
    assert found.account["account_id"].is_unique().all()
    for row in found.account_link.iter_rows(named=True):
        named = {f"hubspot:{c}" for c, ids in claims.items() if row["customer_id"] in ids}
        if told.get(row["customer_id"]) in claims:
            named.add(f"hubspot:{told[row['customer_id']]}")
        expected = named.pop() if len(named) == 1 else row["customer_id"]
        assert row["account_id"] == expected
