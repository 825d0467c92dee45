"""Stripe over HTTP, as API version 2026-10-28.endive answers a reader.

Belongs here: keys, permissions, headers, addresses. What an answer holds is in `web.stripe_reader`.
"""

import base64
import binascii
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.web import stripe_errors as refuse
from pipeline.sandbox.web import stripe_query as query
from pipeline.sandbox.web.stripe_reader import ACCOUNT_ID, Params, Permit, Reader
from pipeline.sandbox.web.stripe_resources import EMBEDDED, RESOURCES
from pipeline.sandbox.web.stripe_types import API_VERSION, TYPES
from pipeline.sandbox.web.world import Call, Json, World

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ONE_OBJECT = 2
PART_OF_OBJECT = 3


@dataclass(frozen=True, slots=True)
class Address:
    """Where an address leads."""

    endpoint: str
    """The address with `{id}` in place of ids: what rate limits count."""
    type: str
    parts: tuple[str, ...]


class StripeApi:
    """Answers `/v1/...`.

    Args:
        world: the company and the conditions of the day.
        keys: accepted key -> the permissions that it lacks; only restricted keys lack any.
    """

    def __init__(self, world: World, keys: Mapping[str, frozenset[str]]) -> None:
        self._world = world
        self._keys = dict(keys)
        self._reader = Reader(world)
        self._numbers = itertools.count(1)
        self.requests: dict[str, int] = {}
        """How often each endpoint was asked."""

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=[Route("/{path:path}", self.respond, methods=METHODS)])

    async def respond(self, request: Request) -> Response:
        """The response to one request."""
        request_id = f"req_{next(self._numbers):014d}"
        route = _route(request.path_params["path"])
        endpoint = route.endpoint if route else "unknown"
        self.requests[endpoint] = self.requests.get(endpoint, 0) + 1
        call = Call("stripe", endpoint, _key(request) or "")

        def answer() -> Response:
            with self._world.lock:
                try:
                    return self._response(200, self._answer(request, route), request_id)
                except refuse.StripeRefusal as refusal:
                    body = refusal.body(request_id, self._world.now)
                    return self._response(refusal.status, body, request_id)

        return await self._world.conditions.around(call, answer)

    def _response(self, status: int, body: Json, request_id: str) -> Response:
        # The Date is the company's, so that a client that measures clock skew finds none.
        at = datetime.fromtimestamp(self._world.now, UTC)
        headers = {
            "Date": format_datetime(at, usegmt=True),
            "Request-Id": request_id,
            "Stripe-Version": API_VERSION,
            "Cache-Control": "no-cache, no-store",
        }
        if status == 401:  # noqa: PLR2004
            headers["WWW-Authenticate"] = 'Bearer realm="Stripe"'
        return Response(orjson.dumps(body), status, headers, media_type="application/json")

    def _answer(self, request: Request, route: Address | None) -> Json:
        path = "/" + request.path_params["path"]
        key = self._authenticate(request)
        if route is None:
            raise refuse.unknown_route(request.method, path)

        def permit(needed: Iterable[str]) -> None:
            for permission in sorted(self._keys[key] & frozenset(needed)):
                raise refuse.missing_permission(key, ACCOUNT_ID, permission)

        if request.method != "GET":
            permit([TYPES[route.type].write_permission])
            self._reader.existing(route.parts)
            raise refuse.read_only(request.method, path)
        permit([TYPES[route.type].permission])
        return self._read(route, query.parse(request.url.query), permit)

    def _authenticate(self, request: Request) -> str:
        key = _key(request)
        if not key:
            raise refuse.no_key()
        if key not in self._keys:
            raise refuse.wrong_key(key)
        account = request.headers.get("Stripe-Account")
        if account not in {None, ACCOUNT_ID}:
            raise refuse.wrong_account(key, str(account))
        version = request.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            raise refuse.wrong_version(version, API_VERSION)
        return key

    def _read(self, route: Address, params: Params, permit: Permit) -> Json:
        name, *rest = route.parts
        if name == "account":
            return self._reader.account(params)
        if name == "subscription_items":
            if rest:
                return self._reader.item(rest[0], params, permit)
            return self._reader.items(params, permit)
        if not rest:
            return self._reader.page(RESOURCES[name], params, permit)
        if len(rest) == 1:
            return self._reader.retrieve(RESOURCES[name], rest[0], params, permit)
        return self._reader.embedded(name, rest[0], rest[1], params, permit)


def _key(request: Request) -> str | None:
    """The key, from Bearer or Basic authentication."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return value
    return None


def _route(path: str) -> Address | None:
    version, *parts = path.strip("/").split("/")
    if version != "v1" or not parts or not all(parts):
        return None
    name = parts[0]
    if name == "account":
        return Address("/v1/account", "account", ("account",)) if len(parts) == 1 else None
    if name == "subscription_items":
        kind = "subscription_item"
    elif name in RESOURCES:
        kind = RESOURCES[name].type
    else:
        return None
    tail = {1: "", ONE_OBJECT: "/{id}"}.get(len(parts))
    if len(parts) == PART_OF_OBJECT and (name, parts[2]) in EMBEDDED:
        tail = f"/{{id}}/{parts[2]}"
    if tail is None:
        return None
    return Address(f"/v1/{name}{tail}", kind, tuple(parts))
