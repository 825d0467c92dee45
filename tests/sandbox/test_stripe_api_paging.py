"""The simulated Stripe on a hand-made company: ties, long embedded lists, what is yet to come."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import stripe
from starlette.responses import JSONResponse, Response

from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.world import Call, Conditions

Json = dict[str, Any]
KEY = "sk_test_sandbox"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
T = int(NOW.timestamp())


class Tiny:
    """Just what the server asks of a company."""

    def __init__(self) -> None:
        self.now = NOW
        self.objects: dict[str, dict[str, Json]] = {
            "customer": {
                **{f"cus_{number}": customer(f"cus_{number}", T - 50) for number in range(25)},
                "cus_future": customer("cus_future", T + 3600),
                "cus_gone": {"id": "cus_gone", "object": "customer", "deleted": True},
            },
            "subscription": {"sub_1": subscription("sub_1", 12)},
            "invoice": {"in_1": invoice("in_1", 23), "in_2": invoice("in_2", 10)},
        }
        self.hubspot: Json = {"associations": {}, "owners": {}, "pipelines": []}
        self.moves = 0

    def advance(self, to: datetime) -> None:
        self.now = to
        self.moves += 1


def customer(object_id: str, created: int) -> Json:
    return {"id": object_id, "object": "customer", "created": created, "discount": None}


def embedded(data: list[Json], url: str) -> Json:
    return {"object": "list", "data": data, "has_more": False, "url": url}


def subscription(object_id: str, items: int) -> Json:
    data = [
        {"id": f"si_{number}", "object": "subscription_item", "price": None, "discounts": []}
        for number in range(items)
    ]
    return {
        "id": object_id,
        "object": "subscription",
        "created": T - 40,
        "status": "active",
        "customer": "cus_gone",
        "items": embedded(data, f"/v1/subscription_items?subscription={object_id}"),
    }


def invoice(object_id: str, lines: int) -> Json:
    data = [{"id": f"il_{number}", "object": "line_item"} for number in range(lines)]
    return {
        "id": object_id,
        "object": "invoice",
        "created": T - 30,
        "lines": embedded(data, f"/v1/invoices/{object_id}/lines"),
    }


@pytest.fixture
def company() -> Tiny:
    return Tiny()


@pytest.fixture
def server(company: Tiny) -> Iterator[SandboxServer]:
    with SandboxServer(company) as server:
        yield server


@pytest.fixture
def client(server: SandboxServer) -> stripe.StripeClient:
    return stripe.StripeClient(KEY, base_addresses={"api": server.stripe_url})


def test_within_a_second_the_last_one_comes_first(client: stripe.StripeClient) -> None:
    listed = client.v1.customers.list({"limit": 4}).auto_paging_iter()
    assert [each.id for each in listed] == [f"cus_{number}" for number in range(24, -1, -1)]


def test_more_is_said_only_when_there_is_more(client: stripe.StripeClient) -> None:
    exact = client.v1.customers.list({"limit": 25})
    assert not exact.has_more
    assert client.v1.customers.list({"limit": 24}).has_more
    before = client.v1.customers.list({"limit": 3, "ending_before": "cus_20"})
    assert [each.id for each in before.data] == ["cus_23", "cus_22", "cus_21"]
    assert before.has_more
    first = client.v1.customers.list({"limit": 3, "ending_before": "cus_22"})
    assert [each.id for each in first.data] == ["cus_24", "cus_23"]
    assert not first.has_more


def test_long_lists_inside_are_cut_at_ten_and_completed(client: stripe.StripeClient) -> None:
    found = client.v1.invoices.retrieve("in_1")
    assert len(found.lines.data) == 10
    assert found.lines.has_more
    assert [each.id for each in found.lines.auto_paging_iter()] == [f"il_{n}" for n in range(23)]
    assert not client.v1.invoices.retrieve("in_2").lines.has_more
    direct = client.v1.invoices.line_items.list("in_1", {"limit": 100})
    assert (len(direct.data), direct.has_more, direct.url) == (23, False, "/v1/invoices/in_1/lines")


def test_items_of_a_subscription(client: stripe.StripeClient) -> None:
    found = client.v1.subscriptions.list().data[0]
    items = found.items
    assert isinstance(items, stripe.ListObject)
    assert len(items.data) == 10
    listed = client.v1.subscription_items.list({"subscription": "sub_1", "limit": 5})
    assert [each.id for each in listed.auto_paging_iter()] == [f"si_{n}" for n in range(12)]
    back = client.v1.subscription_items.list(
        {"subscription": "sub_1", "limit": 5, "ending_before": "si_7"}
    )
    assert [each.id for each in back.data] == ["si_2", "si_3", "si_4", "si_5", "si_6"]
    assert back.has_more
    assert client.v1.subscription_items.retrieve("si_11").id == "si_11"
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription_item: 'si_12'"):
        client.v1.subscription_items.retrieve("si_12")


def test_what_is_yet_to_come_is_not_served(
    server: SandboxServer, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_future'"):
        client.v1.customers.retrieve("cus_future")
    moved = httpx.post(f"{server.url}/sandbox/advance", json={"to": "2026-11-01T01:00:00Z"})
    assert moved.json()["now"] == "2026-11-01T01:00:00+00:00"
    assert client.v1.customers.list({"limit": 1}).data[0].id == "cus_future"


def test_a_deleted_customer_leaves_a_stub(client: stripe.StripeClient) -> None:
    assert client.v1.customers.retrieve("cus_gone").deleted
    expanded = client.v1.subscriptions.retrieve("sub_1", {"expand": ["customer"]})
    assert expanded.customer.deleted
    with pytest.raises(stripe.InvalidRequestError, match="cus_gone"):
        client.v1.customers.list({"starting_after": "cus_gone"})


def test_nothing_of_the_company_is_changed_by_reading(
    client: stripe.StripeClient, company: Tiny
) -> None:
    client.v1.invoices.list({"expand": ["data.lines.data.discounts"]})
    client.v1.subscriptions.retrieve("sub_1", {"expand": ["customer"]})
    assert company.objects == Tiny().objects


def test_the_conditions_of_the_day(company: Tiny) -> None:
    """Where latency, limits and faults are put in."""
    seen: list[Call] = []

    class Bad(Conditions):
        async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
            seen.append(call)
            if len(seen) == 1:
                return JSONResponse({"error": {"message": "Too many"}}, 429)
            return answer()

        def horizon(self, collection: str, now: int) -> int:
            return now - 60 if collection == "customer" else now

    with SandboxServer(company, conditions=Bad()) as server:
        client = stripe.StripeClient(KEY, base_addresses={"api": server.stripe_url})
        with pytest.raises(stripe.RateLimitError):
            client.v1.customers.list()
        assert client.v1.customers.list().data == []
        assert client.v1.invoices.retrieve("in_1").id == "in_1"
    assert [call.endpoint for call in seen] == [
        "/v1/customers",
        "/v1/customers",
        "/v1/invoices/{id}",
    ]


def test_the_clock_never_moves_during_a_request(server: SandboxServer, company: Tiny) -> None:
    with server.lock:
        mover = threading.Thread(target=server.advance, args=(NOW,))
        mover.start()
        mover.join(0.1)
        assert mover.is_alive()
        assert company.moves == 0
    mover.join(5)
    assert company.moves == 1
