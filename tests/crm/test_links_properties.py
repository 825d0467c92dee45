"""What holds of links whatever CRMs and customers say."""

import json
import random
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.crm import LinkRules, accounts
from pipeline.crm.merges import targets
from pipeline.schemas import CUSTOMER
from tests.crm.told_frames import account, crm

IDS = [f"{number}" for number in range(8)]
CUSTOMERS = [f"cus_{number}" for number in range(5)]
DOMAINS = [f"d{number}.example" for number in range(4)]

drawn_account = st.builds(
    account,
    st.sampled_from(IDS),
    domains=st.lists(st.sampled_from(DOMAINS), max_size=2),
    stripe_ids=st.lists(st.sampled_from(CUSTOMERS), max_size=2),
    emails=st.lists(st.sampled_from([f"a@{each}" for each in DOMAINS]), max_size=1),
    merged_ids=st.lists(st.sampled_from(IDS), max_size=2),
)
drawn_crm = st.lists(drawn_account, max_size=6, unique_by=lambda each: each["crm_id"])
drawn_person = st.fixed_dictionaries(
    {
        "email": st.none() | st.sampled_from([f"{who}@{each}" for who in "ab" for each in DOMAINS]),
        "metadata": st.dictionaries(
            st.sampled_from(["hubspot_company_id", "crm_account_id"]), st.sampled_from(IDS)
        ).map(json.dumps),
    }
)


def rows(people: list[dict[str, Any]]) -> pl.LazyFrame:
    filled = [
        dict.fromkeys(CUSTOMER.names) | {"customer_id": name} | each
        for name, each in zip(CUSTOMERS, people, strict=False)
    ]
    return pl.DataFrame(filled, schema=CUSTOMER.schema).lazy()


@given(
    st.lists(drawn_crm, min_size=2, max_size=2),
    st.lists(drawn_person, max_size=5),
    st.randoms(use_true_random=False),
)
def test_every_link_is_to_an_account_that_is_there_and_the_order_of_rows_is_nothing(
    drawn: list[list[dict[str, Any]]], people: list[dict[str, Any]], rng: random.Random
) -> None:
    names = ("hubspot", "file")
    found = accounts(
        [crm(name, each) for name, each in zip(names, drawn, strict=True)],
        rows(people),
        LinkRules(),
    )
    link, there = found.account_link, set(found.account["account_id"])
    assert link.height == len(people)
    assert set(link["account_id"]) <= there
    assert found.account["account_id"].is_unique().all()
    for row in link.iter_rows(named=True):
        named = json.loads(row["candidates"] or "[]")
        assert (row["status"] == "ambiguous") == (len(named) > 1)
        assert set(named) <= there
        assert len({each.partition(":")[0] for each in named}) <= 1
        assert (row["status"] == "matched") == (row["account_id"] != row["customer_id"])
    shuffled = [crm(n, rng.sample(each, len(each))) for n, each in zip(names, drawn, strict=True)]
    order = rows(people).collect().sample(fraction=1, shuffle=True, seed=rng.randrange(100))
    again = accounts(shuffled, order.lazy(), LinkRules())
    assert_frame_equal(again.account_link, link)
    assert_frame_equal(again.account, found.account)
    assert_frame_equal(again.account_alias, found.account_alias)
    assert_frame_equal(again.dangling, found.dangling)


@given(
    st.lists(st.sampled_from(IDS), min_size=5, max_size=5),
    st.sets(st.tuples(st.integers(0, 4), st.sampled_from(["field", "email", "domain"]))),
    st.lists(st.sampled_from([*DOMAINS, "gmail.com"]), min_size=8, max_size=8),
)
def test_a_link_never_contradicts_what_the_crm_states_truly(
    true: list[str], stated: set[tuple[int, str]], domains: list[str]
) -> None:
    """Each customer has one true account; whatever part of the truth the CRM states, no other is linked."""
    told = {each: account(each) for each in IDS}
    people = [{"email": f"p{i}@{domains[int(true[i])]}", "metadata": None} for i in range(5)]
    for i, level in stated:
        facts = {
            "field": ("stripe_ids", CUSTOMERS[i]),
            "email": ("emails", people[i]["email"]),
            "domain": ("domains", domains[int(true[i])]),
        }
        name, value = facts[level]
        told[true[i]][name].append(value)
    # The domains are true of all accounts that have them, whoever is a customer.
    for each in IDS:
        if any(d == domains[int(each)] for row in told.values() for d in row["domains"]):
            told[each]["domains"].append(domains[int(each)])
    link = accounts([crm("hubspot", list(told.values()))], rows(people), LinkRules()).account_link
    for row, its in zip(link.iter_rows(named=True), true, strict=True):
        if row["status"] == "matched":
            assert row["account_id"] == f"hubspot:{its}"


@given(
    st.dictionaries(st.integers(0, 30), st.sets(st.integers(0, 30), max_size=3), max_size=20),
    st.randoms(use_true_random=False),
)
def test_mergers_end_at_the_survivor_and_circles_end(
    merged: dict[int, set[int]], rng: random.Random
) -> None:
    """Compared with walking from survivor to survivor; what goes round in a circle leads nowhere further."""
    told = [
        account(str(each), merged_ids=[str(i) for i in ids if i != each])
        for each, ids in merged.items()
    ]
    rng.shuffle(told)
    into: dict[int, set[int]] = {}
    for each, ids in merged.items():
        for i in ids - {each}:
            into.setdefault(i, set()).add(each)

    def ends(start: int) -> set[int]:
        seen, left = set(), set(into.get(start, ()))
        while left:
            each = left.pop()
            if each not in seen:
                seen.add(each)
                left |= into.get(each, set())
        return {each for each in seen if each not in into}

    frame = targets(crm("hubspot", told)[1].account).collect()
    found: dict[int, set[int]] = {}
    for crm_id, account_id in frame.select("crm_id", "account_id").iter_rows():
        found.setdefault(int(crm_id), set()).add(int(account_id.removeprefix("hubspot:")))
    expected = {each: {each} for each in merged if not ends(each)}
    expected |= {each: ends(each) for each in into if ends(each)}
    assert found == expected


def test_a_chain_of_ten_thousand_mergers() -> None:
    told = [account(str(each), merged_ids=[str(each + 1)]) for each in range(10_000)]
    frame = targets(crm("hubspot", told)[1].account).collect()
    assert frame.height == 10_001
    assert set(frame["account_id"]) == {"hubspot:0"}
