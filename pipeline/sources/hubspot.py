"""HubSpot: companies, deals, owners, pipelines, and which deal belongs to which company.

Belongs here: the date-based API through httpx. Every night lists everything, archived objects too: it needs no
watermark, sees deletions, and has no cap (search stops at 10,000).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import orjson

from pipeline.errors import SourceError
from pipeline.sources.limits import Pace, Patience
from pipeline.sources.protocol import (
    Clock,
    Cursors,
    Drained,
    Extent,
    Json,
    Page,
    Record,
    Rejection,
    Resume,
    unix,
)

HUBSPOT_API_VERSION = "2026-09"
PUBLIC_BASE = "https://api.hubapi.com"
PER_SECOND = 9.0
"""Below the smallest allowance of an app, 100 requests in 10 seconds."""
BATCH = 1000
UNAUTHORISED, FORBIDDEN, TOO_MANY, SERVER = 401, 403, 429, 500


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OBJECT = frozenset(
    _words("id properties propertiesWithHistory createdAt updatedAt archived archivedAt")
)
OWNER = frozenset(_words("id email firstName lastName userId type createdAt updatedAt archived"))
PIPELINE = frozenset(_words("id label displayOrder stages createdAt updatedAt archived"))
COMPANY_PROPERTIES = _words(
    "name domain hs_additional_domains industry country hubspot_owner_id hs_analytics_source "
    "hs_parent_company_id hs_merged_object_ids createdate hs_lastmodifieddate"
)
DEAL_PROPERTIES = _words(
    "dealname dealtype pipeline dealstage amount closedate createdate hubspot_owner_id hs_is_closed "
    "hs_is_closed_won deal_currency_code hs_lastmodifieddate"
)
DEAL_HISTORY = _words("dealstage amount closedate hubspot_owner_id dealtype")


@dataclass(frozen=True, slots=True)
class Stream:
    """One list: its path and what is asked for."""

    name: str
    path: str
    params: dict[str, str | int]
    kept: frozenset[str]
    archived: bool = True


class HubSpotSource:
    """One HubSpot portal.

    Args:
        key: a service key.
        api_base: in place of https://api.hubapi.com.
        company_properties: further properties of companies, as the one that holds the Stripe id.
        patience: how often a request is repeated.

    Raises:
        SourceError: there is no key.
    """

    name = "hubspot"
    account = ""
    settings = None

    def __init__(
        self,
        key: str | None,
        api_base: str | None = None,
        *,
        company_properties: tuple[str, ...] = (),
        requests_per_second: float = PER_SECOND,
        patience: Patience | None = None,
    ) -> None:
        if not key:
            raise SourceError(
                "HUBSPOT_SERVICE_KEY is not set. Create a Service Key in HubSpot and write it into .env."
            )
        self.base = api_base or PUBLIC_BASE
        self.patience = patience or Patience()
        self.pace = Pace(requests_per_second, requests_per_second)
        self.company_properties = tuple(dict.fromkeys((*COMPANY_PROPERTIES, *company_properties)))
        self._http = httpx.Client(
            base_url=self.base, headers={"Authorization": f"Bearer {key}"}, timeout=60
        )

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        """Everything, each night; see `pipeline.sources.protocol.Source`."""
        del cursors, extent, resume
        watermark = clock()
        deals: list[str] = []
        try:
            for stream in self._streams():
                for page in self._list(stream, clock):
                    if stream.name == "deal":
                        deals += [record.id for record in page.records]
                    yield page
                yield Drained(stream.name, {"synced_at": unix(watermark)}, whole=True)
            yield from self._associations(deals, clock)
            yield Drained("association", {"synced_at": unix(watermark)}, whole=True)
        finally:
            self._http.close()

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        """Nothing: every night lists everything that there is."""
        del wanted, clock
        return iter(())

    def _streams(self) -> tuple[Stream, ...]:
        version = HUBSPOT_API_VERSION
        return (
            Stream(
                "company",
                f"/crm/objects/{version}/companies",
                {"limit": 100, "properties": ",".join(self.company_properties)},
                OBJECT,
            ),
            Stream(
                "deal",
                f"/crm/objects/{version}/deals",
                {
                    "limit": 50,
                    "properties": ",".join(DEAL_PROPERTIES),
                    "propertiesWithHistory": ",".join(DEAL_HISTORY),
                },
                OBJECT,
            ),
            Stream(
                "owner",
                f"/crm/owners/{version}",
                {"limit": 100},
                OWNER,
            ),
            Stream(
                "pipeline",
                f"/crm/pipelines/{version}/deals",
                {},
                PIPELINE,
                archived=False,
            ),
        )

    def _list(self, stream: Stream, clock: Clock) -> Iterator[Page]:
        passes = ("false", "true") if stream.archived else (None,)
        for archived in passes:
            params = dict(stream.params) | ({"archived": archived} if archived else {})
            while True:
                observed_at = clock()
                answer = self._request("GET", stream.path, params=params)
                yield _page(
                    stream.name, stream.kept, observed_at, _results(answer, self.base, stream.path)
                )
                after = _after(answer)
                if after is None:
                    break
                if after == params.get("after"):
                    raise SourceError(
                        f"HubSpot at {self.base} pages {stream.path} without an end. Try again later."
                    )
                params["after"] = after

    def _associations(self, deals: list[str], clock: Clock) -> Iterator[Page]:
        path = f"/crm/associations/{HUBSPOT_API_VERSION}/deals/companies/batch/read"
        unique = list(dict.fromkeys(deals))
        for start in range(0, len(unique), BATCH):
            inputs: list[Json] = [{"id": each} for each in unique[start : start + BATCH]]
            merged: dict[str, Json] = {}
            observed_at = clock()
            while inputs:
                answer = self._request("POST", path, json={"inputs": inputs})
                inputs = []
                for each in _results(answer, self.base, path):
                    deal = str(each["from"]["id"])
                    known = merged.setdefault(deal, {"id": deal, "to": []})
                    known["to"] = [*known["to"], *each.get("to", [])]
                    after = _after(each)
                    if after is not None:
                        inputs.append({"id": deal, "after": after})
            yield _page("association", frozenset({"id", "to"}), observed_at, list(merged.values()))

    def _request(self, method: str, path: str, **options: Any) -> Json:
        for attempt in range(1, self.patience.attempts + 1):
            self.pace.wait(path)
            last = attempt == self.patience.attempts
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError:
                if last:
                    raise SourceError(
                        f"HubSpot at {self.base} does not answer. Check the network and HUBSPOT_API_BASE, "
                        f"then try again."
                    ) from None
                self.patience.sleep(attempt)
                continue
            if response.is_success:
                content = _json(response)
                if content is not None:
                    return content
            elif not _passing(response):
                raise self._refusal(response, path)
            if last:
                raise self._refusal(response, path)
            self.patience.sleep(attempt, response.headers.get("Retry-After"))
        raise AssertionError("the last attempt returns or raises")

    def _refusal(self, response: httpx.Response, path: str) -> SourceError:
        if response.status_code == UNAUTHORISED:
            return SourceError(
                "HubSpot does not accept the key in HUBSPOT_SERVICE_KEY. Copy the Service Key into .env."
            )
        if response.status_code == FORBIDDEN:
            return SourceError(
                f"The key in HUBSPOT_SERVICE_KEY may not read {path}. Grant it the read scopes of companies, deals "
                f"and owners in HubSpot: Settings, Service Keys."
            )
        if _daily(response):
            return SourceError(
                "HubSpot's allowance of requests for today is used up. Run the sync again tomorrow."
            )
        if response.is_success:
            return SourceError(
                f"HubSpot at {self.base} answered {path} with something that is no JSON object."
            )
        return SourceError(
            f"HubSpot at {self.base} fails on {path} (HTTP {response.status_code}). Try again later."
        )


def _json(response: httpx.Response) -> Json | None:
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _daily(response: httpx.Response) -> bool:
    return response.status_code == TOO_MANY and (_json(response) or {}).get("policyName") == "DAILY"


def _passing(response: httpx.Response) -> bool:
    if response.status_code == TOO_MANY:
        return not _daily(response)
    return response.status_code >= SERVER


def _results(answer: Json, base: str, path: str) -> list[Any]:
    results = answer.get("results")
    if not isinstance(results, list):
        raise SourceError(f"HubSpot at {base} answered {path} without a list. Try again later.")
    return results


def _after(answer: Json) -> str | None:
    following = (answer.get("paging") or {}).get("next") or {}
    after = following.get("after")
    return None if after is None else str(after)


def _page(stream: str, kept: frozenset[str], observed_at: datetime, objects: list[Any]) -> Page:
    records, rejected = [], []
    for each in objects:
        if not isinstance(each, dict) or not isinstance(each.get("id"), str | int):
            rejected.append(Rejection("", f"a {stream} without an id"))
            continue
        content = {name: value for name, value in each.items() if name in kept}
        content["id"] = str(each["id"])
        records.append(Record.of(content, api_version=HUBSPOT_API_VERSION, created=_created(each)))
    return Page(stream, observed_at, tuple(records), len(objects), tuple(rejected))


def _created(value: Json) -> int | None:
    try:
        return unix(datetime.fromisoformat(value["createdAt"]))
    except (KeyError, TypeError, ValueError):
        return None
