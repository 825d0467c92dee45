"""A clock that is wrong stops the night before anything is read, and is told; what was there stays."""

from datetime import timedelta

import pytest

from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import NOW, Desk
from tests.cli.elsewhere import Elsewhere


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


@pytest.mark.parametrize("days", [3, -40])
def test_a_clock_that_was_set_by_hand_is_not_judged(worked: Desk, days: int) -> None:
    worked.environment["PIPELINE_NOW"] = (NOW + timedelta(days=days)).isoformat()
    assert worked.types("run").code == 0
