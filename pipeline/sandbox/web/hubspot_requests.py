"""What HubSpot reads from a request, and how it refuses one.

Belongs here: kinds of objects, parameters, bodies, error bodies. Does not belong here: what is answered
(`pipeline.sandbox.hubspot_api`).
"""

from typing import Any

import orjson
from starlette.requests import Request

from pipeline.sandbox.web import hubspot_records as records
from pipeline.sandbox.web.world import Json

DEFAULT_LIMIT = 10
MAX_BATCH = 1_000


class HubSpotRefusal(Exception):
    """A request that HubSpot answers with an error body."""

    def __init__(
        self, status: int, message: str, category: str | None, scopes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.scopes = scopes


def invalid(message: str) -> HubSpotRefusal:
    """The refusal of a request that is wrong."""
    return HubSpotRefusal(400, message, "VALIDATION_ERROR")


def unknown() -> HubSpotRefusal:
    """The refusal of an address that is not there."""
    return HubSpotRefusal(404, "resource not found", None)


def kind_of(name: str) -> str:
    """The kind of objects that a name or a type id means.

    Raises:
        HubSpotRefusal: there is no such kind.
    """
    kind = records.TYPE_IDS.get(name, name)
    kind = {"company": "companies", "deal": "deals", "contact": "contacts"}.get(kind, kind)
    if kind not in records.DEFAULT_PROPERTIES:
        raise invalid(f"Unable to infer object type from: {name}")
    return kind


def archived(request: Request) -> bool:
    """Whether archived objects are asked for."""
    value = request.query_params.get("archived", "false")
    if value not in {"true", "false"}:
        raise invalid(f"archived: {value} is not a boolean")
    return value == "true"


def limit_of(request: Request, most: int, default: int = DEFAULT_LIMIT) -> int:
    """Objects of a page, within HubSpot's bounds."""
    raw = request.query_params.get("limit", str(default))
    if not raw.isdigit() or int(raw) < 1:
        raise invalid(f"limit: {raw} is not a positive integer")
    if int(raw) > most:
        raise invalid(f"Limit {raw} exceeds the maximum page size of {most} for this request.")
    return int(raw)


def inputs(body: bytes) -> list[str]:
    """The ids of a batch read."""
    try:
        found: list[Any] = orjson.loads(body)["inputs"]
        ids = [str(entry["id"]) for entry in found]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise invalid("Invalid input JSON: inputs must be a list of objects with an id") from None
    if len(ids) > MAX_BATCH:
        raise invalid(f"Batch size {len(ids)} exceeds the maximum of {MAX_BATCH}.")
    return ids


def unlinked(source: str, target: str, object_id: str) -> Json:
    """What a batch read says of an object that is associated with nothing."""
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


def error(refusal: HubSpotRefusal, correlation: str) -> Json:
    """The body of a refusal."""
    content: Json = {
        "status": "error",
        "message": refusal.message,
        "correlationId": correlation,
    }
    if refusal.scopes:
        context = {"requiredGranularScopes": list(refusal.scopes)}
        content["errors"] = [{"message": "One or more scopes are required.", "context": context}]
    return content | ({"category": refusal.category} if refusal.category else {})
