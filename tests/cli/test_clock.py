"""A clock that is wrong stops the night before anything is read, and is told; what was there stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.sandbox.company.crm import Crm
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import NOW, Desk


class Elsewhere:
    """A company without anything, whose clock differs from this machine's."""

    def __init__(self, ahead: timedelta) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.hubspot: dict[str, Any] = Crm(0).records
        self._ahead = ahead

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, to: datetime) -> None:
        raise AssertionError(to)


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(minutes=-10), "10 minutes ahead of Stripe's clock"),
        (timedelta(minutes=10), "10 minutes behind Stripe's clock"),
    ],
)
def test_the_machines_clock(desk: Desk, ahead: timedelta, words: str) -> None:
    with SandboxServer(Elsewhere(ahead)) as server:
        desk.environment |= server.environment()
        del desk.environment["PIPELINE_NOW"]
        said = desk.types("run")
        assert server.stripe is not None
        assert set(server.stripe.requests) == {"/v1/coupons"}
    assert said.code == 2
    assert words in said.err
    assert "Set it right and keep it in time (NTP)" in said.err


def test_a_clock_that_is_nearly_right(desk: Desk) -> None:
    with SandboxServer(Elsewhere(timedelta(minutes=-2))) as server:
        desk.environment |= server.environment()
        del desk.environment["PIPELINE_NOW"]
        assert desk.types("sync").code == 0


@pytest.mark.parametrize(("days", "side"), [(40, "ahead of"), (-40, "behind")])
def test_a_pinned_clock(worked: Desk, days: int, side: str) -> None:
    before = worked.manifest
    worked.environment["PIPELINE_NOW"] = (NOW + timedelta(days=days)).isoformat()
    said = worked.types("run")
    assert said.code == 2
    assert f"PIPELINE_NOW is out of range: it is 57,600 minutes {side} Stripe's clock" in said.err
    assert worked.manifest == before
