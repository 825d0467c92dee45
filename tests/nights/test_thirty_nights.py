"""Nights in a row, many of them with a fault: afterwards every table is that of nights without any.

Two installations live over the same company. One is disturbed: killed anywhere, PostgreSQL crashes under it, its disk
is full, its clock jumps, Stripe is down for two nights. What a night left undone the next one makes up, or somebody
starts it again.
"""

import random
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.nights.alike import differences
from tests.nights.faults import KINDS, Day, Disk, Postgres, disk_at
from tests.nights.lives import Life, Night, ended

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

FIRST = datetime(2026, 10, 22, 3, tzinfo=UTC)
NIGHTS = 30
ALONE = tuple(kind for kind in KINDS if kind != "down")
AGAIN = 0.3
"""Share of the failed nights that somebody starts again."""
ROOM = 200_000
"""Bytes that a full disk has left, at most: less than a night writes."""
Note = Callable[[str, object], None]


@dataclass
class Nights:
    """The disturbed installation, with what may go wrong."""

    life: Life
    day: Day
    disk: Disk
    postgres: Postgres
    draw: random.Random
    whole: Night | None = None
    """The last night that went through."""
    ended: Counter[str] = field(default_factory=Counter)
    """`kind: exit code` -> nights."""
    failed: int = 0
    """Nights that Dagster must show as failed runs, at most."""

    def lives(self, kind: str) -> Night:
        """A night on which this goes wrong, if anything; what an operator sees of it is as it must be."""
        night = getattr(self, f"_{kind}", self.life.night)()
        if night.code == 0:
            self.whole = night
        else:
            self.failed += 1
        if kind in KINDS:
            self.ended[f"{kind}: {night.code}"] += 1
        else:
            assert night.code == 0, night.err
        return night

    def _killed(self) -> Night:
        assert self.whole is not None
        night = self.life.night(dies_after=self.draw.uniform(0.3, 0.95) * self.whole.worked)
        assert night.code <= 0, night.err
        return night

    def _restarted(self) -> Night:
        early, moment = self.draw.random() < 0.5, self.draw.uniform(0.5, 0.9)

        def meanwhile(process: "subprocess.Popen[str]") -> None:
            if early:
                self.day.awaits(self.draw.randint(1, 12))
                self.day.wait(process)
            elif self.whole is not None:
                wait(process, moment * self.whole.took)
            self.postgres.restarts()

        night = self.life.night(meanwhile=meanwhile)
        assert night.code in {0, 1, 2}, night.err
        if night.code:
            assert_one_line(night, "expansion: ")
        return night

    def _full(self) -> Night:
        with self.disk.full(self.draw.randint(0, ROOM)) as longest:
            night = self.life.night(longest=longest)
            assert night.code == 1, (night.out, night.err)
            assert_one_line(night, "expansion: ")
            if self.disk.small:
                assert self.life.doctor()["Lake"]["verdict"] != "ok"
        return night

    def _jumped(self) -> Night:
        night = self.life.night(astray=True)
        assert night.code == 2, (night.out, night.err)
        assert_one_line(night, "Stripe's clock")
        return night

    def _down(self) -> Night:
        self.day.down = True
        try:
            night = self.life.night()
            assert night.code == 3, night.err
            assert_one_line(night, "Stripe")
        finally:
            self.day.down = False
        return night


def wait(process: "subprocess.Popen[str]", seconds: float) -> None:
    """Wait, at most until the process is over."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def assert_one_line(night: Night, word: str) -> None:
    lines = night.err.strip().splitlines()
    assert word in lines[-1], night.err
    assert "Traceback" not in night.err, night.err


def live(
    kinds: list[str],
    seed: int,
    folder: Path,
    server: sa.URL,
    databases: list[str],
    customers: int = 40,
    *,
    each: bool = True,
    again: float = AGAIN,
) -> Nights:
    """Live through as many nights; the first is a good one, and so is one more at the end.

    Args:
        kinds: what goes wrong on each night.
        seed: when and how.
        folder: of both installations.
        server: where their warehouses are.
        databases: the first is the disturbed one's warehouse.
        customers: of the company.
        each: the undisturbed installation lives each night too, not only the first and the last.
        again: the share of nights that failed and are started again.
    """
    company = Company(seed=5, customers=customers, months=4, end=FIRST + timedelta(days=NIGHTS))
    company.advance(FIRST)
    day = Day()
    with ExitStack() as stack:
        disk = stack.enter_context(disk_at(folder / "rough"))
        calm_services = stack.enter_context(SandboxServer(company))
        rough_services = stack.enter_context(SandboxServer(company, conditions=day))
        # On a warehouse of its own kind, which does not crash with the other.
        calm = Life(folder / "calm", calm_services, f"sqlite:///{folder}/calm/warehouse.db")
        rough = Life(folder / "rough", rough_services, databases[0])
        nights = Nights(rough, day, disk, Postgres(server), random.Random(seed))
        for number, kind in enumerate(["good", *kinds, "good"]):
            calm_services.advance(FIRST + timedelta(days=number))
            beside = calm.starts("run", "--json") if each or kind == "good" else None
            night = nights.lives(kind)
            if night.code and nights.draw.random() < again:
                nights.lives("good")
            if beside is not None:
                undisturbed = ended(beside)
                assert undisturbed.code == 0, undisturbed.err
        statuses = Counter(run.status.value for run in rough.runs())
        assert not set(statuses) - {"SUCCESS", "FAILURE"}
        assert 0 < statuses["FAILURE"] <= nights.failed
        assert {each["verdict"] for each in rough.doctor().values()} <= {"ok", "note"}
        assert differences(calm.tables(), rough.tables()) == {}
    return nights


@pytest.mark.timeout(600)
def test_a_few_nights_with_a_fault_each(
    tmp_path: Path, postgres_server: sa.URL, databases: list[str], record_property: Note
) -> None:
    kinds = ["killed", "restarted", "full", "down"]  # a clock that jumps: tests/cli/test_clock.py
    nights = live(kinds, 7, tmp_path, postgres_server, databases, 15, each=False, again=0)
    record_property("ended", dict(nights.ended))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_thirty_nights(
    tmp_path: Path,
    postgres_server: sa.URL,
    databases: list[str],
    soak_seed: int,
    record_property: Note,
) -> None:
    draw = random.Random(soak_seed)
    kinds = [draw.choice([*ALONE, "good"]) for _ in range(NIGHTS - 4)]
    where = draw.randrange(len(kinds))
    kinds[where:where] = ["down", "down"]
    nights = live(kinds, soak_seed, tmp_path, postgres_server, databases)
    record_property("ended", dict(nights.ended))
    record_property("small file system", int(nights.disk.small))
    assert {each.partition(":")[0] for each in nights.ended} == set(KINDS)
