"""A Stripe that answers with objects that a test has changed."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from starlette.responses import Response

from pipeline.sandbox.web.world import Call, Conditions

Json = dict[str, Any]
Change = Callable[[Json], None]


class Changed(Conditions):
    """Every object of Stripe's, also within others, goes through `change` before it is sent; null changes nothing."""

    def __init__(self, change: Change | None = None) -> None:
        self.change = change

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        response = answer()
        if call.service != "stripe" or self.change is None or response.status_code != 200:
            return response
        content = orjson.loads(bytes(response.body))
        for each in everything(content):
            self.change(each)
        return Response(orjson.dumps(content), media_type="application/json")


def everything(value: Any) -> Iterator[Json]:
    """Every object with a name, those within first."""
    if isinstance(value, list):
        for each in value:
            yield from everything(each)
    elif isinstance(value, dict):
        for each in list(value.values()):
            yield from everything(each)
        if isinstance(value.get("object"), str) and value["object"] != "list":
            yield value
