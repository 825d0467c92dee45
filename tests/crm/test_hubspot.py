"""What HubSpot's raw records tell: names for ids, pasts united over the nights, nothing of what is gone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.crm import CRMS, Fields, Told
from pipeline.schemas.told import TOLD
from tests.crm.crm_records import FIRST, PIPELINE, company, deal, owner, raw

FIELDS = Fields(("stripe_customer_id", "other_id"), "tier")
NIGHT = timedelta(days=1)


def told(*nights: pl.LazyFrame, fields: Fields = FIELDS) -> Told:
    return CRMS["hubspot"].told(pl.concat(nights), fields)


def past(record: tuple[str, dict], name: str, *changes: tuple[str, int]) -> tuple[str, dict]:
    """The record with a property's history, as (value, day of January), newest first."""
    stream, content = record
    history = [
        {"value": value, "timestamp": f"2026-01-{day:02}T00:00:00.000Z"} for value, day in changes
    ]
    held = content.get("propertiesWithHistory", {})
    return stream, {**content, "propertiesWithHistory": {**held, name: history}}


def rows(frame: pl.LazyFrame, *names: str) -> list[tuple[Any, ...]]:
    return frame.select(*names).sort(*names).collect().rows()


def gone(stream: str, number: str) -> tuple[str, dict]:
    return stream, {"gone": True, "id": number}


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


@pytest.mark.parametrize("records", [[], [gone("company", "7"), gone("deal", "70")]])
def test_every_frame_has_its_schema_even_when_there_is_nothing(records: list) -> None:
    found = told(raw(*records))
    frames = (found.account, found.account_change, found.deal, found.deal_change, found.contact)
    for table, frame in zip(TOLD, frames, strict=True):
        assert frame.collect().schema == table.schema
        assert frame.collect().is_empty()


def test_an_account_says_what_links_and_divides_it() -> None:
    found = told(
        raw(
            company(
                "7",
                name="Acme",
                domain="www.Acme.example",
                hs_additional_domains="acme.test; ;acme.example;",
                stripe_customer_id=" cus_1;cus_2 ",
                other_id="cus_2;cus_3",
                tier="gold",
                hubspot_owner_id="1",
                createdate="2025-05-01T08:00:00.000Z",
                hs_merged_object_ids="5;6",
            ),
            owner("1", "Ann", "Lee", "ann@us.example"),
        )
    )
    assert found.account.collect().row(0, named=True) == {
        "crm": "hubspot",
        "crm_id": "7",
        "name": "Acme",
        "segment": "gold",
        "owner": "Ann Lee",
        "industry": None,
        "country": None,
        "channel": None,
        "created": datetime(2025, 5, 1, 8, tzinfo=UTC),
        "domains": ["www.Acme.example", "acme.test", "acme.example"],
        "stripe_ids": ["cus_1", "cus_2", "cus_3"],
        "emails": [],
        "merged_ids": ["5", "6"],
    }


def test_what_is_archived_gone_or_merged_is_no_account_and_no_deal() -> None:
    first = raw(company("6"), company("7"), company("8"), company("9"), deal("70"), deal("71"))
    second = raw(
        company("7", hs_merged_object_ids="6"),
        company("8", archived=True),
        gone("company", "9"),
        deal("70", archived=True),
        gone("deal", "71"),
        at=FIRST + NIGHT,
    )
    found = told(first, second)
    assert rows(found.account, "crm_id") == [("7",)]
    assert rows(found.deal, "crm_id") == []
    back = told(first, second, raw(company("9"), deal("71"), at=FIRST + 2 * NIGHT))
    assert rows(back.account, "crm_id") == [("7",), ("9",)]
    assert rows(back.deal, "crm_id") == [("71",)]


def test_what_was_merged_by_and_by_leads_to_the_last_survivor() -> None:
    """Also where the last survivor names only what was merged into it itself."""
    nights = (
        raw(company("1"), company("2"), company("3")),
        raw(company("2", hs_merged_object_ids="1"), gone("company", "1"), at=FIRST + NIGHT),
        raw(company("3", hs_merged_object_ids="2"), gone("company", "2"), at=FIRST + 2 * NIGHT),
    )
    assert rows(told(*nights).account, "crm_id", "merged_ids") == [("3", ["1", "2"])]
    left = told(*nights, raw(gone("company", "3"), at=FIRST + 3 * NIGHT))
    assert rows(left.account, "crm_id") == []


