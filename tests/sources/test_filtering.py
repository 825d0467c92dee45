"""Filtering keeps what the allow-list says, and names what nobody knows."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.company import FEATURES, RARE, Company
from pipeline.sources.stripe import known_fields
from pipeline.sources.stripe.allowlist import EVENT_OBJECTS, allowed, shapes
from pipeline.sources.stripe.filtering import MANY, OLDER, Filter, walked
from scripts import stripe_fields

END = datetime(2026, 11, 23, tzinfo=UTC)
FIELDS = sorted(
    {
        field
        for shape, *_ in walked([(s, s, n) for n, s in EVENT_OBJECTS.items()])
        for field in shape
    }
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELDS, "data", "phone"]), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(st.sampled_from(sorted(EVENT_OBJECTS)), VALUES, st.booleans())
def test_exactly_what_the_allow_list_says_is_kept(name: str, value: Any, keep: bool) -> None:
    assert Filter(keep_names=keep).kept(value, name) == allowed(
        value, shapes(keep_names=keep)[name]
    )


@pytest.fixture(scope="module")
def company() -> Company:
    made = Company(3, customers=30, months=12, end=END, features=FEATURES | RARE)
    made.advance(END)
    return made


@pytest.mark.parametrize("keep_names", [True, False])
def test_of_what_stripe_sends_today_and_sent_before_everything_is_known(
    company: Company, keep_names: bool
) -> None:
    looked = Filter(keep_names=keep_names)
    versions = set()
    for stream, objects in company.objects.items():
        for each in objects.values():
            if stream == "event" and looked.knows(each["data"]["object"]["object"]):
                versions.add(each["api_version"])
                looked.kept({**each, "data": None}, "event")
                looked.kept(each["data"]["object"], each["data"]["object"]["object"])
                looked.kept(
                    each["data"].get("previous_attributes"), each["data"]["object"]["object"]
                )
            elif looked.knows(stream):
                kept = looked.kept(each, stream)
                assert kept == allowed(each, shapes(keep_names=keep_names)[stream])
    assert looked.taken() == {}
    assert versions


def test_a_new_field_and_a_new_value_are_counted_by_name_and_nothing_else() -> None:
    looked = Filter(keep_names=True)
    price = {
        "object": "price",
        "tiers_mode": None,
        "type": "hybrid",
        "recurring": {"interval": "Ann Smith, Main St 1", "x_new": "secret", "usage_type": 3},
        "unit_amount": {"amount": 3},
    }
    items = {"object": "list", "data": [{"price": price}, {"price": price}], "cursor": 1}
    subscription = {"items": items, "metadata": {"anything": "goes"}, "phone_new": "+1 555"}
    kept = looked.kept(subscription, "subscription")
    assert kept["items"]["data"][0]["price"]["type"] == "hybrid", "a new value is kept"
    assert "x_new" not in str(kept)
    assert looked.taken() == {
        "price.recurring.interval=(a text)": 2,
        "price.recurring.x_new": 2,
        "price.type=hybrid": 2,
        "price.unit_amount=(an object)": 2,
        "subscription.items.cursor": 1,
        "subscription.phone_new": 1,
    }
    assert looked.taken() == {}


def test_what_is_dropped_on_purpose_does_not_count() -> None:
    looked = Filter(keep_names=False)
    customer = {"name": "Ann", "email": "a@b.example", "phone": "1", "address": {"line1": "x"}}
    assert looked.kept(customer, "customer") == {"address": {}}
    invoice = {"customer_email": "a@b.example", "charge": "ch_1", "payment_intent": "pi_1"}
    assert looked.kept(invoice, "invoice") == {}
    assert looked.taken() == {}


def test_no_memory_is_filled_by_ever_new_combinations_of_fields() -> None:
    looked = Filter(keep_names=True)
    for number in range(MANY + 5):
        looked.kept({f"field_{number}": 1}, "coupon")
    assert len(looked.taken()) == MANY + 5
    assert max(len(node.plans) for node in looked._nodes.values()) <= MANY  # noqa: SLF001


def test_the_list_of_known_fields_is_what_the_stripe_package_says() -> None:
    dropped, values = stripe_fields.known()
    assert {k: v.split() for k, v in known_fields.DROPPED.items()} == dropped
    assert {k: v.split() for k, v in known_fields.VALUES.items()} == values


def test_fields_of_older_versions_stand_at_objects_that_there_are() -> None:
    names = {name for *_, name in walked([(s, s, n) for n, s in EVENT_OBJECTS.items()])}
    assert set(OLDER) <= names
    assert set(known_fields.DROPPED) <= names | {"event"}
