"""Requests are spaced so that a server's limit is kept to, whatever it is, and little time is lost."""

import asyncio
import time
from itertools import pairwise

import pytest

from pipeline.sources import limits
from pipeline.sources.limits import Spacing


class Server:
    """Lets so many requests a second through, and now and then refuses one for no reason.

    The clock stands still but for the waits.
    """

    def __init__(self, per_second: float, refusing: frozenset[int] = frozenset()) -> None:
        self.rate, self.refusing = per_second, refusing
        self.room = self.size = per_second / 5
        self.now = self.at = 1000.0
        self.refused = 0

    def ask(self, number: int) -> bool:
        """Whether a request is let through."""
        self.room = min(self.size, self.room + (self.now - self.at) * self.rate)
        self.at = self.now
        fine = self.room >= 1 and number not in self.refusing
        self.room -= fine
        self.refused += not fine
        return fine

    def seconds(self, spacing: Spacing, requests: int) -> float:
        """How long so many requests take that are let through."""
        start, number, done = self.now, 0, 0
        while done < requests:
            self.now += spacing.delay()
            number += 1
            if self.ask(number):
                spacing.accepted()
                done += 1
            else:
                spacing.refused(self.now)
        return self.now - start


@pytest.fixture
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    made: Server = request.param
    monkeypatch.setattr(limits.time, "monotonic", lambda: made.now)
    return made


@pytest.mark.parametrize("server", [Server(25)], indirect=True)
def test_a_limit_that_is_known_is_used_and_not_passed(server: Server) -> None:
    assert server.seconds(Spacing(25), 1000) == pytest.approx(40, rel=0.01)
    assert server.refused == 0


@pytest.mark.parametrize("server", [Server(20), Server(5)], indirect=True)
def test_a_lower_limit_is_found_and_kept(server: Server) -> None:
    spacing = Spacing(25)
    server.seconds(spacing, 400)
    found = server.refused
    assert found < 40
    took = server.seconds(spacing, 1000)
    assert took < 1.07 * 1000 / server.rate
    assert server.refused - found < 10


@pytest.mark.parametrize("server", [Server(25, frozenset({100}))], indirect=True)
def test_a_refusal_without_a_reason_costs_little(server: Server) -> None:
    assert server.seconds(Spacing(25), 4000) < 1.02 * 160
    assert server.refused == 1


def test_those_who_waited_while_this_program_was_busy_do_not_go_all_at_once() -> None:
    async def gone() -> list[float]:
        spacing, at = Spacing(50), list[float]()

        async def ask() -> None:
            await spacing.turn()
            at.append(time.monotonic())

        asked = [asyncio.ensure_future(ask()) for _ in range(8)]
        await asyncio.sleep(0.01)
        time.sleep(0.2)
        await asyncio.gather(*asked)
        return at

    at = asyncio.run(gone())
    assert at == sorted(at)
    # One was through before, one is due, and one place is made up for.
    assert min(second - first for first, second in pairwise(at[3:])) > 0.015
