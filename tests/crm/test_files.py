"""What an export tells: owners by name, merges over chains, and the past that the nights saw."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.crm import Fields, Told
from pipeline.crm.files import Files
from pipeline.schemas import RAW_RECORD

FIRST = datetime(2026, 1, 1, 3, tzinfo=UTC)
Rows = dict[str, dict[str, str]]
GONE = {"gone": True}


def nights(stream: str, *seen: Rows) -> pl.LazyFrame:
    """RAW_RECORD rows of what one night after the other listed of one file; what is missing from it is gone."""
    rows = []
    known: dict[str, dict[str, object]] = {}
    for number, listed in enumerate(seen):
        now: dict[str, dict[str, object]] = {id_: dict(row) for id_, row in listed.items()}
        now |= {id_: dict(GONE) for id_ in known if id_ not in listed}
        for id_, row in now.items():
            if known.get(id_) != row:
                content = json.dumps({**row, "id": id_}, separators=(",", ":"), sort_keys=True)
                rows.append(
                    {
                        "source": "file",
                        "source_account": "",
                        "stream": stream,
                        "id": id_,
                        "observed_at": FIRST + number * timedelta(days=1),
                        "payload": content,
                        "hash": content,
                    }
                )
        known |= now
    whole = [dict.fromkeys(RAW_RECORD.schema) | row for row in rows]
    return pl.DataFrame(whole, schema=RAW_RECORD.schema).lazy()


def told(raw: pl.LazyFrame, segment: str | None = None) -> Told:
    return Files().told(raw, Fields((), segment))


def accounts(*seen: Rows) -> pl.DataFrame:
    return told(nights("account", *seen)).account.collect().sort("crm_id")


def test_an_account_has_its_lists() -> None:
    found = accounts(
        {
            "1": {
                "name": "Ada",
                "domain": "ada.example",
                "additional_domains": "ada.test; www.ada.dev;",
                "emails": "a@ada.example",
                "stripe_customer_ids": "cus_1;cus_2",
                "segment": "big",
            }
        }
    ).row(0, named=True)
    assert found["domains"] == ["ada.example", "ada.test", "www.ada.dev"]
    assert found["emails"] == ["a@ada.example"]
    assert found["stripe_ids"] == ["cus_1", "cus_2"]
    assert (found["crm"], found["segment"], found["merged_ids"]) == ("file", None, [])


def test_the_segment_is_told_where_one_is_configured() -> None:
    raw = nights("account", {"1": {"segment": "big"}})
    assert told(raw, "tier").account.collect()["segment"].to_list() == ["big"]


def test_owners_who_share_a_name_are_told_apart() -> None:
    found = accounts(
        {
            "1": {"owner": "Ann Lee", "owner_email": "ann@x.example"},
            "2": {"owner": "Ann Lee", "owner_email": "ann.lee@x.example"},
            "3": {"owner": "Bo", "owner_email": "bo@x.example"},
            "4": {"owner": "Bo", "owner_email": "BO@x.example"},
            "5": {"owner_email": "cy@x.example"},
            "6": {"owner": "Ann Lee"},
        }
    )
    assert found["owner"].to_list() == [
        "Ann Lee <ann@x.example>",
        "Ann Lee <ann.lee@x.example>",
        "Bo",
        "Bo",
        "cy@x.example",
        "Ann Lee",
    ]


def test_merges_are_followed_to_the_survivor_and_circles_are_none() -> None:
    found = accounts(
        {
            "a": {"merged_into": "b"},
            "b": {"merged_into": "c"},
            "c": {},
            "d": {"merged_into": "nobody"},
            "e": {"merged_into": "f"},
            "f": {"merged_into": "g"},
            "g": {"merged_into": "e"},
            "h": {"merged_into": "e"},
            "i": {"merged_into": "i"},
        }
    )
    assert dict(found.select("crm_id", "merged_ids").iter_rows()) == {
        "c": ["a", "b"],
        **{id_: [] for id_ in "defghi"},
    }


def test_a_merged_account_that_left_the_file_still_leads_to_its_survivor() -> None:
    found = accounts({"a": {"merged_into": "b"}, "b": {}}, {"b": {}})
    assert dict(found.select("crm_id", "merged_ids").iter_rows()) == {"b": ["a"]}


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh"), min_size=1))
def test_merges_against_following_them_one_by_one(into: dict[str, str]) -> None:
    listed = {id_: {"merged_into": into[id_]} if id_ in into else {} for id_ in "abcdefgh"}

    def end(id_: str) -> str | None:
        seen = [id_]
        while (following := into.get(seen[-1])) is not None and following != seen[-1]:
            if following in seen:
                return None
            seen.append(following)
        return seen[-1]

    ends = {id_: end(id_) or id_ for id_ in listed}
    wanted = {
        id_: sorted(other for other in listed if ends[other] == id_ and other != id_)
        for id_ in listed
        if ends[id_] == id_
    }
    found = accounts(listed)  # type: ignore[arg-type]
    assert dict(found.select("crm_id", "merged_ids").iter_rows()) == wanted


def test_changes_are_what_the_nights_saw() -> None:
    raw = nights(
        "account",
        {"1": {"owner": "Ann", "name": "x"}},
        {"1": {"owner": "Ann", "name": "y"}},
        {"1": {"name": "y", "country": "DE"}},
        {},
        {"1": {"owner": "Bo", "country": "DE"}},
    )
    found = told(raw).account_change.collect()
    days = (found["at"] - FIRST).dt.total_days()
    assert list(zip(found["field"], days, found["value"], strict=True)) == [
        ("owner", 0, "Ann"),
        ("country", 2, "DE"),
        ("owner", 2, None),
        ("owner", 4, "Bo"),
    ]


def test_a_deal_and_its_past() -> None:
    begun = {"account_id": "A", "stage": "Proposal", "amount": "1234.5", "currency": "eur"}
    won = {"stage": "Signed", "closed": "2026-02-03", "is_closed": "true", "is_won": "true"}
    raw = nights("deal", {"1": begun}, {"1": begun | won, "2": {"is_closed": "false"}})
    found = told(raw)
    first, second = found.deal.sort("crm_id").collect().iter_rows(named=True)
    assert (first["account_crm_id"], first["amount"], first["won"]) == ("A", 1_234_500_000, True)
    assert first["closed"] == datetime(2026, 2, 3, 10, tzinfo=UTC), "that day in every zone"
    assert second["won"] is None
    changes = found.deal_change.collect().select("field", "value", "closes").rows()
    assert changes == [
        ("amount", "1234.5", None),
        ("stage", "Proposal", None),
        ("closed", "2026-02-03", None),
        ("stage", "Signed", True),
    ]


def test_a_deal_that_is_closed_in_the_stage_that_it_was_in() -> None:
    """Else it would be open in the pipeline for ever."""
    begun = {"stage": "Contract", "is_closed": "false", "is_won": "false"}
    lost = begun | {"is_closed": "true"}
    raw = nights("deal", {"1": begun}, {"1": begun | {"amount": "1"}}, {"1": lost})
    changes = told(raw).deal_change.filter(pl.col("field") == "stage").collect()
    days = (changes["at"] - FIRST).dt.total_days()
    found = list(zip(days, changes["value"], changes["closes"], strict=True))
    assert found == [(0, "Contract", False), (2, "Contract", True)]


def test_lost_deals_and_deals_that_left_the_file() -> None:
    lost = {"is_closed": "true", "is_won": "false"}
    raw = nights("deal", {"1": lost, "2": lost}, {"1": lost})
    found = told(raw).deal.collect()
    assert found.select("crm_id", "won").rows() == [("1", False)]


def test_nothing_was_read_yet() -> None:
    found = told(RAW_RECORD.empty().lazy())
    kinds = (found.account, found.account_change, found.deal, found.deal_change, found.contact)
    assert [frame.collect().height for frame in kinds] == [0] * 5
