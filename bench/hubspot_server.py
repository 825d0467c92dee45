"""A HubSpot that answers as fast as HubSpot allows: latency, so many requests in any ten seconds, and its headers.

Companies and deals have ids with gaps, as of a portal that grew for years, and histories of the properties that are
asked for; a page is put together from bytes. It runs in a process of its own, so that its work is not counted as the
reader's.
"""

import asyncio
import json
import multiprocessing
import random
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FIRST = {"companies": 5_120_000_000, "deals": 9_870_000_000, "contacts": 210_000}
"""Ids begin here."""
BREAKS = 7
"""Times that ids leapt, as when HubSpot changed how it gives them out."""
NUMBER, OWNER = b"@NUMBER@@", b"@OWNER@@"
WINDOW = 10.0
SOURCE = {"sourceType": "CRM_UI", "sourceId": "userId:7001", "updatedByUserId": 7001}
TOO_MANY = json.dumps(
    {
        "status": "error",
        "message": "You have reached your ten_secondly_rolling limit.",
        "errorType": "RATE_LIMIT",
        "policyName": "TEN_SECONDLY_ROLLING",
    }
).encode()
PIPELINES = b'{"results": [{"id": "default", "label": "Sales", "archived": false, "stages": []}]}'


@dataclass(frozen=True)
class Setting:
    """What is served, and how."""

    counts: dict[str, int]
    """Kind -> objects."""
    latency: float = 0.15
    allowance: int = 190
    """Requests in any ten seconds."""


class Objects:
    """The objects of one kind, by ascending id."""

    def __init__(self, kind: str, count: int) -> None:
        draw = random.Random(kind)
        leaps = set(draw.sample(range(count), min(BREAKS, count)))
        number, self.ids = FIRST[kind], []
        for at in range(count):
            number += draw.randrange(1, 40) + (draw.randrange(10**7, 10**9) if at in leaps else 0)
            self.ids.append(number)
        self._template = template(kind)

    def page(self, query: dict[str, str]) -> bytes:
        """The page that a query asks for."""
        if query.get("archived") == "true":
            return b'{"results": []}'
        low = bisect_right(self.ids, int(query.get("after", "0")))
        end = min(low + int(query.get("limit", "10")), len(self.ids))
        results = b", ".join(
            self._template.replace(NUMBER, b"%d" % number).replace(OWNER, b"%d" % (number % 50))
            for number in self.ids[low:end]
        )
        more = b""
        if end < len(self.ids):
            more = b', "paging": {"next": {"after": "%d"}}' % self.ids[end - 1]
        return b'{"results": [' + results + b"]" + more + b"}"


def template(kind: str) -> bytes:
    """An ordinary object of a kind with its past, as HubSpot writes it."""
    number, owner = NUMBER.decode(), OWNER.decode()
    values: dict[str, list[str]] = {
        "companies": {
            "name": [f"Company {number}"],
            "domain": [f"c{number}.example"],
            "hs_additional_domains": [""],
            "hs_merged_object_ids": [""],
            "stripe_customer_id": [f"cus_{number}"],
            "industry": ["COMPUTER_SOFTWARE", "INTERNET"],
            "country": ["Germany"],
            "hubspot_owner_id": [owner, "7", "8"],
            "hs_analytics_source": ["PAID_SEARCH", "OFFLINE"],
        },
        "deals": {
            "pipeline": ["default"],
            "dealtype": ["existingbusiness"],
            "dealstage": ["closedwon", "contractsent", "qualifiedtobuy"],
            "amount": ["12000", "9000"],
            "closedate": ["2026-06-01T10:00:00.000Z", "2026-05-01T10:00:00.000Z"],
            "hubspot_owner_id": [owner],
            "deal_currency_code": ["EUR"],
            "hs_is_closed": ["true"],
            "hs_is_closed_won": ["true"],
        },
        "contacts": {"email": [f"p{number}@c{number}.example"], "associatedcompanyid": [number]},
    }[kind]
    created = "2025-02-03T04:05:06.789Z"
    content: dict[str, Any] = {
        "id": number,
        "properties": {name: past[0] for name, past in values.items()}
        | {"createdate": created, "hs_lastmodifieddate": created, "hs_object_id": number},
        "createdAt": created,
        "updatedAt": created,
        "archived": False,
        "url": f"https://app.hubspot.com/contacts/1/record/0-2/{number}",
    }
    if kind != "contacts":
        content["propertiesWithHistory"] = {
            name: [
                {"value": value, "timestamp": f"2026-0{len(past) - at}-03T04:05:06.789Z", **SOURCE}
                for at, value in enumerate(past)
            ]
            for name, past in values.items()
        }
    return json.dumps(content).encode()


