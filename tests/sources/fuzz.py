"""Objects of the simulated company, spoiled: a field missing, null, of another type, huge, or of an unknown value."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import orjson

from pipeline.sandbox.company import Company
from pipeline.sources.stripe.allowlist import EVENT_OBJECTS
from pipeline.sources.stripe.streams import COUPONS, EVENTS, LISTS

Json = dict[str, Any]
STREAMS = (EVENTS.name, COUPONS.name, *(stream.name for stream in LISTS))


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"data": [value]}
    return value


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**62,
    10**30,
    1e300,
    "",
    "x",
    "a_value_of_tomorrow",
    "9" * 400,
    "ä\u0000\u2028" * 20,
    "x" * 200_000,
    [],
    [None],
    [[]],
    ["x", 3, {}],
    {},
    {"id": None},
    {"id": "x_1"},
    {"object": "list", "data": {}},
    {"object": "list", "data": [None, 3, "x"], "has_more": "maybe"},
    _nested(60),
    _nested(126),
)


def spoiled(company: Company, seed: int, count: int) -> Iterator[tuple[str, str, Any]]:
    """(stream, what was done, object as it arrives) for `count` objects."""
    rng = random.Random(seed)
    streams = {name: _objects(company, name) for name in STREAMS}
    names = [name for name in STREAMS if streams[name]]
    for _ in range(count):
        stream = rng.choice(names)
        each = copy.deepcopy(rng.choice(streams[stream]))
        done = []
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            each, what = _spoil(each, rng)
            done.append(what)
        yield stream, "; ".join(done), orjson.loads(json.dumps(each))


def _objects(company: Company, stream: str) -> list[Json]:
    found = list(company.objects.get(stream, {}).values())
    if stream != EVENTS.name:
        return found
    return [each for each in found if each["data"]["object"]["object"] in EVENT_OBJECTS]


def _spoil(whole: Json, rng: random.Random) -> tuple[Any, str]:
    """The object with one thing about it changed, and what."""
    found = list(places(whole))
    if not found or rng.random() < 0.01:
        value = json.loads(json.dumps(rng.choice(ODD)))
        return value, f"the object is {_told(value)}"
    holder, key, path = rng.choice(found)
    if isinstance(holder, dict) and rng.random() < 0.2:
        del holder[key]
        return whole, f"{path} is missing"
    value = rng.choice(ODD)
    holder[key] = json.loads(json.dumps(value))
    return whole, f"{path} is {_told(value)}"


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any, str]]:
    """(holder, key, path) of everything inside a value."""
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in pairs:
        here = (*path, "[]" if isinstance(value, list) else str(key))
        yield value, key, ".".join(here)
        yield from places(inner, here)


def _told(value: Any) -> str:
    return json.dumps(value)[:40]
