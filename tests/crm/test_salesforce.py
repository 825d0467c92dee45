"""What Salesforce tells: accounts and their survivors, opportunities with their past, owners and stages by name."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crm.salesforce_records import (
    FIRST,
    NIGHT,
    STAGES,
    STRIPE_ID,
    account,
    deal,
    gone,
    history,
    of,
    rows,
    stage,
    told,
    user,
)


def test_an_account() -> None:
    found = told(
        [
            user(1, "Ann Lee"),
            account(
                1,
                OwnerId="0051",
                Website="https://www.Acme.example/home",
                Industry="Media",
                BillingCountry="Germany",
                AccountSource="Web",
                CreatedDate="2025-05-06T07:08:09.000+0000",
                **{STRIPE_ID: " cus_1; cus_2;"},
            ),
        ]
    )
    assert found.account.collect().to_dicts() == [
        {
            "crm": "salesforce",
            "crm_id": of(1),
            "name": "Account 1",
            "segment": None,
            "owner": "Ann Lee",
            "industry": "Media",
            "country": "Germany",
            "channel": "Web",
            "created": datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC),
            "domains": ["https://www.Acme.example/home"],
            "stripe_ids": ["cus_1", "cus_2"],
            "emails": [],
            "merged_ids": [],
        }
    ]


def test_nothing_is_told_of_nothing() -> None:
    found = told([])
    frames = (found.account, found.account_change, found.deal, found.deal_change, found.contact)
    assert [frame.collect().height for frame in frames] == [0] * 5


def test_deleted_and_vanished_accounts_are_left_out() -> None:
    found = told(
        [account(1), account(2), account(3)],
        [account(1, IsDeleted=True), gone("account", of(2))],
    )
    assert rows(found.account, "crm_id") == [(of(3),)]


def test_what_was_merged_leads_to_the_last_survivor() -> None:
    merged = {"IsDeleted": True}
    found = told(
        [account(1), account(2), account(3), account(4)],
        [account(2, MasterRecordId=of(3), **merged)],
        [account(3, MasterRecordId=of(1), **merged), gone("account", of(2))],
        [account(4, MasterRecordId=of(1), **merged)],
    )
    assert rows(found.account, "crm_id", "merged_ids") == [(of(1), sorted([of(2), of(3), of(4)]))]


@given(
    st.lists(st.integers(0, 9), min_size=10, max_size=10), st.sets(st.integers(0, 9)), st.randoms()
)
def test_chains_and_circles_of_mergers(into: list[int], there: set[int], draw: Any) -> None:
    def survivor(number: int) -> int | None:
        seen = set()
        while number not in there:
            if number in seen:
                return None
            seen.add(number)
            number = into[number]
        return number

    night = [
        account(each)
        if each in there
        else account(each, IsDeleted=True, MasterRecordId=of(into[each]))
        for each in range(10)
    ]
    draw.shuffle(night)
    wanted = {
        of(each): sorted(
            of(other) for other in range(10) if other != each and survivor(other) == each
        )
        for each in there
    }
    assert dict(rows(told(night).account, "crm_id", "merged_ids")) == wanted


def test_owners_who_share_a_name() -> None:
    found = told(
        [
            user(1, "Ann Lee", "ann@a.example"),
            user(2, "Ann Lee", "lee@a.example"),
            user(3, "Ben Ode", "ben@a.example"),
            *(account(number, OwnerId=f"005{number}") for number in (1, 2, 3, 4)),
        ]
    )
    owners = {"Ann Lee <ann@a.example>", "Ann Lee <lee@a.example>", "Ben Ode", None}
    assert {owner for (owner,) in found.account.select("owner").collect().rows()} == owners


def test_owners_who_share_a_name_and_whose_e_mails_are_not_read() -> None:
    people = [user(number, "Ann Lee") for number in (1, 2)]
    found = told([*people, *(account(number, OwnerId=f"005{number}") for number in (1, 2))])
    owners = found.account.select("owner").collect().get_column("owner")
    assert set(owners) == {"Ann Lee <0051>", "Ann Lee <0052>"}


def test_an_account_as_the_nights_saw_it() -> None:
    def night(tier: str | None, industry: str) -> list[Any]:
        return [user(1, "Ann Lee"), account(1, OwnerId="0051", Tier__c=tier, Industry=industry)]

    hidden = account(1, OwnerId="0051", Industry="Media")
    found = told(
        night("smb", "Media"),
        night("smb", "Media"),
        [hidden],
        night(None, "Law"),
        segment="Tier__c",
    )
    assert rows(found.account_change, "field", "at", "value") == [
        ("industry", FIRST, "Media"),
        ("industry", FIRST + 3 * NIGHT, "Law"),
        ("owner", FIRST, "Ann Lee"),
        ("segment", FIRST, "smb"),
        ("segment", FIRST + 3 * NIGHT, None),
    ]
    assert rows(found.account, "segment") == [(None,)]


def test_a_standard_field_that_is_the_segment_keeps_its_own_past() -> None:
    nights = [[account(1, Industry=industry)] for industry in ("Media", "Law")]
    found = told(*nights, segment="Industry")
    assert rows(found.account_change, "field", "at", "value") == [
        (field, FIRST + night * NIGHT, value)
        for field in ("industry", "segment")
        for night, value in enumerate(("Media", "Law"))
    ]


@pytest.mark.parametrize(
    ("fields", "won", "probability"),
    [
        ({}, None, 0.6),
        ({"IsClosed": True, "IsWon": True, "Probability": 90.0}, True, 1.0),
        ({"IsClosed": True, "Probability": 10.0}, False, 0.0),
        ({"Probability": None}, None, None),
    ],
)
def test_how_a_deal_stands(
    fields: dict[str, Any], won: bool | None, probability: float | None
) -> None:
    found = told([*STAGES, deal(1, **fields)])
    assert rows(found.deal, "won", "probability") == [(won, probability)]


def test_a_deal() -> None:
    found = told([*STAGES, user(1, "Ann Lee"), deal(1, CurrencyIsoCode="EUR")])
    assert found.deal.drop("won", "probability").collect().to_dicts() == [
        {
            "crm": "salesforce",
            "crm_id": "0061",
            "account_crm_id": of(1),
            "type": "Existing Business",
            "stage": "Proposal sent",
            "owner": "Ann Lee",
            "amount": 1_200_500_000,
            "currency": "eur",
            "created": datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
            "closed": datetime(2026, 3, 1, 10, tzinfo=UTC),
        }
    ]


@pytest.mark.parametrize(
    ("amount", "micro"),
    [
        (12000, 12_000_000_000),
        (0.1, 100_000),
        (1.5e9, 1_500_000_000_000_000),
        (None, None),
        ("n/a", None),
    ],
)
def test_amounts(amount: Any, micro: int | None) -> None:
    assert rows(told([deal(1, Amount=amount)]).deal, "amount") == [(micro,)]


def test_a_day_is_the_same_day_in_every_zone() -> None:
    closed = told([deal(1, CloseDate="2026-12-31")]).deal.collect()["closed"].item()
    for hours in (-10, 0, 12, 13.75):
        assert str((closed + timedelta(hours=hours)).date()) == "2026-12-31"


def test_a_deal_has_the_past_that_salesforce_keeps() -> None:
    found = told(
        [
            *STAGES,
            user(1, "Ann Lee"),
            user(2, "Ben Ode"),
            deal(1),
            history(
                1,
                1,
                "2026-01-05",
                StageName="Proposal",
                Amount=1000.0,
                CloseDate="2026-03-01",
                Probability=20.0,
            ),
            history(
                2,
                1,
                "2026-02-01",
                StageName="Proposal",
                Amount=1200.5,
                CloseDate="2026-03-01",
                Probability=60.0,
            ),
        ],
        [
            deal(1, OwnerId="0052", StageName="Closed Won", IsClosed=True, IsWon=True),
            history(
                3, 1, "2026-02-20", StageName="Closed Won", Amount=1200.5, CloseDate="2026-02-20"
            ),
        ],
    )

    def at(month: int, day: int) -> datetime:
        return datetime(2026, month, day, 10, tzinfo=UTC)

    assert rows(found.deal_change, "field", "at", "value", "closes", "probability") == [
        ("amount", at(1, 5), "1000", None, None),
        ("amount", at(2, 1), "1200.5", None, None),
        ("closed", at(1, 5), "2026-03-01T10:00:00Z", None, None),
        ("closed", at(2, 20), "2026-02-20T10:00:00Z", None, None),
        ("owner", FIRST, "Ann Lee", None, None),
        ("owner", FIRST + NIGHT, "Ben Ode", None, None),
        ("stage", at(1, 5), "Proposal sent", False, 0.2),
        ("stage", at(2, 1), "Proposal sent", False, 0.6),
        ("stage", at(2, 20), "Closed Won", True, 1.0),
        ("type", FIRST, "Existing Business", None, None),
    ]


def test_without_history_a_deal_has_what_the_nights_saw() -> None:
    found = told(
        [*STAGES, deal(1)],
        [deal(1, StageName="Closed Lost", IsClosed=True, Amount=None)],
    )
    changes = rows(found.deal_change, "field", "at", "value", "closes", "probability")
    assert [each for each in changes if each[0] in {"stage", "amount"}] == [
        ("amount", FIRST, "1200.5", None, None),
        ("amount", FIRST + NIGHT, None, None, None),
        ("stage", FIRST, "Proposal sent", False, None),
        ("stage", FIRST + NIGHT, "Closed Lost", True, 0.0),
    ]


def test_words_and_history_outlive_what_they_are_about() -> None:
    row = history(
        1, 1, "2026-01-05", StageName="Old", Amount=1.0, CloseDate="2026-03-01", Probability=5.0
    )
    found = told(
        [stage("Old", label="Old words"), user(1, "Ann Lee"), deal(1, StageName="Old"), row],
        [gone("opportunity_stage", "01JOld"), gone("user", "0051"), gone(*_named(row))],
    )
    assert rows(found.deal, "stage", "owner") == [("Old words", "Ann Lee")]
    assert ("stage", "Old words") in rows(found.deal_change, "field", "value")


def _named(row: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    return row[0], row[1]["id"]


def test_deleted_deals_have_neither_present_nor_past() -> None:
    row = history(
        1,
        1,
        "2026-01-05",
        StageName="Proposal",
        Amount=1.0,
        CloseDate="2026-03-01",
        Probability=5.0,
    )
    found = told([deal(1), deal(2), row], [deal(1, IsDeleted=True), gone("opportunity", "0062")])
    assert rows(found.deal, "crm_id") == []
    assert rows(found.deal_change, "crm_id") == []


def test_contacts() -> None:
    def contact(number: int, email: str | None, of_account: str | None) -> Any:
        return "contact", {"id": f"003{number}", "Email": email, "AccountId": of_account}

    found = told(
        [
            contact(1, "a@x.example", of(1)),
            contact(2, "a@x.example", of(1)),
            contact(3, "B@x.example", of(2)),
            contact(4, None, of(1)),
            contact(5, "c@x.example", None),
            contact(6, "d@x.example", of(1)),
        ],
        [gone("contact", "0036")],
    )
    assert rows(found.contact, "email", "account_crm_id") == [
        ("B@x.example", of(2)),
        ("a@x.example", of(1)),
    ]
