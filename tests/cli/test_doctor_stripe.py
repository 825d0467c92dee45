"""What `expansion doctor` says of Stripe: the key, its permissions, the clock, limits, and how much there is."""

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.responses import JSONResponse, Response

from pipeline import database, schemas
from pipeline.lake import unfinished
from pipeline.lake.unfinished import Unfinished
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.world import Call, Conditions
from pipeline.sources.stripe.client import API_VERSION
from tests.cli.desk import CONFIG, Desk
from tests.cli.doctored import READER, STREAMS, Report, instead
from tests.cli.elsewhere import Elsewhere
from tests.sources.service import Answer, Asked, Service, serve


def test_no_key_and_a_wrong_token(desk: Desk) -> None:
    del desk.environment["STRIPE_API_KEY"]
    desk.environment["SLACK_BOT_TOKEN"] = "xoxb-wrong"
    said = desk.types("doctor")
    told = " ".join(said.out.split())
    assert said.code == 1
    assert "✗ Key STRIPE_API_KEY is not set. Create a restricted key" in told
    assert "✗ Slack Slack refuses SLACK_BOT_TOKEN" in told
    assert "2 to put right (✗)" in told
    assert "xoxb-wrong" not in told


def test_a_wrong_key(desk: Desk) -> None:
    desk.environment["STRIPE_API_KEY"] = "rk_test_of_somebody_else"
    report = Report(desk)
    assert report.code == 1
    assert "does not accept the key in STRIPE_API_KEY" in report.said("Connection")
    assert "Permissions" not in report.found


