"""A HubSpot of a few objects on a loopback port, for what the simulated one never does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.sources import Drained, HubSpotSource, Page
from pipeline.sources.hubspot.streams import Wanted
from pipeline.sources.limits import Patience
from tests.sources.service import Answer, Asked

NOW = datetime(2026, 11, 1, tzinfo=UTC)
QUICK = Patience(attempts=3, first_seconds=0.01, longest_seconds=0.05)
KEY = "pat-na1-secret"
PROPERTIES = {
    "companies": "name domain hs_additional_domains industry country hubspot_owner_id hs_analytics_source "
    "hs_merged_object_ids createdate stripe_customer_id tier",
    "deals": "dealtype pipeline dealstage amount closedate createdate hubspot_owner_id hs_is_closed "
    "hs_is_closed_won deal_currency_code",
    "contacts": "email hs_additional_emails associatedcompanyid",
}
WANTED = Wanted(stripe_id_fields=("stripe_customer_id",))


def thing(number: int, **properties: Any) -> dict[str, Any]:
    """An object with more than is asked for."""
    return {
        "id": str(number),
        "createdAt": "2026-01-02T00:00:00.000Z",
        "updatedAt": "2026-03-02T00:00:00.000Z",
        "archived": False,
        "properties": {"name": f"n{number}", "hs_object_id": str(number), **properties},
        "url": "https://app.hubspot.com/x",
    }


@dataclass
class Portal:
    """Answers as HubSpot does; `spoilt` may answer first."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """`companies`, `deals`, `contacts`, `owners`, and those with ` archived` -> objects, by ascending id."""
    linked: dict[str, list[int]] = field(default_factory=dict)
    """Deal -> companies."""
    properties: dict[str, str] = field(default_factory=lambda: dict(PROPERTIES))
    headers: dict[str, str] = field(default_factory=dict)
    spoilt: Callable[[Asked], Answer | None] = lambda _: None

    def __call__(self, asked: Asked) -> Answer:
        found = self.spoilt(asked)
        if found is None:
            found = Answer(self._content(asked), headers=self.headers)
        return found

    def _content(self, asked: Asked) -> dict[str, Any]:
        _, room, _, kind, *_ = [*asked.path.strip("/").split("/"), ""]
        if room == "associations":
            return self._associations(asked)
        if room == "properties":
            return {"results": [{"name": each} for each in self.properties[kind].split()]}
        if room == "pipelines":
            return {"results": [{"id": "default", "label": "Sales", "stages": []}]}
        name = "owners" if room == "owners" else kind
        name += " archived" if asked.query.get("archived") == "true" else ""
        after, limit = int(asked.query.get("after", "0")), int(asked.query["limit"])
        left = [each for each in self.objects.get(name, []) if int(each["id"]) > after]
        page = left[:limit]
        more = {"paging": {"next": {"after": page[-1]["id"]}}} if len(left) > limit else {}
        return {"results": page, **more}

    def _associations(self, asked: Asked) -> dict[str, Any]:
        results, errors = [], []
        for each in asked.body["inputs"]:
            to = self.linked.get(each["id"], [])
            at = int(each.get("after", "0"))
            if not to:
                errors.append({"status": "error", "category": "OBJECT_NOT_FOUND"})
                continue
            after = {"paging": {"next": {"after": str(at + 1)}}} if at + 1 < len(to) else {}
            results.append({"from": {"id": each["id"]}, "to": [{"toObjectId": to[at]}]} | after)
        return {"status": "COMPLETE", "results": results, "errors": errors}


def pull(base: str, wanted: Wanted = WANTED, **options: Any) -> list[Page | Drained]:
    """What a sync brings, as fast as it comes."""
    options = {"requests_per_second": 10_000, "patience": QUICK} | options
    source = HubSpotSource(KEY, base, wanted=wanted, **options)
    return list(source.pull({}, lambda: NOW))


def ids(pulled: list[Page | Drained], stream: str) -> list[str]:
    """The ids of a stream's records."""
    pages = [each for each in pulled if isinstance(each, Page) and each.stream == stream]
    return [record.id for page in pages for record in page.records]


def notices(pulled: list[Page | Drained]) -> list[str]:
    """What the operator is told."""
    return [said for each in pulled if isinstance(each, Page) for said in each.notices]
