"""An object read as a Struct is kept in the same bytes as one that is read the long way."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.company import Company
from pipeline.sources.protocol import Json
from pipeline.sources.stripe.allowlist import STREAMS
from pipeline.sources.stripe.filtering import Filter
from pipeline.sources.stripe.typed import LISTINGS, Typed, created
from tests.sources.company import END

FILTER = Filter(keep_names=True)
TYPED = {name: Typed(FILTER.node(name)) for name in STREAMS}
plain = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | st.text()
)
nonsense = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def objects_of(kind: str) -> list[Json]:
    """A simulated company's objects of one kind, as Stripe lists them."""
    return [json.loads(json.dumps(each)) for each in COMPANY.objects.get(kind, {}).values()]


COMPANY = Company(7, customers=25, months=10, end=END)
COMPANY.advance(END)
KINDS = [name for name in STREAMS if objects_of(name)]


def long_way(kind: str, value: Json) -> bytes:
    """What is kept of an object that is read as a dictionary."""
    return orjson.dumps(FILTER.kept(value, kind), option=orjson.OPT_SORT_KEYS)


def agree(kind: str, value: Json) -> bool:
    """Whether it had the usual form; where it had, both ways must keep the same bytes."""
    found = TYPED[kind].read(orjson.dumps(value))
    if found is None:
        return False
    assert found.payload == long_way(kind, value)
    assert (found.id, found.created) == (value.get("id"), created(value))
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_a_companys_objects(kind: str) -> None:
    every = objects_of(kind)
    usual = [each for each in every if agree(kind, each)]
    assert len(usual) > len(every) / 2


@given(st.data())
def test_objects_with_nonsense_in_them(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    value: Any = data.draw(st.sampled_from(objects_of(kind)))
    inside = value
    while inside and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(inside)))
        if not isinstance(inside[name], dict):
            break
        inside = inside[name]
    name = data.draw(st.sampled_from([*sorted(inside), "data", "unheard_of"]))
    inside[name] = data.draw(nonsense)
    agree(kind, value)


def test_a_value_that_nobody_knows_is_read_the_long_way() -> None:
    subscription = objects_of("subscription")[0]
    assert agree("subscription", {**subscription, "status": "active"})
    assert not agree("subscription", {**subscription, "status": "hibernating"})


def test_what_has_to_be_taken_apart_or_completed_is_read_the_long_way() -> None:
    subscription = objects_of("subscription")[0]
    assert agree("subscription", {**subscription, "discounts": ["di_1"]})
    assert not agree("subscription", {**subscription, "discounts": [{"id": "di_1"}]})
    for name in LISTINGS & subscription.keys():
        more = {**subscription[name], "has_more": True}
        assert not agree("subscription", {**subscription, name: more})
