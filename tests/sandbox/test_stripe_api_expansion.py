"""The simulated Stripe through the real SDK: what is an id until it is expanded, and what cannot be."""

from importlib import import_module
from typing import Any

import pytest
import stripe
from stripe._object_classes import OBJECT_CLASSES

from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.stripe_types import TYPES
from tests.sandbox.asking import error, get


def test_references_are_ids_until_expanded(client: stripe.StripeClient, company: Company) -> None:
    discounted = next(
        each for each in company.objects["subscription"].values() if each["discounts"]
    )
    params: dict[str, Any] = {"status": "all", "customer": discounted["customer"], "limit": 100}
    plain = client.v1.subscriptions.list(params).data
    assert all(isinstance(each.customer, str) for each in plain)
    expanded = client.v1.subscriptions.list(
        params | {"expand": ["data.customer", "data.discounts.source.coupon"]}
    )
    found = next(each for each in expanded.data if each.id == discounted["id"])
    assert found.customer.id == discounted["customer"]
    assert isinstance(found.discounts[0].source.coupon, stripe.Coupon)
    shallow = client.v1.subscriptions.retrieve(found.id, {"expand": ["discounts"]})
    assert isinstance(shallow.discounts[0].source.coupon, str)


def test_both_forms_of_the_expand_parameter(server: SandboxServer) -> None:
    for name in ("expand[]", "expand[0]"):
        prices = get(server, f"/v1/prices?limit=100&{name}=data.tiers").json()["data"]
        assert any(each["tiers"] for each in prices)
        assert all("currency_options" not in each for each in prices)


def test_some_fields_appear_only_when_asked_for(server: SandboxServer, company: Company) -> None:
    prices = get(server, "/v1/prices?limit=100").json()["data"]
    subs = get(server, "/v1/subscriptions?limit=100&status=all").json()["data"]
    inline = [item["price"] for sub in subs for item in sub["items"]["data"]]
    assert prices
    assert inline
    assert all({"tiers", "currency_options"}.isdisjoint(each) for each in (*prices, *inline))
    coupon = next(iter(company.objects["coupon"]))
    assert "applies_to" not in get(server, f"/v1/coupons/{coupon}").json()
    assert "applies_to" in get(server, f"/v1/coupons/{coupon}?expand[]=applies_to").json()
    tiered = f"/v1/subscriptions/{subs[0]['id']}?expand[]=items.data.price.tiers"
    assert "tiers" in get(server, tiered).json()["items"]["data"][0]["price"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "/v1/subscriptions?expand[]=data.items.data.price.tiers",
            "more than 4 levels of a property. Property: data.items.data.price.tiers",
        ),
        (
            "/v1/subscriptions?expand[]=customer",
            "(customer). You may want to try expanding 'data.customer' instead.",
        ),
        (
            "/v1/subscriptions?expand[]=data.status",
            "This property cannot be expanded (data.status).",
        ),
        ("/v1/prices?expand[]=tires", "This property cannot be expanded (tires)."),
        (
            "/v1/events?expand[]=data.data.object",
            "This property cannot be expanded (data.data.object).",
        ),
    ],
)
def test_what_cannot_be_expanded_is_refused(server: SandboxServer, path: str, message: str) -> None:
    assert error(server, path)["message"].endswith(message)


def nested(owner: Any, field: str) -> Any:
    """The class that a field of a StripeObject holds."""
    annotation = owner.__annotations__[field]
    while not isinstance(annotation, type):
        annotation = annotation.__args__[0]
    return annotation


@pytest.mark.parametrize("name", [name for name, kind in TYPES.items() if kind.refs])
def test_references_are_those_of_the_sdk(name: str) -> None:
    for path in TYPES[name].refs:
        *parents, last = path.split(".")
        module, class_name = OBJECT_CLASSES[name]
        owner: Any = getattr(import_module(module), class_name)
        for parent in parents:
            owner = nested(owner, parent)
        annotation = str(owner.__annotations__[last])
        assert "Union[str, ForwardRef" in annotation, f"{name}.{path} is no reference: {annotation}"
