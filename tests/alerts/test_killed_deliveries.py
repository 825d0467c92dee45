"""Nights killed at random points while Slack has a bad day: every message is in Slack exactly once.

Where the token may not look, at least once, and the second one says so.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.responses import Response

from pipeline.sandbox.slack_api import ALL_SCOPES
from pipeline.sandbox.web.slack_faults import KINDS, SlackFaults
from pipeline.sandbox.web.world import Call
from tests.alerts import lived, mortal
from tests.alerts.workspace import Workspace, empty_warehouse, outbox, workspace

MONTHS, NIGHTS = 7, 3
"""Months of a life, and nights of each that are killed."""
LIVES = 24
"""24 lives of 21 kills each are 504."""
SHARE, WAITS, SILENCE, SETTLING = 0.15, 1.5, 2.0, 0.5
LONG = 2.0
"""Seconds of processor time of a night."""
CALLS = 0.5
"""Share of kills at a call to Slack, where a message may be in and nobody knows."""
SEGMENTS = ("smb", "mid_market", "enterprise", "public")
BLIND = ALL_SCOPES - {"channels:history"}

Note = Callable[[str, object], None]


@dataclass
class Told:
    """What became of some lives."""

    killed: int = 0
    messages: int = 0
    charts: int = 0
    doubles: int = 0
    spoilt: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Told") -> "Told":
        return Told(
            self.killed + other.killed,
            self.messages + other.messages,
            self.charts + other.charts,
            self.doubles + other.doubles,
            self.spoilt + other.spoilt,
        )

    def noted(self) -> dict[str, object]:
        """Of plain values, which alone pass from a process of tests to another."""
        return asdict(self) | {"spoilt": dict(self.spoilt)}


class Mortals:
    """Lives nights in children that can be killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def lives(
        self, asked: dict[str, Any], dies_after: float, begun: Callable[[int], None]
    ) -> float | None:
        """Live a night; the seconds of processor time that it took, or None if it was killed before its end.

        Args:
            asked: the warehouse, the way to Slack and the instant.
            dies_after: seconds of processor time after which it is killed; 0 for never.
            begun: is told the number of its process.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked | {"dies_after": dies_after}) + "\n")
        self._process.stdin.flush()
        begun(int(self._heard()))
        end, took = self._heard().split()
        assert int(end) in {0, -signal.SIGKILL, -signal.SIGPROF}
        return None if int(end) else float(took)

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def mortals() -> Iterator[Mortals]:
    with subprocess.Popen(
        [sys.executable, "-m", mortal.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
    ) as process:
        yield Mortals(process)


class Reaper(SlackFaults):
    """A bad day on which Slack sees a process die in the middle of a call."""

    doomed: tuple[int, int] = (0, 0)
    """The process's number, and how many more calls it makes."""

    def dooms(self, child: int, calls: int) -> None:
        """Let the process die at so many calls; 0 for none."""
        self.doomed = (child, calls)

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        """The answer, or what is left of it; nobody may be there to take it."""
        found = await super().around(call, answer)
        child, calls = self.doomed
        if calls:
            self.doomed = (child, calls - 1)
        if calls == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return found


def rates(draw: random.Random) -> dict[str, list[float]]:
    """Rates around the floor for the total and for segments."""
    return {
        name: [draw.choice((0.01, 0.012, 0.03)) for _ in range(MONTHS)]
        for name in ("all", *SEGMENTS)
    }


