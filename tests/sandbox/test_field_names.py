"""Every object that the sandbox serves has the fields of the stripe package, and no others.

Two yardsticks: the annotations of the installed stripe package (no served field is unknown to it),
and Stripe's own example objects where the workspace has them (no field of theirs is missing, save
those listed here by name).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import stripe

from pipeline.sandbox.company import FEATURES, RARE, Company
from pipeline.sandbox.server import SandboxServer
from scripts.stripe_package import by_key, class_of, classes, fields

Json = dict[str, Any]

END = datetime(2026, 11, 23, tzinfo=UTC)
LIVES = [(1, FEATURES), (2, FEATURES), (3, FEATURES), (3, FEATURES | RARE)]
LISTS = {
    "customers": "",
    "products": "&expand[]=data.default_price",
    "prices": "&expand[]=data.tiers&expand[]=data.currency_options",
    "coupons": "&expand[]=data.applies_to&expand[]=data.currency_options",
    "promotion_codes": "&expand[]=data.promotion.coupon",
    "subscriptions": "&status=all&expand[]=data.discounts.source.coupon"
    "&expand[]=data.items.data.discounts",
    "subscription_schedules": "&expand[]=data.phases.items.price",
    "invoices": "&expand[]=data.discounts&expand[]=data.lines.data.discounts",
    "invoiceitems": "",
    "credit_notes": "",
    "events": "",
}
FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "stripe-fixtures3.json"

SERVED_TYPES = (
    "coupon",
    "credit_note",
    "credit_note_line_item",
    "customer",
    "discount",
    "event",
    "invoice",
    "invoiceitem",
    "line_item",
    "plan",
    "price",
    "product",
    "promotion_code",
    "subscription",
    "subscription_item",
    "subscription_schedule",
)

MOVED = {
    "invoice.subscription": "2025-03-31.basil: parent.subscription_details.subscription",
}
"""Field of an example object that is not served -> the version in which it moved, and where to."""

CONDITIONAL = {
    "credit_note_line_item.invoice_line_item": "only on lines of type invoice_line_item",
}
"""Field of an example object that Stripe documents as absent here -> when it is there."""


# what is served


def pages(server: SandboxServer, path: str) -> Iterator[Json]:
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    after = ""
    with httpx.Client(base_url=server.stripe_url, headers=headers) as client:
        while True:
            answer = client.get(f"{path}{after}")
            assert answer.status_code == 200, answer.text
            page = answer.json()
            yield from page["data"]
            if not page["has_more"]:
                return
            after = f"&starting_after={page['data'][-1]['id']}"


@pytest.fixture(scope="module")
def served() -> list[Json]:
    """Everything that small companies serve, with every kind of life."""
    found: list[Json] = []
    for seed, features in LIVES:
        customers = 15 if features == FEATURES else 40
        company = Company(seed, customers, months=12, end=END, features=features)
        company.advance(END)
        with SandboxServer(company) as server:
            for name, expand in LISTS.items():
                found += pages(server, f"/v1/{name}?limit=100{expand}")
            # Older events are not listed any more, but the company keeps what they said.
            found += company.objects["event"].values()
    return found


# the stripe package


def unknown_fields(value: Any, cls: type, path: str) -> Iterator[str]:
    """The fields of `value`, however deep, that `cls` does not have."""
    known = fields(cls)
    for name, below in value.items():
        if name not in known:
            yield f"{path}.{name}"
            continue
        yield from unknown_below(below, known[name], cls.__module__, f"{path}.{name}")


def unknown_below(value: Any, annotation: Any, module: str, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from unknown_below(each, annotation, module, path)
    elif isinstance(value, dict):
        candidates = classes(annotation, module)
        # Among previous attributes a list has only its data.
        if "ListObject[" in str(annotation) and value.get("object", "list") == "list":
            yield from unknown_fields(
                {key: below for key, below in value.items() if key not in {"object", "data"}},
                stripe.ListObject,
                path,
            )
            for each in value["data"]:
                yield from unknown_below(each, annotation, module, path)
        elif isinstance(value.get("object"), str):
            yield from unknown_fields(value, class_of(value["object"]), path)
        elif by_key(annotation):
            for below in value.values():
                for cls in candidates if isinstance(below, dict) else ():
                    yield from unknown_fields(below, cls, path)
        else:
            assert len(candidates) == 1, f"{path}: {annotation} could be {candidates}"
            yield from unknown_fields(value, candidates[0], path)


def unknown(obj: Json) -> Iterator[str]:
    yield from unknown_fields(obj, class_of(obj["object"]), obj["object"])
    if obj["object"] == "event":
        cls = class_of(obj["data"]["object"]["object"])
        path = f"event.{cls.__name__}"
        yield from unknown_fields(obj["data"]["object"], cls, path)
        yield from unknown_fields(obj["data"].get("previous_attributes") or {}, cls, path)


def test_no_field_is_unknown_to_the_stripe_package(served: list[Json]) -> None:
    assert sorted({field for obj in served for field in unknown(obj)}) == []


@pytest.mark.parametrize("path", MOVED)
def test_what_moved_is_gone_from_the_stripe_package(path: str) -> None:
    name, field = path.split(".")
    assert field not in fields(class_of(name))


def test_every_kind_of_object_was_held_against_it(served: list[Json]) -> None:
    assert {each["object"] for each in everything(served)} >= set(SERVED_TYPES)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"object": "invoice", "subscription": "sub_1"}, ["invoice.subscription"]),
        ({"object": "price", "recurring": {"aggregate_usage": None}},
         ["price.recurring.aggregate_usage"]),
        ({"object": "discount", "coupon": {"object": "coupon"}}, ["discount.coupon"]),
        ({"object": "price", "currency_options": {"eur": {"amount": 1}}},
         ["price.currency_options.amount"]),
        ({"object": "customer", "metadata": {"anything": "goes"}}, []),
        ({"object": "subscription",
          "items": {"object": "list", "data": [{"object": "subscription_item", "x": 1}]}},
         ["subscription.items.x"]),
        ({"object": "invoice", "lines": {"object": "list", "count": 1, "data": []}},
         ["invoice.lines.count"]),
    ],
)  # fmt: skip
def test_the_yardstick_finds_what_is_wrong(wrong: Json, found: list[str]) -> None:
    assert list(unknown(wrong)) == found


# Stripe's examples


def everything(value: Any) -> Iterator[Json]:
    """Every object with an `object` name, however deep; lists are looked through."""
    if isinstance(value, list):
        for each in value:
            yield from everything(each)
    elif isinstance(value, dict):
        if value.get("object") in SERVED_TYPES:
            yield value
        for below in value.values():
            yield from everything(below)


def absent(example: Any, value: Any, path: str) -> Iterator[str]:
    """The fields of `example` that `value` lacks; objects inside are compared on their own."""
    if isinstance(example, list) and isinstance(value, list) and example:
        for each in value:
            yield from absent(example[0], each, path)
    elif isinstance(example, dict) and isinstance(value, dict):
        for name, below in example.items():
            if name not in value:
                yield f"{path}.{name}"
            else:
                yield from absent(_own(below), value[name], f"{path}.{name}")


def _own(example: Any) -> Any:
    """An example without the objects in it that are compared on their own."""
    if isinstance(example, dict):
        return None if example.get("object") in SERVED_TYPES else example
    return [_own(each) for each in example] if isinstance(example, list) else example


def current(obj: Json) -> bool:
    """Not the stub of a deleted object."""
    return obj.get("deleted") is not True


def test_nothing_of_stripes_examples_is_missing(served: list[Json]) -> None:
    if not FIXTURES.is_file():
        pytest.skip("Stripe's example objects are not in this workspace")
    examples = orjson.loads(FIXTURES.read_bytes())["resources"]
    examples["subscription_item"] = examples["subscription"]["items"]["data"][0]
    missing: set[str] = set()
    for obj in everything(served):
        name = obj["object"]
        if current(obj):
            missing |= set(absent(examples[name], obj, name))
    assert missing == MOVED.keys() | CONDITIONAL.keys()
