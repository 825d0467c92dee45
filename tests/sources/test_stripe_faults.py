"""What Stripe may answer besides data, and what a person then reads."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pipeline.errors import SourceError
from pipeline.sources import Covered, Drained, Page, StripeSource
from pipeline.sources.limits import Patience
from pipeline.sources.stripe.client import StripeClient
from tests.sources.service import Answer, Asked, serve

KEY = "rk_test_4eC39HqLyjWDarjtT1zdp7dc"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
QUICK = Patience(attempts=4, first_seconds=0.01, longest_seconds=0.05)
EMPTY = {"object": "list", "data": [], "has_more": False}


def pull(base: str, cursors: dict[str, dict[str, int]] | None = None) -> list[Page | Drained]:
    source = StripeSource(KEY, base, requests_per_second=10_000, patience=QUICK)
    return list(source.pull(cursors or {}, lambda: NOW))


def pages(base: str) -> list[Page]:
    return [each for each in pull(base) if isinstance(each, Page)]


def drained_events(base: str, cursors: dict[str, dict[str, int]]) -> Covered:
    (events,) = (
        each for each in pull(base, cursors) if isinstance(each, Drained) and each.stream == "event"
    )
    assert events.covered is not None
    return events.covered


def failure(answer: Callable[[Asked], Answer]) -> str:
    with serve(answer) as service, pytest.raises(SourceError) as caught:
        pull(service.base)
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    assert KEY[-4:] not in message
    return message


def error(status: int, text: str) -> Answer:
    return Answer({"error": {"message": text, "type": "invalid_request_error"}}, status)


def test_no_key() -> None:
    with pytest.raises(SourceError, match="STRIPE_API_KEY is not set"):
        StripeSource(None)


def test_a_wrong_key() -> None:
    message = failure(lambda _: error(401, f"Invalid API Key provided: rk_test_****{KEY[-4:]}"))
    assert "does not accept the key in STRIPE_API_KEY" in message


def test_a_key_without_a_permission() -> None:
    text = (
        f"The provided key 'rk_test_****{KEY[-4:]}' does not have the required permissions for this endpoint on "
        f"account 'acct_1'. Having the 'rak_subscription_read' permission would allow this request to continue."
    )

    def answer(asked: Asked) -> Answer:
        return error(403, text) if asked.path == "/v1/subscriptions" else Answer(EMPTY)

    message = failure(answer)
    assert "rak_subscription_read" in message
    assert "dashboard.stripe.com/apikeys" in message


def test_a_server_that_is_down() -> None:
    with serve(lambda _: Answer(EMPTY)) as service:
        pass
    with pytest.raises(SourceError, match=service.base):
        pull(service.base)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html>busy</html>"), "no JSON"),
        (Answer(b"[1, 2]"), "no JSON object"),
        (Answer({"object": "list"}), "without a list"),
        (Answer(status=0), "does not answer"),
        (error(500, "oops"), "HTTP 500"),
        (Answer(b"<html>", 503), "HTTP 503"),
        (error(429, "slow down"), "requests_per_second"),
        (error(400, f"bad key {KEY}"), "(invalid_request_error)"),
        (
            Answer({"data": [{"id": "evt_1", "data": {"object": {}}}], "has_more": True}),
            "without an end",
        ),
    ],
    ids=["html", "array", "no list", "reset", "500", "503", "429", "400", "endless"],
)
def test_an_answer_that_is_none(answer: Answer, words: str) -> None:
    assert words in failure(lambda _: answer)


@pytest.mark.parametrize(
    "body", [b'{"id": "\xff"}', b'{"id": ' + b"[" * 100_000], ids=["no UTF-8", "deep"]
)
def test_one_object_that_is_no_json(body: bytes) -> None:
    async def asked(base: str) -> None:
        async with StripeClient(KEY, base=base, patience=QUICK) as client:
            await client.get("/v1/invoices/in_1")

    with (
        serve(lambda _: Answer(body)) as service,
        pytest.raises(SourceError, match="something that is no JSON"),
    ):
        asyncio.run(asked(service.base))


def test_what_stripe_says_of_a_person_is_not_shown() -> None:
    told = {
        "message": "customer jane.doe@example.com bad\n<!channel>",
        "type": "invalid_request_error",
        "code": "Jane Doe <jane.doe@example.com>",
        "param": "created[gte]",
    }
    message = failure(lambda _: Answer({"error": told}, 400, {"Request-Id": "req_1a"}))
    assert "(invalid_request_error, created[gte])" in message
    assert "https://dashboard.stripe.com/logs/req_1a" in message
    for word in ("jane", "Jane", "@", "<!"):
        assert word not in message
    assert "(HTTP 400)" in failure(lambda _: Answer({"error": "jane.doe@example.com"}, 400))


@pytest.mark.parametrize(
    "fault",
    [error(500, "oops"), error(429, "slow"), Answer(status=0), Answer(b'{"object": "li')],
    ids=["500", "429", "reset", "truncated"],
)
def test_a_passing_fault_is_asked_again(fault: Answer) -> None:
    tried: Counter[str] = Counter()

    def answer(asked: Asked) -> Answer:
        tried[asked.path] += 1
        return fault if tried[asked.path] <= 2 else Answer(EMPTY)

    with serve(answer) as service:
        drained = [each.stream for each in pull(service.base) if isinstance(each, Drained)]
    assert drained[-2:] == ["coupon", "discount"]
    assert set(tried.values()) == {3}
    assert len(tried) == len(drained) - 1  # discounts have no list of their own


def test_retry_after_is_obeyed() -> None:
    patience = Patience(first_seconds=0.001, longest_seconds=30)
    assert patience.seconds(1, "7") == 7
    assert patience.seconds(1, "900") == 30
    assert patience.seconds(1, "soon") < 1
    assert 6 <= Patience().seconds(5) <= 8


def test_requests_carry_the_version_and_the_account_and_are_paged() -> None:
    pages = {"": ["c3", "c2"], "c2": ["c1"]}

    def answer(asked: Asked) -> Answer:
        if asked.path != "/v1/customers":
            return Answer(EMPTY)
        ids = pages[asked.query.get("starting_after", "")]
        return Answer(
            {"data": [{"id": each, "created": 5} for each in ids], "has_more": ids[-1] != "c1"}
        )

    with serve(answer) as service:
        source = StripeSource(
            KEY, service.base, "acct_2", requests_per_second=10_000, patience=QUICK
        )
        pulled = [each for each in source.pull({}, lambda: NOW) if isinstance(each, Page)]
    assert [r.id for page in pulled for r in page.records] == ["c3", "c2", "c1"]
    headers = service.asked[0].headers
    assert headers["stripe-version"] == "2026-10-28.endive"
    assert headers["stripe-account"] == "acct_2"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert {asked.query["limit"] for asked in service.asked} == {"100"}


def test_the_proxy_of_the_environment_is_used_but_for_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = "http://stripe.invalid"
    with serve(lambda _: Answer(EMPTY)) as proxy, serve(lambda _: Answer(EMPTY)) as direct:
        monkeypatch.setenv("http_proxy", proxy.base.replace("://", "://user:secret@"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        pull(direct.base)
        assert not proxy.asked
        pull(elsewhere)
    assert {asked.headers["host"] for asked in proxy.asked} == {"stripe.invalid"}
    assert {asked.headers["proxy-authorization"] for asked in proxy.asked} == {
        "Basic dXNlcjpzZWNyZXQ="
    }


def test_objects_without_an_id_are_counted_and_other_events_are_not_stored() -> None:
    events = [
        {
            "id": "evt_2",
            "created": 9,
            "type": "charge.succeeded",
            "data": {"object": {"object": "charge", "id": "ch"}},
        },
        {"created": 8, "data": {"object": {"object": "customer"}}},
        "nonsense",
        {
            "id": "evt_1",
            "created": 7,
            "api_version": "2020-08-27",
            "type": "customer.updated",
            "data": {
                "object": {"object": "customer", "id": "cus", "phone": "1", "name": "B"},
                "previous_attributes": {"phone": "2", "name": None},
            },
        },
    ]

    def answer(asked: Asked) -> Answer:
        return Answer({"data": events, "has_more": False} if asked.path == "/v1/events" else EMPTY)

    with serve(answer) as service:
        (page,) = (each for each in pages(service.base) if each.stream == "event")
    assert page.listed == 4
    assert len(page.rejected) == 2
    (record,) = page.records
    assert (record.id, record.created, record.api_version) == ("evt_1", 7, "2020-08-27")
    assert record.previous_keys == ("name",)
    assert record.payload == (
        b'{"api_version":"2020-08-27","created":7,"data":{"object":{"id":"cus","name":"B","object":"customer"},'
        b'"previous_attributes":{"name":null}},"id":"evt_1","object":null,"type":"customer.updated"}'
    )


def test_a_night_reads_again_what_may_have_changed() -> None:
    last = int(datetime(2026, 10, 31, tzinfo=UTC).timestamp())
    cursors = {
        "event": {"watermark": last},
        "invoice": {"synced_at": last},
        "invoiceitem": {"synced_at": last},
    }
    with serve(lambda _: Answer(EMPTY)) as service:
        covered = drained_events(service.base, cursors)
    asked = [(a.path, a.query) for a in service.asked]
    by_path = {path: [query for other, query in asked if other == path] for path, _ in asked}
    assert by_path["/v1/events"][0]["created[gte]"] == str(last - 15 * 60)
    assert by_path["/v1/invoices"][0]["created[gte]"] == str(last - 40 * 86400)
    assert [query.get("status") for query in by_path["/v1/invoices"]] == [None, "draft", "open"]
    assert [query.get("pending") for query in by_path["/v1/invoiceitems"]] == [None, "true"]
    assert by_path["/v1/subscriptions"][0]["status"] == "all"
    assert (covered.start.timestamp(), covered.end) == (last, NOW)


def test_a_gap_in_the_events_begins_a_new_span() -> None:
    old = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())
    with serve(lambda _: Answer(EMPTY)) as service:
        covered = drained_events(service.base, {"event": {"watermark": old}})
    assert covered.start == datetime(2026, 10, 2, 1, tzinfo=UTC)
