"""A Stripe that answers as fast as Stripe allows: latency, 25 requests a second an endpoint, 100 overall.

Objects are subscriptions of 3.4 kB as Stripe renders them, made once, with ids, customers and instants of their own; a
page is put together from bytes. It runs in a process of its own, so that its work is not counted as the reader's.
"""

import asyncio
import json
import multiprocessing
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.records import END
from pipeline.sandbox.company import Company

FIRST = 1_670_000_000
LAST = int(END.timestamp())
FULL = 3_400
"""Bytes of an object, with Stripe's spaces."""
NUMBER, CREATED = b"@NUMBER@@", b"@CREATED@"
KINDS = {
    "/v1/subscriptions": "subscription",
    "/v1/invoices": "invoice",
    "/v1/customers": "customer",
    "/v1/invoiceitems": "invoiceitem",
    "/v1/events": "event",
}
TOO_MANY = b'{"error": {"message": "Request rate limit exceeded", "type": "invalid_request_error"}}'


@dataclass(frozen=True)
class Setting:
    """What is served, and how."""

    counts: dict[str, int]
    """Path -> objects; every other list is empty."""
    latency: float = 0.15
    per_endpoint: float = 25
    overall: float = 100


class Bucket:
    """As many requests as come in a second, at most; a burst of a fifth of that is let through."""

    def __init__(self, per_second: float) -> None:
        self.rate = per_second
        self.room = self.size = max(per_second / 5, 2)
        self.at = 0.0

    def let(self, now: float) -> bool:
        """Whether one more request may come."""
        self.room = min(self.size, self.room + (now - self.at) * self.rate)
        self.at = now
        if self.room < 1:
            return False
        self.room -= 1
        return True


class Objects:
    """The objects of the list at a path, newest first."""

    def __init__(self, path: str, count: int, first: int = FIRST, last: int = LAST) -> None:
        kind = KINDS[path]
        self.path = path.encode()
        draw = random.Random(kind)
        self.created = sorted((draw.randrange(first, last) for _ in range(count)), reverse=True)
        self._negative = [-each for each in self.created]
        self._template = template(kind)

    def page(self, query: dict[str, str]) -> bytes:
        """The page that a query asks for."""
        low, high = 0, len(self.created)
        if before := query.get("created[lt]"):
            low = bisect_right(self._negative, -int(before))
        if since := query.get("created[gte]"):
            high = bisect_right(self._negative, -int(since))
        if cursor := query.get("starting_after"):
            low = max(low, int(cursor.rpartition("_")[2]) + 1)
        end = min(low + int(query.get("limit", "10")), high)
        data = b", ".join(
            self._template.replace(NUMBER, b"%09d" % at).replace(CREATED, b"%d" % self.created[at])
            for at in range(low, end)
        )
        more = b"true" if end < high else b"false"
        head = b'{"object": "list", "has_more": %s, "url": "%s", "data": [' % (more, self.path)
        return head + data + b"]}"


def template(kind: str) -> bytes:
    """An ordinary object of a kind, as Stripe writes it, with places for its number and its instant."""
    if kind == "event":
        return _event()
    found = [each for each in _company().objects[kind].values() if _ordinary(each)]
    chosen = min(found, key=lambda each: abs(len(json.dumps(each)) - FULL))
    chosen = {**chosen, "description": "", "discounts": []}
    chosen["description"] = "x" * (FULL - len(json.dumps(chosen)))
    text = json.dumps(chosen)
    for name in ("id", "customer"):
        if name in chosen:
            text = text.replace(chosen[name], f"{chosen[name][:8]}_{NUMBER.decode()}")
    instant = "date" if "date" in chosen else "created"
    text = text.replace(f'"{instant}": {chosen[instant]}', f'"{instant}": {CREATED.decode()}', 1)
    return text.encode()


def _event() -> bytes:
    """A subscription of that number changed at that instant."""
    events = _company().objects["event"].values()
    found = next(each for each in events if each["type"] == "customer.subscription.updated")
    text = json.dumps({**found, "data": {"object": {}}, "created": 0})
    changed = template("subscription").replace(CREATED, b"%d" % FIRST)
    text = text.replace(found["id"], f"evt_{NUMBER.decode()}")
    text = text.replace('"created": 0', f'"created": {CREATED.decode()}', 1)
    data = b'{"object": %s, "previous_attributes": {"cancel_at": 1}}' % changed
    return text.encode().replace(b'{"object": {}}', data)


@cache
def _company() -> Company:
    company = Company(5, customers=60, months=14, end=END)
    company.advance(END)
    return company


def _ordinary(each: dict[str, Any]) -> bool:
    """One item or line, without a discount of its own, and not deleted."""
    inside = each.get("items") or each.get("lines")
    whole = inside is None or len(inside["data"]) == 1
    return whole and not each.get("deleted") and not each.get("discount")


@dataclass(frozen=True)
class Fixed:
    """One answer to whatever is asked."""

    body: bytes

    def page(self, _query: dict[str, str]) -> bytes:
        """The answer."""
        return self.body


EMPTY = Fixed(b'{"object": "list", "has_more": false, "url": "/v1/x", "data": []}')
ACCOUNT = Fixed(
    b'{"id": "acct_bench", "object": "account", "settings": {"dashboard": {"display_name": "Bench"}}}'
)


class Server(asyncio.Protocol):
    """One connection: GET requests, one after the other."""

    def __init__(self, lists: dict[str, Objects], setting: Setting, state: "State") -> None:
        self.lists, self.setting, self.state = lists, setting, state

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole, after the latency."""
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            target = self.received[:end].split(b" ", 2)[1].decode()
            self.received = self.received[end + 4 :]
            loop = asyncio.get_running_loop()
            address = urlsplit(target)
            if address.path == "/happen":
                given = {name: int(value) for name, value in parse_qsl(address.query)}
                self.lists["/v1/events"] = Objects("/v1/events", **given)
                self.send(200, b"{}")
            elif address.path == "/told":
                self.send(200, json.dumps(self.state.told).encode())
            elif self.state.let(address.path, loop.time()):
                other = ACCOUNT if address.path.startswith("/v1/accounts/") else EMPTY
                answer = self.lists.get(address.path, other)
                query = dict(parse_qsl(address.query))
                loop.call_later(
                    self.setting.latency, lambda q=query, a=answer: self.send(200, a.page(q))
                )
            else:
                loop.call_later(self.setting.latency, self.send, 429, TOO_MANY)

    def send(self, status: int, body: bytes) -> None:
        """Answer one request."""
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self.transport.write(head % (status, len(body)) + body)


class State:
    """The limits, and what was asked and refused."""

    def __init__(self, setting: Setting) -> None:
        self.overall = Bucket(setting.overall)
        self.endpoints: dict[str, Bucket] = defaultdict(lambda: Bucket(setting.per_endpoint))
        self.told = {"requests": 0, "refused": 0}

    def let(self, path: str, now: float) -> bool:
        """Whether a request is within the limits; it is counted."""
        self.told["requests"] += 1
        fine = self.endpoints[path].let(now) and self.overall.let(now)
        self.told["refused"] += not fine
        return fine


def _serve(setting: Setting, ready: Connection) -> None:
    lists = {path: Objects(path, count) for path, count in setting.counts.items()}

    async def run() -> None:
        state = State(setting)
        server = await asyncio.get_running_loop().create_server(
            lambda: Server(lists, setting, state), "127.0.0.1", 0
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
