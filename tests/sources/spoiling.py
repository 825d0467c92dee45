"""Conditions that spoil chosen answers of a simulated service, each so many times."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.responses import Response

from pipeline.sandbox.web.faults import Broken
from pipeline.sandbox.web.world import Call, Conditions

ALWAYS = 10**6
Spoil = Callable[[Response], Response]


@dataclass
class Spoiling(Conditions):
    """Spoils the answers of endpoints that contain a text, from the first or a later one on."""

    where: str = ""
    how: Spoil | None = None
    times: int = ALWAYS
    spared: int = 0
    """So many answers of the endpoint come undisturbed before."""
    calls: list[str] = field(default_factory=list)

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        if call.service != "salesforce":
            return answer()
        self.calls.append(call.endpoint)
        found = answer()
        if self.how is None or self.where not in call.endpoint:
            return found
        if self.spared:
            self.spared -= 1
            return found
        if not self.times:
            return found
        self.times -= 1
        return self.how(found)


def refused(status: int, code: str, message: str = "no", **headers: str) -> Spoil:
    """An answer as Salesforce refuses."""
    return lambda _: Response(
        orjson.dumps([{"errorCode": code, "message": message}]),
        status,
        headers,
        media_type="application/json",
    )


def page(status: int = 502) -> Spoil:
    """A page for people where JSON should be."""
    return lambda _: Response(b"<html>Bad Gateway</html>", status, media_type="text/html")


def cut(whole: Response) -> Response:
    """The connection ends in the middle of the body."""
    return Broken(whole.body, 200, media_type="application/json")


def changed(**fields: Any) -> Spoil:
    """Some fields of the answer are others; a None leaves the field out."""

    def change(whole: Response) -> Response:
        content = orjson.loads(whole.body) | fields
        left = {name: value for name, value in content.items() if value is not None}
        return Response(orjson.dumps(left), 200, media_type="application/json")

    return change
