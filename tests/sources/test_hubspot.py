"""HubSpot's date-based API: everything is listed, archived objects too, associations by the thousand."""

from datetime import UTC, datetime

import orjson
import pytest

from pipeline.errors import SourceError
from pipeline.sources import Drained, HubSpotSource, Page
from pipeline.sources.limits import Patience
from tests.sources.service import Answer, Asked, serve

NOW = datetime(2026, 11, 1, tzinfo=UTC)
QUICK = Patience(attempts=3, first_seconds=0.01, longest_seconds=0.05)
KEY = "pat-na1-secret"


def pull(base: str) -> list[Page | Drained]:
    source = HubSpotSource(
        KEY, base, company_properties=("stripe_id",), requests_per_second=10_000, patience=QUICK
    )
    return list(source.pull({}, lambda: NOW))


def thing(number: int) -> dict[str, object]:
    return {
        "id": str(number),
        "createdAt": "2026-01-02T00:00:00.000Z",
        "properties": {"name": f"n{number}"},
        "url": "https://app.hubspot.com/x",
    }


def portal(asked: Asked) -> Answer:
    """Three companies on two pages, one archived; 1,001 deals; one deal with two pages of companies."""
    if asked.path.startswith("/crm/associations"):
        results = []
        for each in asked.body["inputs"]:
            last = each["id"] != "7" or "after" in each
            after = {} if last else {"paging": {"next": {"after": "1"}}}
            results.append({"from": {"id": each["id"]}, "to": [{"toObjectId": 5}], **after})
        return Answer({"status": "COMPLETE", "results": results})
    if asked.query.get("archived") == "true":
        archived = [thing(9)] if asked.path.endswith("companies") else []
        return Answer({"results": archived})
    if asked.path.endswith("companies"):
        if "after" in asked.query:
            return Answer({"results": [thing(3)]})
        return Answer({"results": [thing(1), thing(2)], "paging": {"next": {"after": "2"}}})
    if asked.path == "/crm/objects/2026-09/deals":
        return Answer({"results": [thing(number) for number in range(1001)]})
    return Answer({"results": []})


def test_everything_is_listed() -> None:
    with serve(portal) as service:
        pulled = pull(service.base)
    records = {s: [] for s in ("company", "deal", "owner", "pipeline", "association")}
    for each in pulled:
        if isinstance(each, Page):
            records[each.stream] += each.records
    assert [record.id for record in records["company"]] == ["1", "2", "3", "9"]
    assert len(records["deal"]) == len(records["association"]) == 1001
    assert [each.stream for each in pulled if isinstance(each, Drained)] == list(records)
    assert orjson.loads(records["company"][0].payload) == {
        "id": "1",
        "createdAt": "2026-01-02T00:00:00.000Z",
        "properties": {"name": "n1"},
    }
    assert records["company"][0].created == int(datetime(2026, 1, 2, tzinfo=UTC).timestamp())
    seventh = next(record for record in records["association"] if record.id == "7")
    assert len(orjson.loads(seventh.payload)["to"]) == 2
    asked = service.asked[0]
    assert "stripe_id" in asked.query["properties"]
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert [len(a.body["inputs"]) for a in service.asked if a.body] == [1000, 1, 1]


def test_no_key() -> None:
    with pytest.raises(SourceError, match="HUBSPOT_SERVICE_KEY is not set"):
        HubSpotSource(None)


@pytest.mark.parametrize(
    ("answer", "words", "requests"),
    [
        (Answer(status=401), "does not accept the key", 1),
        (Answer(status=403), "read scopes", 1),
        (Answer({"policyName": "DAILY"}, 429), "for today is used up", 1),
        (Answer({"policyName": "SECONDLY"}, 429), "HTTP 429", 3),
        (Answer(status=502), "HTTP 502", 3),
        (Answer(b"<html>"), "no JSON object", 3),
        (Answer({}), "without a list", 1),
        (Answer(status=0), "does not answer", 3),
    ],
    ids=["401", "403", "daily", "429", "502", "html", "no list", "reset"],
)
def test_a_refusal_is_one_line_without_the_key(answer: Answer, words: str, requests: int) -> None:
    with serve(lambda _: answer) as service, pytest.raises(SourceError, match=words) as caught:
        pull(service.base)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(service.asked) == requests
