"""Each level of linking, in their order and over several CRMs."""

import json
from typing import Any

import polars as pl
import pytest

from pipeline.crm import Accounts, LinkRules, accounts
from pipeline.schemas import ACCOUNT_LINK, CUSTOMER
from pipeline.schemas.override import OVERRIDE
from tests.crm.told_frames import account, crm

LONG = "0015g00000ABcdEAAT"
SHORT = LONG[:15]
Link = tuple[str, str, str]


def person(customer_id: str, email: str | None = None, **metadata: str) -> dict[str, Any]:
    told = {"customer_id": customer_id, "email": email, "metadata": json.dumps(metadata)}
    return dict.fromkeys(CUSTOMER.names) | told


def joined(
    told: list[Any],
    *people: dict[str, Any],
    stated: dict[str, str | None] | None = None,
    rules: LinkRules | None = None,
    **more: Any,
) -> Accounts:
    customers = pl.DataFrame(people, schema=CUSTOMER.schema).lazy()
    overrides = pl.DataFrame(list((stated or {}).items()), schema=OVERRIDE.schema, orient="row")
    return accounts(told, customers, rules or LinkRules(), overrides, **more)


def one(told: list[Any], who: dict[str, Any], **more: Any) -> Link:
    """(account, method, status) of the only customer."""
    return joined(told, who, **more).account_link.select("account_id", "method", "status").row(0)


def candidates(found: Accounts) -> list[str]:
    return json.loads(found.account_link["candidates"].item())


EVERYTHING = [
    account("1"),
    account("2", stripe_ids=["cus_1"]),
    account("3"),
    account("4", emails=["Ann@Acme.example "]),
    account("5", domains=["acme.example"]),
]


def test_the_first_level_that_hits_wins() -> None:
    who = person("cus_1", " ann@acme.example", hubspot_company_id="2")
    stated = {"cus_1": "hubspot:1"}
    everything = [crm("hubspot", EVERYTHING)]
    assert one(everything, who, stated=stated) == ("hubspot:1", "override", "matched")
    assert one(everything, who) == ("hubspot:2", "crm_field", "matched")
    told = [crm("hubspot", [each for each in EVERYTHING if each["crm_id"] != "2"])]
    assert one(told, person("cus_1", "ann@acme.example", hubspot_company_id="3")) == (
        "hubspot:3",
        "metadata",
        "matched",
    )
    assert one(told, person("cus_1", "ANN@acme.example")) == ("hubspot:4", "email", "matched")
    assert one(told, person("cus_1", "bob@acme.example")) == ("hubspot:5", "domain", "matched")
    assert one(told, person("cus_1", "bob@other.example")) == ("cus_1", "none", "unmatched")


def test_how_sure_a_link_is() -> None:
    people = [
        person("cus_1"),
        person("cus_3", hubspot_company_id="3"),
        person("cus_4", "ann@acme.example"),
        person("cus_5", "bob@acme.example"),
        person("cus_6"),
    ]
    found = joined([crm("hubspot", EVERYTHING)], *people).account_link
    assert found["confidence"].to_list() == [1.0, 1.0, 0.9, 0.7, None]


def test_the_crm_that_stands_first_decides_within_a_level_and_never_against_a_surer_one() -> None:
    hubspot = crm("hubspot", [account("7", domains=["acme.example"])])
    salesforce = crm("salesforce", [account(LONG, domains=["www.acme.example"])])
    who = person("cus_1", "ann@acme.example")
    assert one([hubspot, salesforce], who)[0] == "hubspot:7"
    assert one([salesforce, hubspot], who)[0] == f"salesforce:{LONG}"
    surer = crm("salesforce", [account(LONG, stripe_ids=["cus_1"])])
    assert one([hubspot, surer], who) == (f"salesforce:{LONG}", "crm_field", "matched")


