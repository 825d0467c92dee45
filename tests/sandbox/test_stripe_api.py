"""The simulated Stripe through the real SDK: lists, ranges, filters, expansion, refusals."""

import base64
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest
import stripe

from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.stripe_types import API_VERSION
from tests.sandbox.asking import END, connect, error, get

NOW = int(END.timestamp())
LISTS = {
    "customers": "customer",
    "products": "product",
    "prices": "price",
    "coupons": "coupon",
    "promotion_codes": "promotion_code",
    "subscriptions": "subscription",
    "subscription_schedules": "subscription_schedule",
    "invoices": "invoice",
    "invoice_items": "invoiceitem",
    "credit_notes": "credit_note",
}


def ids(server: SandboxServer, path: str) -> list[str]:
    response = get(server, path)
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()["data"]]


# lists


@pytest.mark.parametrize("name", LISTS)
def test_paging_reaches_everything_newest_first(
    client: stripe.StripeClient, company: Company, name: str
) -> None:
    params = {"limit": 7} | ({"status": "all"} if name == "subscriptions" else {})
    listed = list(getattr(client.v1, name).list(params).auto_paging_iter())
    stored = company.objects[LISTS[name]]
    assert {each.id for each in listed} == {
        key for key, value in stored.items() if not value.get("deleted")
    }
    field = "date" if name == "invoice_items" else "created"
    times = [getattr(each, field) for each in listed]
    assert all(earlier >= later for earlier, later in pairwise(times))
    assert len(listed) == len({each.id for each in listed})


@pytest.mark.parametrize("name", ["customers", "invoices"])
def test_paging_backwards_gives_the_same(client: stripe.StripeClient, name: str) -> None:
    service = getattr(client.v1, name)
    forward = [each.id for each in service.list({"limit": 100}).auto_paging_iter()]
    last = service.list({"limit": 100, "starting_after": forward[-2]}).data[0].id
    backward = service.list({"limit": 5, "ending_before": last})
    assert [each.id for each in backward.auto_paging_iter()] == forward[-2::-1]


def test_a_page_has_ten_objects_and_says_where_it_is_from(server: SandboxServer) -> None:
    page = get(server, "/v1/invoices").json()
    assert (page["object"], page["url"], page["has_more"]) == ("list", "/v1/invoices", True)
    assert len(page["data"]) == 10


def test_raw_requests_work(client: stripe.StripeClient) -> None:
    answer = client.raw_request("get", "/v1/customers?limit=2")
    assert answer.code == 200
    assert len(answer.data["data"]) == 2
    assert answer.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize("bounds", ["gte lte", "gt lt"])