def associations(body: bytes) -> bytes:
    """Each deal belongs to one company."""
    kinds = '[{"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"}]'
    results = ", ".join(
        f'{{"from": {{"id": "{each["id"]}"}}, "to": [{{"toObjectId": {FIRST["companies"]}, '
        f'"associationTypes": {kinds}}}]}}'
        for each in json.loads(body)["inputs"]
    )
    return f'{{"status": "COMPLETE", "results": [{results}]}}'.encode()


class Portal:
    """What is there, and what every path is answered with."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.lists = {kind: Objects(kind, counts.get(kind, 0)) for kind in FIRST}

    def answer(self, path: str, query: dict[str, str], body: bytes) -> bytes:
        """The answer to one request."""
        _, room, _, kind, *_ = [*path.strip("/").split("/"), ""]
        if room == "associations":
            return associations(body)
        if room == "objects":
            return self.lists[kind].page(query)
        if room == "properties":
            names = json.loads(template(kind))["properties"]
            return json.dumps({"results": [{"name": name} for name in names]}).encode()
        return PIPELINES if room == "pipelines" else b'{"results": []}'


@dataclass
class Limit:
    """So many requests in any ten seconds."""

    allowance: int
    times: deque[float] = field(default_factory=deque)
    told: dict[str, int] = field(default_factory=lambda: {"requests": 0, "refused": 0})

    def let(self, now: float) -> bool:
        """Whether one more request may come."""
        self.told["requests"] += 1
        while self.times and self.times[0] <= now - WINDOW:
            self.times.popleft()
        if len(self.times) >= self.allowance:
            self.told["refused"] += 1
            return False
        self.times.append(now)
        return True

    @property
    def headers(self) -> bytes:
        """What every answer tells of it."""
        return (
            b"X-HubSpot-RateLimit-Max: %d\r\nX-HubSpot-RateLimit-Remaining: %d\r\n"
            b"X-HubSpot-RateLimit-Interval-Milliseconds: %d\r\n"
            % (self.allowance, self.allowance - len(self.times), WINDOW * 1000)
        )


class Server(asyncio.Protocol):
    """One connection: requests, one after the other."""

    def __init__(self, portal: Portal, setting: Setting, limit: Limit) -> None:
        self.portal, self.setting, self.limit = portal, setting, limit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole, after the latency."""
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end]
            size = _length(head)
            if len(self.received) < end + 4 + size:
                return
            body = self.received[end + 4 : end + 4 + size]
            self.received = self.received[end + 4 + size :]
            self._respond(head.split(b" ", 2)[1].decode(), body)

    def _respond(self, target: str, body: bytes) -> None:
        loop, address = asyncio.get_running_loop(), urlsplit(target)
        if address.path == "/told":
            self.send(200, json.dumps(self.limit.told).encode())
            return
        query = dict(parse_qsl(address.query))
        fine = self.limit.let(loop.time())

        def answer() -> None:
            content = self.portal.answer(address.path, query, body) if fine else TOO_MANY
            self.send(200 if fine else 429, content)

        loop.call_later(self.setting.latency, answer)

    def send(self, status: int, body: bytes) -> None:
        """Answer one request."""
        if not self.transport.is_closing():
            head = (
                b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
            )
            self.transport.write(head % (status, self.limit.headers, len(body)) + body)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _serve(setting: Setting, ready: Connection) -> None:
    portal = Portal(setting.counts)

    async def run() -> None:
        limit = Limit(setting.allowance)
        server = await asyncio.get_running_loop().create_server(
            lambda: Server(portal, setting, limit), "127.0.0.1", 0
        )
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving(setting: Setting) -> Iterator[str]:
    """The address of a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(setting, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.kill()  # it has nothing to tidy up, and did not always end when asked
        process.join()