def test_ids_of_two_crms_do_not_disagree() -> None:
    told = [
        crm("hubspot", [account("7")]),
        crm("salesforce", [account(LONG, stripe_ids=["cus_1"])]),
    ]
    who = person("cus_1", hubspot_company_id="7")
    assert one(told, who) == (f"salesforce:{LONG}", "crm_field", "matched")


@pytest.mark.parametrize("level", ["email", "domain"])
def test_several_accounts_on_the_winning_level_are_never_guessed(level: str) -> None:
    facts: dict[str, Any] = {"emails": ["a@acme.example"]} if level == "email" else {}
    told = [
        crm("hubspot", [account(each, domains=["acme.example"], **facts) for each in ("7", "8")]),
        crm("salesforce", [account(LONG, domains=["acme.example"])]),
    ]
    found = joined(told, person("cus_1", "a@acme.example"))
    assert found.account_link.select("account_id", "method", "status").row(0) == (
        "cus_1",
        level,
        "ambiguous",
    )
    assert candidates(found) == ["hubspot:7", "hubspot:8"]


def test_candidates_are_json_whatever_the_ids_hold() -> None:
    told = [crm("file", [account(each, domains=["acme.example"]) for each in ('a"b', "c\\d")])]
    assert candidates(joined(told, person("cus_1", "a@acme.example"))) == ['file:a"b', "file:c\\d"]


@pytest.mark.parametrize(
    ("metadata", "account_id"),
    [
        ({"salesforce_account_id": SHORT}, f"salesforce:{LONG}"),
        ({"salesforce_account_id": LONG}, f"salesforce:{LONG}"),
        ({"crm_account_id": f"salesforce:{SHORT}"}, f"salesforce:{LONG}"),
        ({"crm_account_id": f" {LONG} "}, f"salesforce:{LONG}"),
        ({"crm_account_id": "7"}, "hubspot:7"),
        ({"crm_account_id": "hubspot: 7"}, "hubspot:7"),
        ({"crm_account_id": "file:7"}, "file:7"),
        ({"salesforce_account_id": SHORT.lower()}, "cus_1"),
        ({"salesforce_account_id": f"{SHORT}AAA"}, "cus_1"),
        ({"salesforce_account_id": "7"}, "cus_1"),
        ({"salesforce_account_id": "hubspot:7"}, "cus_1"),
        ({"hubspot_company_id": LONG}, "cus_1"),
        ({"other": "7"}, "cus_1"),
    ],
)
def test_what_metadata_may_hold(metadata: dict[str, str], account_id: str) -> None:
    told = [
        crm("hubspot", [account("7")]),
        crm("salesforce", [account(LONG)]),
        crm("file", [account("7")]),
    ]
    assert one(told, person("cus_1", **metadata))[0] == account_id


def test_a_key_may_have_any_name() -> None:
    rules = LinkRules(metadata_keys=("customer_id", "the key"))
    who = person("cus_1", **{"the key": "7"})
    assert one([crm("hubspot", [account("7")])], who, rules=rules)[0] == "hubspot:7"


@pytest.mark.parametrize(
    ("domain", "email", "linked"),
    [
        ("https://www.Acme.co.uk/about?x=1#y", "ann@mail.acme.CO.UK", True),
        ("acme.co.uk:8443", "ann@acme.co.uk", True),
        ("other.co.uk", "ann@acme.co.uk", False),
        ("BÜRO-acme.example", "ann@xn--bro-acme-65a.example", True),
        ("xn--bro-acme-65a.example.", "ann@büro-acme.example", True),
        ("shop.github.io", "ann@other.github.io", False),
        ("http://gmail.com", "ann@gmail.com", False),
        ("https://www.facebook.com/acme", "ann@facebook.com", False),
        ("agency.example", "ann@agency.example", False),
        ("10.0.0.1", "ann@20.0.0.1", False),
        ("localhost", "ann@localhost", False),
        ("co.uk", "ann@co.uk", False),
        ("acme.example", "no address", False),
        ("acme.example", "", False),
        ("", "ann@acme.example", False),
    ],
)
def test_domains(domain: str, email: str, linked: bool) -> None:
    rules = LinkRules(shared_domains=("@Agency.example",))
    told = [crm("hubspot", [account("7", domains=[domain])])]
    found = one(told, person("cus_1", email), rules=rules)
    assert found == (("hubspot:7", "domain", "matched") if linked else ("cus_1", "none", "unmatched"))  # fmt: skip


