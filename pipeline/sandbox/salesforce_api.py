"""Salesforce over HTTP: the token of the client credentials flow, queries in batches, descriptions, limits.

Belongs here: keys, sessions, addresses, refusals. How a record is shown is in `web.salesforce_records`.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.web import salesforce_records as records
from pipeline.sandbox.web import soql
from pipeline.sandbox.web.hubspot_records import iso
from pipeline.sandbox.web.world import Call, Json, World

INSTANCE = "https://acme.my.salesforce.com"
DATA = re.compile(r"services/data/v(?P<version>\d+\.\d)/(?P<rest>.+?)/?")
OLDEST = 31.0
"""The oldest version of the API that still answers."""


@dataclass(slots=True)
class SalesforceDay:
    """How the organisation is set up, and how its day goes.

    Attributes:
        batch: rows a page, Salesforce's own default.
        allowance: requests a day.
        used: of them.
        lifetime: requests until a session ends; null: it does not.
        hidden: fields that the user may not read, as `Account.Industry`.
        withheld: fields that are described and yet refused.
        closed: objects that the user may not read.
        currencies: whether the organisation has several.
    """

    batch: int = 2000
    allowance: int = 100_000
    used: int = 0
    lifetime: int | None = None
    hidden: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    currencies: bool = True


class SalesforceRefusal(Exception):
    """A request that Salesforce answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class SalesforceApi:
    """Answers `/services/oauth2/token` and `/services/data/...`.

    Args:
        world: the company and the conditions of the day.
        client_id: the consumer key that is accepted.
        client_secret: its consumer secret.
    """

    def __init__(self, world: World, client_id: str, client_secret: str) -> None:
        self._world = world
        self._client_id, self._secret = client_id, client_secret
        self.day = SalesforceDay()
        self.logins = 0
        self._left = 0
        self._cursors: dict[str, tuple[list[Json], int]] = {}

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=[Route("/{path:path}", self.respond, methods=["GET", "POST"])])

    async def respond(self, request: Request) -> Response:
        """The response to one request."""
        path = request.path_params["path"].strip("/")
        body = await request.body()
        call = Call("salesforce", f"{request.method} {_what(path, request)}", "")

        def answer() -> Response:
            with self._world.lock:
                if path == "services/oauth2/token":
                    return self._token(request, body)
                try:
                    content: Any = self._answer(request, path)
                    status = 200
                except SalesforceRefusal as refusal:
                    content = [{"message": refusal.message, "errorCode": refusal.code}]
                    status = refusal.status
            usage = {"Sforce-Limit-Info": f"api-usage={self.day.used}/{self.day.allowance}"}
            return _json(content, status, usage)

        return await self._world.conditions.around(call, answer)

    def end_session(self) -> None:
        """The present session is over; the next login begins another one."""
        self._left = 0

    # ---- logging in ----------------------------------------------------------------------------

    def _token(self, request: Request, body: bytes) -> Response:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
        else:
            key, secret = form.get("client_id", ""), form.get("client_secret", "")
        if form.get("grant_type") != "client_credentials":
            return _json(_oauth("unsupported_grant_type", "grant type not supported"), 400)
        if key != self._client_id:
            return _json(_oauth("invalid_client_id", "client identifier invalid"), 400)
        if secret != self._secret:
            return _json(_oauth("invalid_client", "invalid client credentials"), 401)
        self.logins += 1
        self._left = -1 if self.day.lifetime is None else self.day.lifetime
        content = {
            "access_token": self._access,
            "instance_url": INSTANCE,
            "scope": "api",
            "token_type": "Bearer",
            "issued_at": str(self._world.now * 1000),
        }
        return _json(content, 200)

    @property
    def _access(self) -> str:
        return f"00D5gK!sandbox.{self.logins}"

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token != self._access or not self._left:
            raise SalesforceRefusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        self._left -= 1
        if self.day.used >= self.day.allowance:
            raise SalesforceRefusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.day.used += 1

    # ---- the rooms -----------------------------------------------------------------------------

    def _answer(self, request: Request, path: str) -> Any:
        self._authenticate(request)
        found = DATA.fullmatch(path)
        if found is None or float(found["version"]) < OLDEST or request.method != "GET":
            raise _absent()
        first, _, rest = found["rest"].partition("/")
        rooms: dict[str, Callable[[], Any]] = {
            "limits": self._limits,
            "queryAll": lambda: self._query(request, deleted=True),
            "query": lambda: self._more(rest) if rest else self._query(request, deleted=False),
            "sobjects": lambda: self._describe(rest),
        }
        if first not in rooms:
            raise _absent()
        return rooms[first]()

    def _limits(self) -> Json:
        left = self.day.allowance - self.day.used
        return {"DailyApiRequests": {"Max": self.day.allowance, "Remaining": left}}

    def _describe(self, rest: str) -> Json:
        name, _, what = rest.partition("/")
        if what != "describe":
            raise _absent()
        return {
            "name": self._object(name, 404, "NOT_FOUND"),
            "queryable": True,
            "fields": [{"name": each, "label": each} for each in self._fields(name)],
        }

    def _object(self, name: str, status: int, code: str) -> str:
        if name not in records.OBJECTS or name in self.day.closed:
            message = f"sObject type '{name}' is not supported."
            raise SalesforceRefusal(status, code, message)
        return name

    def _fields(self, name: str) -> list[str]:
        hidden = self.day.hidden | (
            set() if self.day.currencies else {"Opportunity.CurrencyIsoCode"}
        )
        found = records.fields(self._world.company.hubspot, name)
        return [each for each in found if f"{name}.{each}" not in hidden]

    def _query(self, request: Request, *, deleted: bool) -> Json:
        text = request.query_params.get("q", "")
        try:
            asked = soql.read(text)
        except soql.Malformed:
            raise SalesforceRefusal(400, "MALFORMED_QUERY", "unexpected token") from None
        name = self._object(asked.object, 400, "INVALID_TYPE")
        there = {each.lower(): each for each in self._fields(name)}
        withheld = {
            each.partition(".")[2] for each in self.day.withheld if each.startswith(f"{name}.")
        }
        for each in asked.named:
            if each.lower() not in there or each in withheld:
                raise _no_field(text, each, name)
        found = records.rows(self._world.company.hubspot, name, iso(self._world.now))
        if not deleted:
            found = [each for each in found if not each.get("IsDeleted")]
        shown = [
            _shown(name, each, [there[f.lower()] for f in asked.fields]) for each in asked.of(found)
        ]
        locator = f"0r85gK{len(self._cursors):09d}AAA"
        batch = _batch(request, self.day.batch)
        self._cursors[locator] = (shown, batch)
        return self._page(locator, 0)

    def _more(self, rest: str) -> Json:
        locator, _, offset = rest.rpartition("-")
        if locator not in self._cursors or not offset.isdigit():
            raise SalesforceRefusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(locator, int(offset))

    def _page(self, locator: str, offset: int) -> Json:
        found, batch = self._cursors[locator]
        following = offset + batch
        done = following >= len(found)
        content = {"totalSize": len(found), "done": done, "records": found[offset:following]}
        if done:
            return content
        return content | {"nextRecordsUrl": f"/services/data/v64.0/query/{locator}-{following}"}