def test_ranges_of_creation(client: stripe.StripeClient, company: Company, bounds: str) -> None:
    times = sorted(each["created"] for each in company.objects["invoice"].values())
    low, high = times[len(times) // 3], times[len(times) // 2]
    above, below = bounds.split()
    found = client.v1.invoices.list({"created": {above: low, below: high}, "limit": 100})
    inside = {
        each["id"]
        for each in company.objects["invoice"].values()
        if (low <= each["created"] <= high if above == "gte" else low < each["created"] < high)
    }
    assert {each.id for each in found.auto_paging_iter()} == inside
    exact = client.v1.invoices.list({"created": low, "limit": 100}).data
    assert {each.created for each in exact} == {low}


# filters


def test_canceled_subscriptions_are_left_out_unless_asked_for(
    server: SandboxServer, company: Company
) -> None:
    by_status: dict[str, set[str]] = {}
    for each in company.objects["subscription"].values():
        by_status.setdefault(each["status"], set()).add(each["id"])
    everything = set(company.objects["subscription"])
    canceled = by_status["canceled"]
    ended = canceled | by_status.get("incomplete_expired", set())
    path = "/v1/subscriptions?limit=100"
    assert set(ids(server, path)) == everything - canceled
    assert set(ids(server, f"{path}&status=all")) == everything
    assert set(ids(server, f"{path}&status=canceled")) == canceled
    assert set(ids(server, f"{path}&status=ended")) == ended
    assert set(ids(server, f"{path}&status=active")) == by_status["active"]
    assert "must be one of" in error(server, f"{path}&status=gone")["message"]


def test_filters_by_what_an_object_holds(server: SandboxServer, company: Company) -> None:
    sub = next(iter(company.objects["subscription"].values()))
    price = sub["items"]["data"][0]["price"]["id"]
    customer = sub["customer"]
    invoices = [
        each["id"]
        for each in company.objects["invoice"].values()
        if (each["parent"] or {}).get("subscription_details", {}).get("subscription") == sub["id"]
    ]
    path = "?limit=100"
    assert sub["id"] in ids(server, f"/v1/subscriptions{path}&status=all&price={price}")
    assert sub["id"] in ids(server, f"/v1/subscriptions{path}&status=all&customer={customer}")
    assert set(ids(server, f"/v1/invoices{path}&subscription={sub['id']}")) == set(invoices)
    pending = {
        each["id"] for each in company.objects["invoiceitem"].values() if each["invoice"] is None
    }
    assert set(ids(server, f"/v1/invoiceitems{path}&pending=true")) == pending
    assert pending.isdisjoint(ids(server, f"/v1/invoiceitems{path}&pending=false"))
    open_ = {each["id"] for each in company.objects["invoice"].values() if each["status"] == "open"}
    assert set(ids(server, f"/v1/invoices{path}&status=open")) == open_
    yearly = ids(server, f"/v1/prices{path}&recurring[interval]=year&active=true&currency=usd")
    assert yearly
    assert all(company.objects["price"][each]["recurring"]["interval"] == "year" for each in yearly)
    product = next(iter(company.objects["product"]))
    assert ids(server, f"/v1/products{path}&ids[]={product}") == [product]
    missing = error(server, "/v1/invoices?customer=cus_none")
    assert missing.pop("request_log_url").startswith("https://dashboard.stripe.com/test/logs/req_")
    assert missing == {
        "message": "No such customer: 'cus_none'",
        "type": "invalid_request_error",
        "code": "resource_missing",
        "doc_url": "https://stripe.com/docs/error-codes/resource-missing",
        "param": "customer",
    }


# events


def test_events_of_thirty_days_only(
    server: SandboxServer, client: stripe.StripeClient, company: Company
) -> None:
    start = NOW - 30 * 86_400
    stored = company.objects["event"].values()
    young = [each for each in stored if each["created"] >= start]
    old = next(each for each in stored if each["created"] < start)
    listed = list(client.v1.events.list({"limit": 100}).auto_paging_iter())
    assert {each.id for each in listed} == {each["id"] for each in young}
    assert get(server, f"/v1/events/{old['id']}").status_code == 404
    assert get(server, f"/v1/events/{young[0]['id']}").json() == young[0]


def test_events_by_type(server: SandboxServer, company: Company) -> None:
    start = NOW - 30 * 86_400
    young = [each for each in company.objects["event"].values() if each["created"] >= start]

    def of(*prefixes: str) -> set[str]:
        return {each["id"] for each in young if each["type"].startswith(prefixes)}

    path = "/v1/events?limit=100"
    assert set(ids(server, f"{path}&type=customer.subscription.*")) == of("customer.subscription.")
    two = f"{path}&types[]=invoice.paid&types[]=invoice.created"
    assert set(ids(server, two)) == of("invoice.paid", "invoice.created")
    assert ids(server, f"{path}&types[]=invoice.*") == []
    many = "".join(f"&types[]=t{number}" for number in range(21))
    assert error(server, path + many)["param"] == "types"
    assert "only specify one" in error(server, f"{path}&type=a&types[]=b")["message"]


# refusals


@pytest.mark.parametrize(
    ("path", "code", "param"),
    [
        ("/v1/customers?updated=1", "parameter_unknown", "updated"),
        ("/v1/customers?created[after]=1", "parameter_unknown", "created[after]"),
        ("/v1/customers/cus_none?limit=1", "parameter_unknown", "limit"),
        ("/v1/customers?limit=0", "parameter_invalid_integer", "limit"),
        ("/v1/customers?limit=101", "parameter_invalid_integer", "limit"),
        ("/v1/customers?limit=ten", "parameter_invalid_integer", "limit"),
        ("/v1/customers?created[gte]=today", "parameter_invalid_integer", "created[gte]"),
        ("/v1/customers?starting_after=cus_none", "resource_missing", "starting_after"),
        ("/v1/customers/cus_none", "resource_missing", "id"),
        ("/v1/subscription_items", "parameter_missing", "subscription"),
        ("/v1/subscription_items?subscription=sub_none", "resource_missing", "subscription"),
        ("/v1/invoices/in_none/lines", "resource_missing", "invoice"),
        ("/v1/customers?starting_after=a&ending_before=b", None, "ending_before"),
        ("/v1/prices?active=yes", None, "active"),
        ("/v1/events?types=a", None, "types"),
    ],
)
def test_parameters_that_stripe_refuses(
    server: SandboxServer, path: str, code: str | None, param: str
) -> None:
    found = error(server, path)
    assert (found["type"], found.get("code"), found["param"]) == (
        "invalid_request_error",
        code,
        param,
    )


def test_the_unknown_parameter_in_stripes_words(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Received unknown parameter: foo") as info:
        client.raw_request("get", "/v1/customers?foo=1")
    assert (info.value.code, info.value.param) == ("parameter_unknown", "foo")
    assert info.value.http_status == 400


def test_wrong_keys(server: SandboxServer) -> None:
    with pytest.raises(stripe.AuthenticationError, match=r"Invalid API Key provided: sk_test_\*"):
        connect(server, "sk_test_of_somebody_else").v1.customers.list()
    missing = get(server, "/v1/customers", key=None)
    assert missing.status_code == 401
    assert "You did not provide an API key" in missing.json()["error"]["message"]
    basic = base64.b64encode(b"sk_test_sandbox:").decode()
    named = httpx.get(
        f"{server.stripe_url}/v1/account", headers={"Authorization": f"Basic {basic}"}
    )
    assert named.json()["object"] == "account"


def test_a_restricted_key_names_the_permission_that_it_lacks(company: Company) -> None:
    lacking = frozenset({"rak_subscription_read", "rak_coupon_read"})
    with SandboxServer(company, missing_permissions=lacking) as server:
        key = server.environment()["STRIPE_API_KEY"]
        assert key.startswith("rk_test_")
        client = connect(server, key)
        assert client.v1.customers.list().data
        for call in (
            client.v1.subscriptions.list,
            client.v1.subscription_schedules.list,
            lambda: client.v1.subscriptions.retrieve("sub_1"),
        ):
            with pytest.raises(stripe.PermissionError, match="'rak_subscription_read'") as info:
                call()
            assert info.value.http_status == 403
        with pytest.raises(stripe.PermissionError, match="rak_coupon_read"):
            client.v1.invoices.list({"expand": ["data.discounts.source.coupon"]})
        assert connect(server).v1.subscriptions.list().data


def test_other_accounts_and_versions(server: SandboxServer) -> None:
    with pytest.raises(stripe.PermissionError, match="acct_other"):
        connect(server).v1.customers.list(options={"stripe_account": "acct_other"})
    old = httpx.get(
        f"{server.stripe_url}/v1/customers",
        headers={"Authorization": "Bearer sk_test_sandbox", "Stripe-Version": "2022-11-15"},
    )
    assert old.status_code == 400
    assert stripe.api_version == API_VERSION


def _update(server: SandboxServer, key: str, path: str) -> tuple[int, str]:
    """What an update without a change is answered with: the status, and why."""
    answer = httpx.post(server.stripe_url + path, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code, answer.json()["error"]["message"]


def test_a_restricted_key_reads_unless_it_may_write(company: Company) -> None:
    known = f"/v1/customers/{next(iter(company.objects['customer']))}"
    writes = frozenset({"rak_customer_write"})
    with SandboxServer(company, key="rk_live_reader", write_permissions=writes) as server:
        status, message = _update(server, "rk_live_reader", "/v1/coupons/nobody")
        assert (status, "'rak_coupon_write'" in message) == (403, True)
        assert _update(server, "rk_live_reader", "/v1/subscriptions")[0] == 403
        status, message = _update(server, "rk_live_reader", "/v1/customers/cus_nobody")
        assert (status, message) == (404, "No such customer: 'cus_nobody'")
        assert _update(server, "rk_live_reader", known)[0] == 405
        assert get(server, known, "rk_live_reader").status_code == 200
    with SandboxServer(company) as server:
        assert _update(server, "sk_test_sandbox", "/v1/coupons/nobody")[0] == 404
        assert _update(server, "rk_test_sandbox", "/v1/customers/nobody")[0] == 403


def test_it_only_reads(server: SandboxServer, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.StripeError, match="only reads"):
        client.v1.customers.create({"name": "New"})
    assert get(server, "/v1/charges").status_code == 404
    assert "Unrecognized request URL (GET: /v1/charges)" in get(server, "/v1/charges").text
    for path in ("/v2/core/events", "/v1", "/v1/invoices/in_1/discounts", "/v1/account/x"):
        assert get(server, path).status_code == 404


def test_headers(server: SandboxServer) -> None:
    first, second = get(server, "/v1/customers"), get(server, "/v1/customers")
    assert first.headers["Stripe-Version"] == API_VERSION
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Request-Id"] != second.headers["Request-Id"]
    assert first.headers["Date"] == "Mon, 23 Nov 2026 00:00:00 GMT"


def test_the_clock_moves_what_is_seen() -> None:
    company = Company(8, customers=20, months=6, end=END)
    company.advance(END - timedelta(days=40))
    with SandboxServer(company) as server:
        client = connect(server)
        before = {each.id for each in client.v1.invoices.list({"limit": 100}).auto_paging_iter()}
        server.advance(END)
        after = {each.id for each in client.v1.invoices.list({"limit": 100}).auto_paging_iter()}
    assert before < after == set(company.objects["invoice"])