def test_a_contact_of_a_merged_account_leads_to_its_survivor() -> None:
    told = [crm("hubspot", [account("7", merged_ids=["6"])], [("ann@x.example", "6")])]
    assert one(told, person("cus_1", "ann@x.example")) == ("hubspot:7", "email", "matched")


def test_a_contact_of_an_account_that_is_gone_leads_nowhere() -> None:
    told = [crm("hubspot", [account("7")], [("ann@x.example", "6")])]
    assert one(told, person("cus_1", "ann@x.example"))[2] == "unmatched"


def test_ignore_means_never_link() -> None:
    told = [crm("hubspot", [account("7", stripe_ids=["cus_1"])])]
    found = joined(told, person("cus_1"), stated={"cus_1": None}).account_link
    assert found.row(0) == ("cus_1", "cus_1", "override", None, "ignored", None)


def test_what_is_stated_and_does_not_exist_falls_through_and_is_reported() -> None:
    told = [crm("hubspot", [account("7", stripe_ids=["cus_1", "cus_9", "cus_out"])])]
    people = [
        person("cus_1", salesforce_account_id=LONG, hubspot_company_id="8"),
        person("cus_2", hubspot_company_id="6"),
        person("cus_out"),
    ]
    stated = {"cus_1": "hubspot:5", "cus_8": "hubspot:7", "cus_out": "hubspot:7"}
    found = joined(told, *people, stated=stated, excluded=["cus_out"])
    assert found.account_link["account_id"].to_list() == ["hubspot:7", "cus_2"]
    assert found.dangling.rows() == [
        ("crm_field", "hubspot:7", "cus_9"),
        ("metadata", "cus_1 hubspot_company_id", "8"),
        ("metadata", "cus_2 hubspot_company_id", "6"),
        ("override", "cus_1", "hubspot:5"),
        ("override", "the override file", "cus_8"),
    ]


def test_without_a_crm_metadata_are_no_mistake() -> None:
    found = joined([], person("cus_1", "ann@acme.example", hubspot_company_id="7"))
    assert found.dangling.is_empty()
    assert found.account["account_id"].to_list() == ["cus_1"]


def test_domains_of_several_accounts_are_named() -> None:
    told = [
        crm("hubspot", [account(each, domains=["acme.example"]) for each in ("7", "8")]),
        crm("file", [account("9", domains=["acme.example"])]),
    ]
    assert joined(told).several.rows() == [("acme.example", "hubspot", ["hubspot:7", "hubspot:8"])]


@pytest.mark.parametrize(
    ("status", "named", "expected"),
    [
        ("matched", None, ("hubspot:7", "domain", "matched")),
        ("ambiguous", ["hubspot:8", "hubspot:9"], ("cus_1", "domain", "ambiguous")),
        ("ambiguous", ["hubspot:8", "hubspot:4"], ("hubspot:8", "domain", "matched")),
    ],
)
def test_a_link_stays_when_the_e_mail_is_erased_and_follows_mergers(
    status: str, named: list[str] | None, expected: Link
) -> None:
    told = [crm("hubspot", [account("7", merged_ids=["6"]), account("8"), account("9")])]
    row = {
        "customer_id": "cus_1",
        "account_id": "hubspot:6" if status == "matched" else "cus_1",
        "method": "domain",
        "confidence": None,
        "status": status,
        "candidates": json.dumps(named) if named else None,
    }
    kept = pl.DataFrame([row], schema=ACCOUNT_LINK.schema)
    assert one(told, person("cus_1"), kept=kept) == expected