def _what(path: str, request: Request) -> str:
    """The endpoint as conditions see it: `queryAll Account`, `query/more`, `sobjects/Account/describe`, `token`."""
    found = DATA.fullmatch(path)
    if found is None:
        return path.rpartition("/")[2]
    rest = found["rest"]
    if rest.startswith("query/"):
        return "query/more"
    named = re.search(r"\bFROM\s+(\w+)", request.query_params.get("q", ""))
    return f"{rest} {named[1]}" if named else rest


def _shown(name: str, record: Json, fields: list[str]) -> Json:
    url = f"/services/data/v64.0/sobjects/{name}/{record['Id']}"
    return {"attributes": {"type": name, "url": url}, **{each: record.get(each) for each in fields}}


def _batch(request: Request, most: int) -> int:
    asked = re.search(r"batchSize=(\d+)", request.headers.get("Sforce-Query-Options", ""))
    return min(max(int(asked[1]), 200), most) if asked else most


def _absent() -> SalesforceRefusal:
    return SalesforceRefusal(404, "NOT_FOUND", "The requested resource does not exist")


def _no_field(text: str, name: str, of: str) -> SalesforceRefusal:
    return SalesforceRefusal(
        400,
        "INVALID_FIELD",
        f"\n{text}\n       ^\nERROR at Row:1:Column:8\nNo such column '{name}' on entity '{of}'. If you are attempting "
        f"to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL "
        f"or the describe call for the appropriate names.",
    )


def _oauth(error: str, description: str) -> Json:
    return {"error": error, "error_description": description}


def _json(content: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(content), status, headers, media_type="application/json;charset=UTF-8"
    )
