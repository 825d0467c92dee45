"""HubSpot over HTTP, version 2026-09: objects, owners, pipelines, properties, associations.

Belongs here: keys, addresses, limits, refusals. How a record is shown is in `web.hubspot_records`.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.web import hubspot_records as records
from pipeline.sandbox.web.world import Call, Json, World

VERSION = "2026-09"
DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_WITH_HISTORY = 50
MAX_OWNERS = 500
MAX_BATCH = 1_000
ADDRESS_PARTS = 4
BATCH_READ = ("batch", "read")


class HubSpotRefusal(Exception):
    """A request that HubSpot answers with an error body."""

    def __init__(self, status: int, message: str, category: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category


def _invalid(message: str) -> HubSpotRefusal:
    return HubSpotRefusal(400, message, "VALIDATION_ERROR")


def _unknown() -> HubSpotRefusal:
    return HubSpotRefusal(404, "resource not found", None)


class HubSpotApi:
    """Answers `/crm/...`.

    Args:
        world: the company and the conditions of the day.
        key: the service key that is accepted.
    """

    def __init__(self, world: World, key: str) -> None:
        self._world = world
        self._key = key
        self._numbers = itertools.count(1)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[Route("/{path:path}", self.respond, methods=["GET", "POST", "PATCH", "DELETE"])]
        )

    async def respond(self, request: Request) -> Response:
        """The response to one request."""
        parts = tuple(request.path_params["path"].strip("/").split("/"))
        body = await request.body()
        correlation = str(UUID(int=next(self._numbers)))
        call = Call("hubspot", f"{request.method} /{'/'.join(parts)}", "")

        def answer() -> Response:
            with self._world.lock:
                try:
                    self._authenticate(request)
                    status, content = self._answer(request, parts, body)
                except HubSpotRefusal as refusal:
                    status, content = refusal.status, _error(refusal, correlation)
            return Response(
                orjson.dumps(content),
                status,
                {"X-HubSpot-Correlation-Id": correlation},
                media_type="application/json;charset=utf-8",
            )

        return await self._world.conditions.around(call, answer)

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() != self._key:
            raise HubSpotRefusal(
                401,
                "Authentication credentials not found. This API supports OAuth 2.0 authentication "
                "and you can find more details at "
                "https://developers.hubspot.com/docs/methods/auth/oauth-overview",
                "INVALID_AUTHENTICATION",
            )

    def _answer(self, request: Request, parts: tuple[str, ...], body: bytes) -> tuple[int, Json]:
        if len(parts) < ADDRESS_PARTS - 1 or parts[0] != "crm" or parts[2] != VERSION:
            raise _unknown()
        room, rest = parts[1], parts[3:]
        if room == "associations":
            return self._associations(request, rest, body)
        answers: Mapping[str, Callable[[Request, tuple[str, ...]], Json]] = {
            "objects": self._objects,
            "owners": self._owners,
            "pipelines": self._pipelines,
            "properties": self._properties,
        }
        if room not in answers:
            raise _unknown()
        if request.method != "GET":
            raise HubSpotRefusal(405, "The sandbox only reads.", "METHOD_NOT_ALLOWED")
        return 200, answers[room](request, rest)

    # ---- the rooms -----------------------------------------------------------------------------

    def _objects(self, request: Request, rest: tuple[str, ...]) -> Json:
        """One page of records, or one record."""
        if len(rest) not in {1, 2}:
            raise _unknown()
        kind = _kind(rest[0])
        hubspot = self._world.company.hubspot
        stored: Mapping[str, Json] = hubspot[kind]
        query = request.query_params
        wanted = records.split(query.getlist("properties"))
        histories = records.split(query.getlist("propertiesWithHistory"))
        targets = [_kind(name) for name in records.split(query.getlist("associations"))]
        known = frozenset(records.known_properties(kind, stored))
        found = records.visible(stored, self._world.now, archived=_archived(request))

        def show(record: Json) -> Json:
            shown = records.show(kind, record, wanted, histories, known)
            linked = {
                target: records.associated(kind, target, entries)
                for target in targets
                if (entries := records.links(hubspot, kind, target).get(record["id"]))
            }
            return {**shown, "associations": linked} if linked else shown

        if rest[1:]:
            for record in found:
                if record["id"] == rest[1]:
                    return show(record)
            raise HubSpotRefusal(404, "resource not found", "OBJECT_NOT_FOUND")
        limit = _limit(request, MAX_WITH_HISTORY if histories else MAX_LIMIT)
        return _page(request, found, limit, show)

    def _owners(self, request: Request, rest: tuple[str, ...]) -> Json:
        if rest:
            raise _unknown()
        stored = self._world.company.hubspot["owners"]
        found = records.visible(stored, self._world.now, archived=_archived(request))

        def show(owner: Json) -> Json:
            properties = owner.get("properties", {})
            shown = {name: value for name, value in owner.items() if name != "properties"}
            return {"type": "PERSON", **shown, **properties}

        return _page(request, found, _limit(request, MAX_OWNERS, default=MAX_LIMIT), show)

    def _pipelines(self, request: Request, rest: tuple[str, ...]) -> Json:
        del request
        if len(rest) != 1 or _kind(rest[0]) != "deals":
            raise _unknown()
        return {"results": list(self._world.company.hubspot["pipelines"])}

    def _properties(self, request: Request, rest: tuple[str, ...]) -> Json:
        del request
        if len(rest) != 1:
            raise _unknown()
        kind = _kind(rest[0])
        names = records.known_properties(kind, self._world.company.hubspot[kind])
        return {"results": [records.definition(kind, name) for name in names]}

    def _associations(
        self, request: Request, rest: tuple[str, ...], body: bytes
    ) -> tuple[int, Json]:
        """The batch read; records without any association are listed as errors (status 207)."""
        if len(rest) != ADDRESS_PARTS or rest[2:] != BATCH_READ or request.method != "POST":
            raise _unknown()
        source, target = _kind(rest[0]), _kind(rest[1])
        linked = records.links(self._world.company.hubspot, source, target)
        results: list[Json] = []
        errors: list[Json] = []
        for object_id in _inputs(body):
            if linked.get(object_id):
                results.append({"from": {"id": object_id}, "to": linked[object_id]})
            else:
                errors.append(_unlinked(source, target, object_id))
        at = records.iso(self._world.now)
        content: Json = {"status": "COMPLETE", "results": results}
        if errors:
            content |= {"numErrors": len(errors), "errors": errors}
        return (207 if errors else 200), content | {"startedAt": at, "completedAt": at}


def _kind(name: str) -> str:
    kind = records.TYPE_IDS.get(name, name)
    kind = {"company": "companies", "deal": "deals", "contact": "contacts"}.get(kind, kind)
    if kind not in records.DEFAULT_PROPERTIES:
        raise _invalid(f"Unable to infer object type from: {name}")
    return kind


def _archived(request: Request) -> bool:
    value = request.query_params.get("archived", "false")
    if value not in {"true", "false"}:
        raise _invalid(f"archived: {value} is not a boolean")
    return value == "true"


def _limit(request: Request, most: int, default: int = DEFAULT_LIMIT) -> int:
    raw = request.query_params.get("limit", str(default))
    if not raw.isdigit() or int(raw) < 1:
        raise _invalid(f"limit: {raw} is not a positive integer")
    if int(raw) > most:
        raise _invalid(f"Limit {raw} exceeds the maximum page size of {most} for this request.")
    return int(raw)


def _page(request: Request, found: list[Json], limit: int, show: Callable[[Json], Json]) -> Json:
    after = request.query_params.get("after")
    if after is not None and not after.isdigit():
        raise _invalid(f"after: {after} is not a paging cursor")
    shown, following = records.page(found, after, limit)
    content: Json = {"results": [show(record) for record in shown]}
    if following is not None:
        link = str(request.url.include_query_params(after=following))
        content["paging"] = {"next": {"after": following, "link": link}}
    return content


def _inputs(body: bytes) -> list[str]:
    try:
        inputs: list[Any] = orjson.loads(body)["inputs"]
        ids = [str(entry["id"]) for entry in inputs]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise _invalid("Invalid input JSON: inputs must be a list of objects with an id") from None
    if len(ids) > MAX_BATCH:
        raise _invalid(f"Batch size {len(ids)} exceeds the maximum of {MAX_BATCH}.")
    return ids


def _unlinked(source: str, target: str, object_id: str) -> Json:
    one, other = records.SINGULAR[source], records.SINGULAR[target]
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {other} is associated with {one} {object_id}.",
        "context": {
            "fromObjectId": [object_id],
            "fromObjectType": [one],
            "toObjectType": [other],
        },
    }


def _error(refusal: HubSpotRefusal, correlation: str) -> Json:
    content: Json = {
        "status": "error",
        "message": refusal.message,
        "correlationId": correlation,
    }
    return content | ({"category": refusal.category} if refusal.category else {})
