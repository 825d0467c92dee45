"""The ground that every simulated service stands on: one company, one lock, one set of conditions.

Belongs here: what all services share. Does not belong here: anything that only one of them knows.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from starlette.responses import Response

Json = dict[str, Any]
Lock = AbstractContextManager[object, None]
"""A re-entrant lock."""


class CompanyLike(Protocol):
    """What a service needs of the simulated company; objects are canonical, full JSON."""

    @property
    def objects(self) -> Mapping[str, Mapping[str, Json]]:
        """Stripe objects: collection -> id -> object, in order of creation."""

    @property
    def hubspot(self) -> Mapping[str, Any]:
        """HubSpot objects, pipelines and associations."""

    @property
    def now(self) -> datetime:
        """The company's clock (UTC)."""

    def advance(self, to: datetime, /) -> None:
        """Live on until `to`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as limits and faults see it: the endpoint is the route, not the address."""

    service: str
    endpoint: str
    key: str


class Conditions:
    """How the services behave on the day: here, perfectly.

    A subclass may wait, refuse or spoil an answer in `around` (latency, rate limits, faults) and
    hold young objects back in `horizon` (late visibility).
    """

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        """The response to `call`; `answer` computes the undisturbed one."""
        del call
        return answer()

    def horizon(self, collection: str, now: int) -> int:
        """The newest `created` (Unix seconds) that lists of `collection` show at `now`."""
        del collection
        return now


@dataclass(slots=True)
class World:
    """One company with the lock that keeps requests and the moving of its clock apart."""

    company: CompanyLike
    conditions: Conditions = field(default_factory=Conditions)
    lock: Lock = field(default_factory=threading.RLock)

    @property
    def now(self) -> int:
        """The company's clock in Unix seconds."""
        return int(self.company.now.timestamp())

    def advance(self, to: datetime) -> None:
        """Move the company's clock to `to`; no request is answered meanwhile."""
        with self.lock:
            self.company.advance(to)
