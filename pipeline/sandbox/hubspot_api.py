"""HubSpot over HTTP, version 2026-09: objects, search, owners, pipelines, properties, associations.

Belongs here: keys, scopes, addresses, refusals. How a record is shown is in `web.hubspot_records`, how many requests
are let through in `web.hubspot_day`.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.web import hubspot_records as records
from pipeline.sandbox.web import hubspot_requests as asked
from pipeline.sandbox.web import hubspot_search
from pipeline.sandbox.web.world import Call, Json, World

VERSION = "2026-09"
MAX_LIMIT = 100
MAX_WITH_HISTORY = 50
MAX_OWNERS = 500
ADDRESS_PARTS = 4
BATCH_READ = ("batch", "read")
SEARCH = "search"


@dataclass(slots=True)
class HubSpotAccess:
    """What the key may see; it may change while the portal is read.

    Attributes:
        missing_scopes: such as `crm.objects.contacts.read`.
        hidden: properties that the portal does not have, or does not show to the key, as `companies.industry`.
        lifetime: requests until the key is revoked; null: it is not.
    """

    missing_scopes: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    lifetime: int | None = None


class HubSpotApi:
    """Answers `/crm/...`.

    Args:
        world: the company and the conditions of the day.
        key: the service key that is accepted.
    """

    def __init__(self, world: World, key: str) -> None:
        self._world = world
        self._key = key
        self.access = HubSpotAccess()
        self._numbers = itertools.count(1)
        self._answered = 0

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
                except asked.HubSpotRefusal as refusal:
                    status, content = refusal.status, asked.error(refusal, correlation)
            return Response(
                orjson.dumps(content),
                status,
                {"X-HubSpot-Correlation-Id": correlation},
                media_type="application/json;charset=utf-8",
            )

        return await self._world.conditions.around(call, answer)

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        self._answered += 1
        revoked = self.access.lifetime is not None and self._answered > self.access.lifetime
        if scheme.lower() != "bearer" or key.strip() != self._key or revoked:
            raise asked.HubSpotRefusal(
                401,
                "Authentication credentials not found. This API supports OAuth 2.0 authentication "
                "and you can find more details at "
                "https://developers.hubspot.com/docs/methods/auth/oauth-overview",
                "INVALID_AUTHENTICATION",
            )

    def _answer(self, request: Request, parts: tuple[str, ...], body: bytes) -> tuple[int, Json]:
        if len(parts) < ADDRESS_PARTS - 1 or parts[0] != "crm" or parts[2] != VERSION:
            raise asked.unknown()
        room, rest = parts[1], parts[3:]
        self._admit(room, rest)
        if room == "associations":
            return self._associations(request, rest, body)
        if room == "objects" and rest[1:] == (SEARCH,) and request.method == "POST":
            return 200, self._search(rest[0], body)
        answers: Mapping[str, Callable[[Request, tuple[str, ...]], Json]] = {
            "objects": self._objects,
            "owners": self._owners,
            "pipelines": self._pipelines,
            "properties": self._properties,
        }
        if room not in answers:
            raise asked.unknown()
        if request.method != "GET":
            raise asked.HubSpotRefusal(405, "The sandbox only reads.", "METHOD_NOT_ALLOWED")
        return 200, answers[room](request, rest)

    def _admit(self, room: str, rest: tuple[str, ...]) -> None:
        """Whether the key has the scopes of an address."""
        kinds = [asked.kind_of(each) for each in rest[: 2 if room == "associations" else 1]]
        needed = {f"crm.objects.{each}.read" for each in kinds or [room]}
        missing = tuple(sorted(needed & self.access.missing_scopes))
        if missing:
            message = "This app hasn't been granted all required scopes to make this call."
            raise asked.HubSpotRefusal(403, message, "MISSING_SCOPES", missing)

    def _known(self, kind: str) -> list[str]:
        """The properties that the portal has, and shows."""
        names = records.known_properties(kind, self._world.company.hubspot[kind])
        return [each for each in names if f"{kind}.{each}" not in self.access.hidden]

    # ---- the rooms -----------------------------------------------------------------------------

    def _objects(self, request: Request, rest: tuple[str, ...]) -> Json:
        """One page of records, or one record."""
        if len(rest) not in {1, 2}:
            raise asked.unknown()
        kind = asked.kind_of(rest[0])
        hubspot = self._world.company.hubspot
        stored: Mapping[str, Json] = hubspot[kind]
        query = request.query_params
        wanted = records.split(query.getlist("properties"))
        histories = records.split(query.getlist("propertiesWithHistory"))
        targets = [asked.kind_of(name) for name in records.split(query.getlist("associations"))]
        known = frozenset(self._known(kind))
        found = records.visible(stored, self._world.now, archived=asked.archived(request))

        def show(record: Json) -> Json:
            record = records.with_company(hubspot, kind, record)
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
            raise asked.HubSpotRefusal(404, "resource not found", "OBJECT_NOT_FOUND")
        limit = asked.limit_of(request, MAX_WITH_HISTORY if histories else MAX_LIMIT)
        return _page(request, found, limit, show)

    def _search(self, name: str, body: bytes) -> Json:
        """One page of what a search finds; archived records are not searched."""
        kind = asked.kind_of(name)
        hubspot = self._world.company.hubspot
        known = frozenset(self._known(kind))
        visible = records.visible(hubspot[kind], self._world.now, archived=False)
        try:
            wanted = orjson.loads(body)
            found = hubspot_search.search(visible, wanted)
        except hubspot_search.Unsearchable as refusal:
            raise asked.invalid(str(refusal)) from None
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            raise asked.invalid("Invalid input JSON") from None
        names = wanted.get("properties") or []
        shown = [
            records.show(kind, records.with_company(hubspot, kind, each), names, [], known)
            for each in found.records
        ]
        content: Json = {"total": found.total, "results": shown}
        return content | ({"paging": {"next": {"after": found.after}}} if found.after else {})

    def _owners(self, request: Request, rest: tuple[str, ...]) -> Json:
        if rest:
            raise asked.unknown()
        stored = self._world.company.hubspot["owners"]
        found = records.visible(stored, self._world.now, archived=asked.archived(request))

        def show(owner: Json) -> Json:
            properties = owner.get("properties", {})
            shown = {name: value for name, value in owner.items() if name != "properties"}
            return {"type": "PERSON", **shown, **properties}

        return _page(request, found, asked.limit_of(request, MAX_OWNERS, default=MAX_LIMIT), show)

    def _pipelines(self, request: Request, rest: tuple[str, ...]) -> Json:
        del request
        if len(rest) != 1 or asked.kind_of(rest[0]) != "deals":
            raise asked.unknown()
        return {"results": list(self._world.company.hubspot["pipelines"])}

    def _properties(self, request: Request, rest: tuple[str, ...]) -> Json:
        del request
        if len(rest) != 1:
            raise asked.unknown()
        kind = asked.kind_of(rest[0])
        return {"results": [records.definition(kind, name) for name in self._known(kind)]}

    def _associations(
        self, request: Request, rest: tuple[str, ...], body: bytes
    ) -> tuple[int, Json]:
        """The batch read; records without any association are listed as errors (status 207)."""
        if len(rest) != ADDRESS_PARTS or rest[2:] != BATCH_READ or request.method != "POST":
            raise asked.unknown()
        source, target = asked.kind_of(rest[0]), asked.kind_of(rest[1])
        linked = records.links(self._world.company.hubspot, source, target)
        results: list[Json] = []
        errors: list[Json] = []
        for object_id in asked.inputs(body):
            if linked.get(object_id):
                results.append({"from": {"id": object_id}, "to": linked[object_id]})
            else:
                errors.append(asked.unlinked(source, target, object_id))
        at = records.iso(self._world.now)
        content: Json = {"status": "COMPLETE", "results": results}
        if errors:
            content |= {"numErrors": len(errors), "errors": errors}
        return (207 if errors else 200), content | {"startedAt": at, "completedAt": at}


def _page(request: Request, found: list[Json], limit: int, show: Callable[[Json], Json]) -> Json:
    after = request.query_params.get("after")
    if after is not None and not after.isdigit():
        raise asked.invalid(f"after: {after} is not a paging cursor")
    shown, following = records.page(found, after, limit)
    content: Json = {"results": [show(record) for record in shown]}
    if following is not None:
        link = str(request.url.include_query_params(after=following))
        content["paging"] = {"next": {"after": following, "link": link}}
    return content