def test_companies_that_say_that_they_were_merged_in_a_circle_stay() -> None:
    found = told(
        raw(company("1", hs_merged_object_ids="2"), company("2", hs_merged_object_ids="1"))
    )
    assert rows(found.account, "crm_id", "merged_ids") == [("1", []), ("2", [])]


def test_owners_are_told_apart_and_keep_their_name_when_they_leave() -> None:
    first = raw(
        *(company(str(number), hubspot_owner_id=str(number)) for number in range(1, 7)),
        owner("1", "Ann", "Lee", "ann@us.example"),
        owner("2", " Ann", "Lee ", "lee@us.example"),
        owner("3", "", "", "bot@us.example"),
        owner("4", "Ben", "", "ben@us.example"),
        ("owner", {"id": "5", "firstName": None, "lastName": None, "email": None}),
    )
    second = raw(gone("owner", "4"), at=FIRST + NIGHT)
    assert rows(told(first, second).account, "crm_id", "owner") == [
        ("1", "Ann Lee <ann@us.example>"),
        ("2", "Ann Lee <lee@us.example>"),
        ("3", "bot@us.example"),
        ("4", "Ben"),
        ("5", "5"),
        ("6", "6"),
    ]


# ---- contacts ----------------------------------------------------------------------------------


def contact(number: str, **properties: str | None) -> tuple[str, dict]:
    return "contact", {"id": number, "archived": False, "properties": properties}


def test_every_address_of_a_contact_leads_to_its_primary_company() -> None:
    first = raw(
        contact("1", email="A@acme.example", associatedcompanyid="7"),
        contact("2", email="b@x.example", hs_additional_emails="c@x.example; d@x.example"),
        contact("3", hs_additional_emails="e@x.example;A@acme.example", associatedcompanyid="7"),
        contact("4", email="f@x.example", associatedcompanyid="8"),
        contact("5", email=None, associatedcompanyid="8"),
    )
    found = told(first, raw(gone("contact", "4"), at=FIRST + NIGHT))
    assert rows(found.contact, "email", "account_crm_id") == [
        ("A@acme.example", "7"),
        ("e@x.example", "7"),
    ]


# ---- deals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "account"),
    [
        ([(8, 5, None), (7, 341, None)], "8"),
        ([(8, 341, None), (7, 6, "Primary")], "7"),
        ([(8, 341, None), (7, 341, None)], None),
        ([(8, 341, None), (8, 9, "Billing")], "8"),
        ([(8, 5, None), (7, 5, None)], None),
        ([], None),
    ],
    ids=["type 5", "label", "several", "one, twice", "two primary", "none"],
)
def test_a_deal_is_its_primary_company_s_or_its_only_one_s(to: list, account: str | None) -> None:
    links = [
        {"toObjectId": number, "associationTypes": [{"typeId": kind, "label": label}]}
        for number, kind, label in to
    ]
    found = told(raw(deal("70"), ("association", {"id": "70", "to": links})))
    assert rows(found.deal, "account_crm_id") == [(account,)]


@pytest.mark.parametrize(
    ("written", "micro"),
    [
        ("1200.5", 1_200_500_000),
        ("-3", -3_000_000),
        (" 7 ", 7_000_000),
        ("lots", None),
        ("", None),
        ("1e400", None),
        ("99999999999999999999", None),
    ],
)
def test_an_amount_that_is_no_number_is_none(written: str, micro: int | None) -> None:
    assert rows(told(raw(deal("70", amount=written))).deal, "amount") == [(micro,)]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-01-05T10:00:00.000Z", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("2026-01-05T10:00:00Z", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("2026-01-05", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("1767607200000", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("soon", None),
        ("", None),
    ],
)
def test_an_instant_as_hubspot_writes_it(written: str, at: datetime | None) -> None:
    assert rows(told(raw(deal("70", closedate=written))).deal, "closed") == [(at,)]


def test_stages_keep_their_last_known_label_and_belong_to_a_pipeline() -> None:
    renamed = json.loads(json.dumps(PIPELINE[1]).replace('"Open"', '"In talks"'))
    del renamed["stages"][1]
    other = {"id": "other", "stages": [{**renamed["stages"][0], "label": "Elsewhere"}]}
    deals = [
        deal("70", pipeline="default", dealstage="yes"),
        deal("71", pipeline="default", dealstage="open"),
        deal("72", pipeline="other", dealstage="open"),
        deal("73", pipeline="other", dealstage="yes"),
        deal("74", pipeline="default", dealstage="unheard"),
    ]
    found = told(
        raw(PIPELINE, *deals),
        raw(("pipeline", renamed), ("pipeline", other), at=FIRST + NIGHT),
        raw(gone("pipeline", "other"), at=FIRST + 2 * NIGHT),
    )
    assert rows(found.deal, "crm_id", "stage", "won", "probability") == [
        ("70", "Won", True, 1.0),
        ("71", "In talks", None, 0.2),
        ("72", "Elsewhere", None, 0.2),
        ("73", "Won", True, 1.0),
        ("74", "unheard", None, None),
    ]