def life(
    number: str,
    nights: Mortals,
    folder: Path,
    scopes: frozenset[str] = ALL_SCOPES,
    months: int = MONTHS,
) -> Told:
    """Months of nights, each killed at a random point; then quiet nights, until nothing waits."""
    draw = random.Random(number)  # the same life for the same number
    figures = rates(draw)
    warehouse = empty_warehouse(folder)
    faults = Reaper(draw.randrange(10**6), SHARE, silence=SILENCE)
    told = Told()
    with workspace(faults) as slack:
        slack.may(*scopes)
        way = replace(slack.config, timeout=WAITS, settling=SETTLING)
        asked = {"warehouse": str(warehouse.url), "slack": asdict(way)}
        took = LONG
        for month in range(1, months + 1):
            lived.publish(warehouse, {name: each[:month] for name, each in figures.items()})
            for day in range(NIGHTS):
                now = datetime(2026, month + 1, 4 + day, 3, tzinfo=UTC)
                calls = draw.randint(1, 5) if draw.random() < CALLS else 0
                moment = 0.0 if calls else draw.uniform(0, took)
                whole = nights.lives(
                    asked | {"now": now.isoformat()},
                    moment,
                    lambda child, calls=calls: faults.dooms(child, calls),
                )
                faults.dooms(0, 0)
                told.killed += whole is None
                took = whole or took
        told.spoilt = Counter(faults.spoilt)
        faults.share = 0
        for day in range(1, 10):
            lived.night(warehouse, way, now + timedelta(days=day))
        return told + check(warehouse, slack)


def check(warehouse: Engine, slack: Workspace) -> Told:
    """Every message of the outbox is in Slack, and in its thread; what is there twice is counted."""
    rows = outbox(warehouse)
    assert {row["status"] for row in rows.values()} == {"sent"}
    posted = Counter(slack.keys)
    assert posted.keys() == rows.keys()
    doubles = sum(posted.values()) - len(posted)
    marked = [each for each in slack.said if each["text"].startswith("(possible duplicate)")]
    assert len(marked) >= doubles
    charts = Counter(file["name"] for each in slack.messages for file in each.get("files", []))
    assert set(charts.values()) <= {1}
    sent = [row for row in rows.values() if row["chart"] == "sent"]
    assert len(sent) == len(charts) or doubles
    if not doubles:
        _threads(rows, slack)
    return Told(messages=len(rows), charts=len(charts), doubles=doubles)


def _threads(rows: dict[str, Any], slack: Workspace) -> None:
    """What is said of an episode stands in the thread of the message that opened it."""
    opened = {
        episode: row["slack_ts"]
        for row in rows.values()
        if row["kind"] in {"fired", "digest"}
        for episode in json.loads(row["payload_json"])["episodes"]
    }
    for each in slack.said:
        row = rows[each["metadata"]["event_payload"]["key"]]
        if row["kind"] in {"reminder", "escalated", "resolved"}:
            assert each["thread_ts"] == opened[row["episode_id"]], row["key"]


def test_twenty_kills(tmp_path: Path) -> None:
    with mortals() as nights:
        told = life("first", nights, tmp_path)
    assert (told.doubles, told.killed > NIGHTS, told.messages > MONTHS) == (0, True, True), told


def test_kills_where_nobody_may_look(tmp_path: Path) -> None:
    with mortals() as nights:
        told = life("blind", nights, tmp_path, BLIND, months=3)
    assert told.messages > 3, told


@pytest.mark.soak
def test_five_hundred_kills(tmp_path: Path, soak_seed: int, record_property: Note) -> None:
    told = Told()
    with mortals() as nights:
        for number in range(LIVES):
            told += life(f"{soak_seed}/{number}", nights, tmp_path / str(number))
    record_property("killed deliveries", told.noted())
    assert told.doubles == 0
    assert all(told.spoilt[kind] for kind in KINDS)
    assert told.killed > LIVES * MONTHS * NIGHTS / 2


@pytest.mark.soak
def test_a_hundred_kills_where_nobody_may_look(
    tmp_path: Path, soak_seed: int, record_property: Note
) -> None:
    told = Told()
    with mortals() as nights:
        for number in range(5):
            told += life(f"{soak_seed}/{number}", nights, tmp_path / str(number), BLIND)
    record_property("killed deliveries, blind", told.noted())
    assert told.doubles
