"""Records with a field of another JSON type than Stripe describes: the error names the record, not what it says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.errors import UnreadableRecord
from tests.history.stripe_json import History, item, price, state

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)


def history(*items: dict[str, Any]) -> History:
    found = History([price("p", 10_000)])
    found.states((BEGUN, state(item("si_first", "p"))), customer="first")
    found.states((BEGUN, state(*items)), customer="second")
    return found.states((BEGUN, state(item("si_third", "p"))), customer="third")


@pytest.mark.parametrize(
    "field",
    [
        {"quantity": "three secrets"},
        {"quantity": {"secret": 3}},
        {"price": ["a secret", "another"]},
        {"discounts": [["secret"]]},
        {"price": {"id": ["secret"]}},
    ],
)
def test_the_error_names_the_record(field: dict[str, Any]) -> None:
    """The second event of three; nothing of its payload stands in the error or behind it."""
    with pytest.raises(UnreadableRecord, match=r"record evt_0002 \(stream event, ") as raised:
        history(item("si", "p") | field).folded()
    assert "secret" not in str(raised.value)
    assert (raised.value.__context__, raised.value.__cause__) == (None, None)


def test_a_listed_object_is_named_with_its_stream() -> None:
    wrong = price("p_wrong", 100) | {"recurring": ["secret"]}
    found = history(item("si", "p")).records("price", wrong)
    with pytest.raises(UnreadableRecord, match=r"record p_wrong \(stream price, "):
        found.folded()


def test_what_is_as_described_can_be_read() -> None:
    assert history(item("si", "p", 3)).folded().item_timeline.height == 3