# ---- the past ----------------------------------------------------------------------------------


def test_histories_of_every_night_are_one() -> None:
    """HubSpot forgot the first value; the record of an earlier night has it."""
    first = past(company("7", industry="B"), "industry", ("B", 9), ("A", 5))
    second = past(company("7", industry="C"), "industry", ("C", 20), ("B", 9))
    found = told(raw(first), raw(second, at=FIRST + NIGHT))
    changes = found.account_change.filter(pl.col("field") == "industry")
    assert rows(changes, "at", "value") == [(day(5), "A"), (day(9), "B"), (day(20), "C")]


def test_a_history_is_hubspot_s_own_and_else_what_the_nights_saw() -> None:
    first = past(deal("70", dealstage="open", amount="10"), "dealstage", ("open", 3))
    later = past(deal("70", dealstage="yes", amount="20"), "dealstage", ("yes", 4), ("open", 3))
    same = past(deal("70", dealstage="yes", amount="20"), "dealstage", ("yes", 4), ("open", 3))
    found = told(
        raw(PIPELINE, first), raw(later, at=FIRST + NIGHT), raw(same, at=FIRST + 2 * NIGHT)
    )
    stages = found.deal_change.filter(pl.col("field") == "stage")
    assert rows(stages, "at", "value", "closes", "probability") == [
        (day(3), "Open", False, 0.2),
        (day(4), "Won", True, 1.0),
    ]
    amounts = found.deal_change.filter(pl.col("field") == "amount")
    assert rows(amounts, "at", "value", "closes") == [
        (FIRST, "10", None),
        (FIRST + NIGHT, "20", None),
    ]


def test_each_dimension_of_an_account_has_its_past_with_owners_by_name() -> None:
    record = company("7", hubspot_owner_id="2", tier="gold", hs_analytics_source="REFERRALS")
    record = past(record, "hubspot_owner_id", ("2", 9), ("", 6), ("1", 3))
    record = past(record, "tier", ("gold", 8), ("silver", 2))
    found = told(raw(record, owner("1", "Ann", "Lee", "a@us"), owner("2", "Ben", "Ek", "b@us")))
    known = found.account_change.filter(pl.col("field").is_in(["owner", "segment", "channel"]))
    assert rows(known, "field", "at", "value") == [
        ("channel", FIRST, "REFERRALS"),
        ("owner", day(3), "Ann Lee"),
        ("owner", day(6), None),
        ("owner", day(9), "Ben Ek"),
        ("segment", day(2), "silver"),
        ("segment", day(8), "gold"),
    ]


def test_a_property_may_be_two_dimensions() -> None:
    record = past(company("7", country="Italy"), "country", ("Italy", 3))
    found = told(raw(record), fields=Fields((), "country"))
    known = found.account_change.filter(pl.col("value").is_not_null())
    assert rows(known, "field", "value") == [("country", "Italy"), ("segment", "Italy")]
    assert rows(found.account, "country", "segment") == [("Italy", "Italy")]


def test_of_two_values_at_one_instant_the_newer_one_counts() -> None:
    record = past(company("7", industry="B"), "industry", ("B", 5), ("A", 5))
    changes = told(raw(record)).account_change.filter(pl.col("field") == "industry")
    assert rows(changes, "at", "value") == [(day(5), "B")]


values = st.sampled_from(["A", "B", ""])
nights = st.lists(
    st.lists(st.tuples(values, st.integers(1, 28)), max_size=4), min_size=1, max_size=4
)


@given(nights=nights, order=st.randoms(use_true_random=False))
def test_the_order_in_which_records_lie_changes_nothing(nights: list, order: Any) -> None:
    frames = [
        raw(past(company("7", industry="A"), "industry", *changes), at=FIRST + number * NIGHT)
        for number, changes in enumerate(nights)
    ]
    straight = told(*frames).account_change.collect()
    order.shuffle(frames)
    assert rows(told(*frames).account_change, *straight.columns) == rows(
        straight.lazy(), *straight.columns
    )
    assert straight.select("crm", "crm_id", "field", "at").is_unique().all()
