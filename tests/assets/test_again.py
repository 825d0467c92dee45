"""A source that is down for a while is read a little later; one that refuses is not asked again."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType
from starlette.responses import Response

from pipeline.assets import again
from pipeline.assets.place import Place
from pipeline.assets.sources import source_assets
from pipeline.errors import SourceDown
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.world import Call, Conditions
from pipeline.settings import Settings
from pipeline.sources.limits import Patience

NOW = datetime(2026, 6, 20, 6, tzinfo=UTC)
ATTEMPTS = Patience().attempts


class Down(Conditions):
    """A service answers nothing until one address was asked for as often as a request is repeated."""

    def __init__(self) -> None:
        self.services: set[str] = set()
        self._asked: Counter[tuple[str, str]] = Counter()

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        if call.service not in self.services:
            return answer()
        self._asked[call.service, call.endpoint] += 1
        if self._asked[call.service, call.endpoint] == ATTEMPTS:
            self.services.discard(call.service)
        return Response(status_code=503)


@pytest.fixture
def down() -> Down:
    return Down()


@pytest.fixture
def services(down: Down) -> Iterator[SandboxServer]:
    company = Company(seed=3, customers=4, months=3, end=NOW)
    company.advance(NOW)
    with SandboxServer(company, conditions=down) as server:
        yield server


def reads(folder: Path, environment: dict[str, str], asset: str, times: int) -> list[str]:
    """Read a source by Dagster's step; what became of each time.

    Args:
        folder: of lake and warehouse.
        environment: of the services.
        asset: the step.
        times: how often it may be tried again.
    """
    (folder / "pipeline.toml").write_text("[stripe]\nrequests_per_second = 2000\n")
    place = Place(Settings.load(environment, folder), waits=(0.1,) * times)
    try:
        done = dg.materialize(
            source_assets(place.settings),
            selection=[asset],
            resources={"place": place},
            raise_on_error=False,
        )
    finally:
        place.close()
    return _times(done)


def _times(done: dg.ExecuteInProcessResult) -> list[str]:
    ends = {
        DagsterEventType.STEP_UP_FOR_RETRY: "again",
        DagsterEventType.STEP_SUCCESS: "read",
        DagsterEventType.STEP_FAILURE: "failed",
    }
    checks = {True: "passed", False: "check failed"}
    return [
        ends[each.event_type]
        if each.event_type in ends
        else checks[each.asset_check_evaluation_data.passed]
        for each in done.all_events
        if each.event_type in ends or _of_answers(each)
    ]


def _of_answers(event: dg.DagsterEvent) -> bool:
    return (
        event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION
        and event.asset_check_evaluation_data.check_name == "crm_answered"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "asset", "found"),
    [
        ("stripe", "stripe_records", ["again", "read"]),
        ("hubspot", "crm_records", ["again", "passed", "read"]),
    ],
)
def test_one_that_is_down_is_read_when_it_is_up(
    tmp_path: Path, services: SandboxServer, down: Down, service: str, asset: str, found: list[str]
) -> None:
    down.services.add(service)
    assert reads(tmp_path, services.environment(), asset, times=2) == found


def test_the_last_time_it_fails_as_it_would_have(tmp_path: Path) -> None:
    place = Place(Settings.load({}, tmp_path), waits=(0.01, 0.01))

    @dg.asset
    def records(context: dg.AssetExecutionContext) -> None:
        with again.while_down(context, place):
            raise SourceDown("Stripe does not answer.")

    done = dg.materialize([records], raise_on_error=False)
    assert _times(done) == ["again", "again", "failed"]
    failed = done.failure_data_for_node("records")
    assert failed is not None
    assert failed.error is not None
    assert failed.error.cause is not None
    assert failed.error.cause.cls_name == "SourceDown"


@pytest.mark.parametrize(
    ("asset", "wrong", "found"),
    [
        ("stripe_records", "STRIPE_API_KEY", ["failed"]),
        ("crm_records", "HUBSPOT_SERVICE_KEY", ["check failed", "read"]),
    ],
)
def test_a_key_that_is_wrong_is_told_at_once(
    tmp_path: Path, services: SandboxServer, asset: str, wrong: str, found: list[str]
) -> None:
    environment = {**services.environment(), wrong: "rk_test_wrong"}
    assert reads(tmp_path, environment, asset, times=2) == found
