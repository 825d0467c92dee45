"""Who publishes may be killed at any point: readers see old months or new ones, and the next run ends the same."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine, text

from tests.publish import killed
from tests.publish.versions import at_once, expected, publish_version, shown, stored, told

FEW, MANY = 3, 50
PUBLISHER = "killed"
Note = Callable[[str, object], None]


@dataclass
class Deaths:
    """How publishers died.

    Attributes:
        within: between the beginning of a version and its end.
        unseen: of those, whose version nobody ever saw.
    """

    within: int = 0
    unseen: int = 0


@contextmanager
def started(act: str, warehouse: Engine) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that publishes or reads."""
    url = warehouse.url
    if url.get_backend_name() == "postgresql":
        url = url.update_query_dict({"application_name": PUBLISHER if act == "publish" else act})
    where = url.render_as_string(hide_password=False)
    arguments = [sys.executable, "-m", killed.__name__, act, where]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, **pipes) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def kill(warehouse: Engine, after: float) -> tuple[int, int]:
    """Kill a publisher so many seconds after it began; the version that it began last, and that it had done last."""
    with started("publish", warehouse) as process:
        time.sleep(after)
        process.kill()
        assert process.stdout is not None
        said = [line.split() for line in process.stdout]
    _wait_until_gone(warehouse)
    numbers = [0, *(int(line[1]) for line in said if line[0] == "done" and len(line) == 2)]
    begun = [0, *(int(line[1]) for line in said if line[0] == "begins" and len(line) == 2)]
    return begun[-1], numbers[-1]


def _wait_until_gone(warehouse: Engine) -> None:
    """A database's server may go on for a moment with what a dead client told it."""
    if warehouse.dialect.name != "postgresql":
        return
    left = text("select count(*) from pg_stat_activity where application_name = :name")
    while True:
        with warehouse.connect() as connection:
            if not connection.execute(left, {"name": PUBLISHER}).scalar_one():
                return
        time.sleep(0.01)


def kills(count: int, seed: int, warehouse: Engine) -> tuple[Deaths, dict[str, Any]]:
    """Kill as many publishers anywhere, and let another one go on after each; how they died, and what a reader saw."""
    draw, deaths = random.Random(seed), Deaths()
    began = time.monotonic()
    publish_version(warehouse, 1)
    took = time.monotonic() - began
    with started("read", warehouse) as reader:
        for number in range(count):
            before = shown(at_once(warehouse))
            begun, done = kill(warehouse, draw.uniform(0, 3 * took))
            version = shown(at_once(warehouse))
            assert version >= max(before, done), number
            assert version <= max(before, begun), number
            deaths.within += begun > done
            deaths.unseen += begun > version
            publish_version(warehouse, version + 1)
            assert at_once(warehouse) == told(version + 1), number
        found, _ = reader.communicate("stop\n", timeout=60)
    undisturbed = expected(shown(at_once(warehouse)))
    for name, frame in stored(warehouse).items():
        whole = undisturbed[name].select(frame.columns)
        assert_frame_equal(frame, whole, check_row_order=False)
    return deaths, json.loads(found)


def test_a_few_kills(any_warehouse: Engine) -> None:
    deaths, seen = kills(FEW, 7, any_warehouse)
    assert deaths.within > 0
    assert seen["mixed"] == []
    assert len(seen["versions"]) > 1


@pytest.mark.soak
def test_fifty_kills(any_warehouse: Engine, soak_seed: int, record_property: Note) -> None:
    deaths, seen = kills(MANY, soak_seed, any_warehouse)
    record_property("died within a version", deaths.within)
    record_property("of a version that nobody saw", deaths.unseen)
    record_property("readings", seen["readings"])
    record_property("versions seen", len(seen["versions"]))
    assert deaths.unseen > MANY / 2
    assert seen["mixed"] == []
    assert len(seen["versions"]) > MANY / 2