def test_a_host_that_does_not_answer(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        desk.environment["STRIPE_API_BASE"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        report = Report(desk)
    assert report.code == 1
    assert "does not answer" in report.said("Connection")
    assert "Check the network and STRIPE_API_BASE" in report.said("Connection")
    assert report.verdict("Slack") == "ok", "everything else is looked at"


def test_an_examination_that_something_refuses(desk: Desk) -> None:
    def answer(asked: Asked) -> Answer:
        if "PythonBindings" in asked.headers["user-agent"]:
            return Answer(b"<html>Not this program</html>", 403)
        return Answer({"object": "list", "data": [], "has_more": False})

    with serve(answer) as service:
        report = _behind(desk, service, READER)
    assert (report.code, report.verdict("Connection")) == (0, "note")
    assert "a sync can read, but no more can be told now" in report.said("Connection")


@pytest.mark.parametrize(
    ("lacking", "lines"),
    [
        (["rak_event_read"], ["rak_event_read  for events"]),
        (
            ["rak_subscription_read", "rak_plan_read"],
            [
                "rak_plan_read          for prices",
                "rak_subscription_read  for subscriptions, subscription schedules",
            ],
        ),
    ],
)
def test_every_missing_permission_is_named(
    desk: Desk, services: SandboxServer, lacking: list[str], lines: list[str]
) -> None:
    with instead(desk, services, missing_permissions=frozenset(lacking)):
        report = Report(desk)
    assert report.code == 1
    head, *named = report.said("Permissions").splitlines()
    assert named == lines
    assert head.startswith(f"{len(lacking)} permission")
    assert "(Read) at https://dashboard.stripe.com/apikeys" in head
    assert report.verdict("Writing") == "ok"
    assert "what may not be read is not counted" in report.said("First sync")


def test_a_permission_that_only_expanding_needs(desk: Desk, services: SandboxServer) -> None:
    with instead(desk, services, missing_permissions=frozenset({"rak_coupon_read"})):
        report = Report(desk)
    assert report.said("Permissions").splitlines()[1:] == [
        "rak_coupon_read  for coupons, subscriptions, invoices, invoice items"
    ]


def test_a_key_that_may_write(desk: Desk, services: SandboxServer) -> None:
    writes = frozenset({"rak_customer_write", "rak_coupon_write"})
    with instead(desk, services, key=READER, write_permissions=writes) as server:
        report = Report(desk)
        asked = server.stripe.requests if server.stripe else {}
    assert report.verdict("Writing") == "note"
    assert "may change customers, coupons, and the pipeline only reads" in report.said("Writing")
    assert report.code == 0, "it works"
    assert [asked[f"/v1/{name}/{{id}}"] for name in ("customers", "invoices", "coupons")] == [1] * 3


def test_a_secret_key_is_known_to_write(desk: Desk, services: SandboxServer) -> None:
    with instead(desk, services) as server:
        report = Report(desk)
        asked = server.stripe.requests if server.stripe else {}
    assert report.verdict("Writing") == "note"
    assert "Create a restricted key with Read alone" in report.said("Writing")
    assert not [endpoint for endpoint in asked if "{id}" in endpoint], "nothing was tried"


@pytest.mark.parametrize(
    ("ahead", "verdict", "words"),
    [
        (timedelta(), "ok", "as Stripe's, to the second"),
        (timedelta(seconds=-30), "ok", "seconds ahead of Stripe's"),
        (timedelta(seconds=-90), "note", "seconds ahead of Stripe's. Keep it in time (NTP)"),
        (timedelta(minutes=-10), "fail", "10 minutes ahead of Stripe's: events may be missed"),
        (timedelta(minutes=10), "fail", "10 minutes behind Stripe's: what just happened"),
    ],
)
def test_a_clock_that_is_wrong(desk: Desk, ahead: timedelta, verdict: str, words: str) -> None:
    with SandboxServer(Elsewhere(ahead), key=READER) as server:
        desk.environment |= server.environment()
        del desk.environment["PIPELINE_NOW"]
        report = Report(desk)
    assert (report.verdict("Clock"), report.code) == (verdict, int(verdict == "fail"))
    assert words in report.said("Clock")
    assert report.said("First sync").startswith("0 objects, less than a minute")


class Busy(Conditions):
    """Refuses the first request to one endpoint: somebody else uses the account."""

    def __init__(self) -> None:
        self.refused = False

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        if call.endpoint == "/v1/prices" and not self.refused:
            self.refused = True
            headers = {"Stripe-Rate-Limited-Reason": "global-rate", "Retry-After": "0"}
            return JSONResponse(
                {"error": {"message": "Slow down", "code": "rate_limit"}}, 429, headers
            )
        return answer()


def test_too_many_requests(desk: Desk, services: SandboxServer) -> None:
    with instead(desk, services, key=READER, conditions=Busy()):
        report = Report(desk)
    assert report.verdict("Permissions") == "ok", "it was asked again"
    assert report.verdict("Rate limits") == "note"
    assert "were too many (global-rate)" in report.said("Rate limits")
    assert "1 of " in report.said("Rate limits")


def test_the_limits_of_a_sandbox(desk: Desk, services: SandboxServer) -> None:
    (desk.folder / "pipeline.toml").write_text(CONFIG.replace("2000", "100"))
    with instead(desk, services, key=READER):
        report = Report(desk)
    said = "at most 25 requests a second, 25 to one endpoint (a sandbox's limits)"
    assert said in report.said("Rate limits")


def test_several_accounts(desk: Desk) -> None:
    accounts = '["acct_1SandboxCompany", "acct_other"]'
    (desk.folder / "pipeline.toml").write_text(f"{CONFIG}accounts = {accounts}\n")
    report = Report(desk)
    assert report.code == 1
    parts = {each["part"]: each for each in report.all if each["part"].startswith("Stripe")}
    assert list(parts) == ["Stripe acct_1SandboxCompany", "Stripe acct_other"]
    assert parts["Stripe acct_other"]["what"] == "Connection"
    assert "check that the key reaches that account" in parts["Stripe acct_other"]["said"]


def test_what_the_last_sync_read(worked: Desk) -> None:
    table = database.table_of(schemas.SOURCE_SYNC)
    engine = database.engine(worked.settings.warehouse_url)
    with database.reading(engine) as connection:
        query = select(func.sum(table.c.listed), func.sum(table.c.stored))
        listed, stored = connection.execute(query.where(table.c.source == "stripe")).one()
    engine.dispose()
    report = Report(worked)
    assert "First sync" not in report.found
    assert report.verdict("Last sync") == "ok"
    words = f"{listed:,} objects read, {stored:,} of them new or changed"
    assert report.said("Last sync").endswith(words)


def test_a_short_history_is_counted(desk: Desk, services: SandboxServer) -> None:
    report = Report(desk)
    assert services.company is not None
    objects = services.company.objects
    said = report.said("First sync")
    for name, collection in (("coupons", "coupon"), ("prices", "price"), ("invoices", "invoice")):
        assert f"{name} {len(objects[collection])}" in said


def test_a_sync_that_was_interrupted(desk: Desk) -> None:
    database.upgrade(desk.settings.warehouse_url)
    engine = database.engine(desk.settings.warehouse_url)
    begun = Unfinished("stripe", "", "s1", desk.settings.now(), "", "changes")
    begun.counts = {"invoice": [12_300, 12_300, 0], "customer": [45, 45, 0]}
    with engine.begin() as connection:
        unfinished.save(connection, begun, [])
    engine.dispose()
    report = Report(desk)
    assert report.verdict("First sync") == "note"
    assert "begun 2026-11-23 06:00 UTC and not finished: 12,345" in report.said("First sync")


NOW = int(time.time())
YEAR = 31_557_600
CUSTOMERS = 1_000_000
SECONDS_EACH = 3 * YEAR // CUSTOMERS
"""So many customers came one by one over three years."""


def _large(asked: Asked, version: str = API_VERSION) -> Answer:
    """A Stripe with a million customers and little else, of which no server needs to hold any."""
    data: list[dict[str, Any]] = []
    if asked.path == "/v1/customers":
        before = int(asked.query.get("created[lt]", NOW))
        newest = min(CUSTOMERS, CUSTOMERS - (NOW - before) // SECONDS_EACH)
        numbers = range(newest, max(newest - int(asked.query["limit"]), 0), -1)
        data = [_customer(number) for number in numbers]
    content = {"object": "list", "data": data, "has_more": bool(data) and data[-1]["id"] != "cus_1"}
    return Answer(content, headers={"Stripe-Version": version})


def _customer(number: int) -> dict[str, Any]:
    created = NOW - (CUSTOMERS - number + 1) * SECONDS_EACH
    return {"id": f"cus_{number}", "object": "customer", "livemode": True, "created": created}


def _behind(desk: Desk, service: Service, key: str) -> Report:
    desk.environment = {"STRIPE_API_KEY": key, "STRIPE_API_BASE": service.base}
    (desk.folder / "pipeline.toml").write_text(CONFIG.replace("2000", "100"))
    return Report(desk)


def test_a_large_account_is_estimated(desk: Desk) -> None:
    with serve(_large) as service:
        report = _behind(desk, service, "sk_live_of_a_large_company")
        pages = [each for each in service.asked if each.query.get("limit") == "100"]
    assert report.code == 0, report.all
    assert (report.verdict("Key"), report.said("Key")) == ("ok", "live mode, secret key")
    assert "100 requests a second, 25 to one endpoint (Stripe's limits)" in report.said(
        "Rate limits"
    )
    said, each = report.said("First sync").splitlines()
    number = int(each.removeprefix("customers about ").replace(",", ""))
    assert number == pytest.approx(CUSTOMERS, rel=0.15)
    minutes = round(number / 100 / 25 / 60)
    assert said.endswith(f"objects, about {minutes} minutes to read (rough, from samples)")
    assert len(pages) <= 12 + STREAMS - 1, "a few pages tell"


@pytest.mark.parametrize(
    ("key", "verdict", "words"),
    [
        ("mk_9", "note", "unknown kind of key"),
        ("rk_test_9", "note", "test mode, restricted key; but what it reads is of live mode"),
    ],
)
def test_keys_that_are_not_as_expected(desk: Desk, key: str, verdict: str, words: str) -> None:
    with serve(_large) as service:
        report = _behind(desk, service, key)
        posted = [each for each in service.asked if each.method == "POST"]
    assert report.verdict("Key") == verdict
    assert words in report.said("Key")
    assert len(posted) == 5
    assert {each.body for each in posted} == {None}, "an update without any change"
    assert len({each.path.rpartition("_")[2] for each in posted}) == 5, "of ids made up by chance"


def test_another_version(desk: Desk) -> None:
    with serve(lambda asked: _large(asked, "2020-08-27")) as service:
        report = _behind(desk, service, "sk_live_9")
    assert report.code == 1
    assert f"in version 2020-08-27, but {API_VERSION} was asked for" in report.said("API version")
