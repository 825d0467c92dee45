"""A night through the command: both steps, only the months that are due, the same figures whoever runs it."""

import json
import os
import time
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from pipeline import database, schemas
from pipeline.assets.place import Place
from pipeline.cli import running
from pipeline.cli.main import cli
from pipeline.lake import Lake
from pipeline.publish import published
from pipeline.sandbox.company.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import NOW, Desk


def _told(desk: Desk, *arguments: str) -> dict[str, object]:
    said = desk.types(*arguments, "--json")
    assert said.code == 0, said
    assert said.err == ""
    return dict(json.loads(said.out))


def test_the_first_night_makes_every_month(worked: Desk) -> None:
    engine = database.engine(worked.settings.warehouse_url)
    try:
        movement = published(engine, "mrr_movement")
        with database.reading(engine) as connection:
            evaluated = connection.scalar(
                select(func.count()).select_from(database.table_of(schemas.ALERT_EVALUATION))
            )
        partitions = Lake(worked.settings.lake_root, engine).partitions(schemas.MRR_SNAPSHOT)
    finally:
        engine.dispose()
    months = movement.get_column("month").unique().sort()
    assert partitions[-1] == "2026-11"
    assert f"{months[-1]:%Y-%m}" == "2026-11"
    assert months.len() == len(partitions)
    assert evaluated


def test_the_second_night_makes_only_what_is_due(worked: Desk) -> None:
    told = _told(worked, "run")
    assert told["months"] == ["2026-11", "2026-11"], "nothing is new: only the current month"
    assert told["sync"] == {
        "stripe": {"stored": 0, "rejected": 0},
        "crm": {"stored": 0, "rejected": 0, "failed": {}},
    }


def test_a_night_deletes_what_no_longer_stands_in_the_lake(worked: Desk) -> None:
    """A file that nobody committed, three days old; a young one may be another run's."""
    folder = next(
        path for path in (worked.settings.lake_root / "fx_rate").iterdir() if path.is_dir()
    )
    old, young = folder / "old.parquet", folder / "young.part"
    for path in (old, young):
        path.write_bytes(b"left behind")
    past = time.time() - 3 * 86_400
    os.utime(old, (past, past))
    assert worked.types("run").code == 0
    assert (old.exists(), young.exists()) == (False, True)


def test_a_file_that_cannot_be_deleted_fails_no_night(worked: Desk) -> None:
    """A folder in the place of a file."""
    folder = next(
        path for path in (worked.settings.lake_root / "fx_rate").iterdir() if path.is_dir()
    )
    stuck = folder / "stuck.parquet"
    stuck.mkdir()
    past = time.time() - 3 * 86_400
    os.utime(stuck, (past, past))
    said = worked.types("run")
    assert said.code == 0, said
    assert "Old files of the lake in" in said.err
    assert stuck.exists()


def test_customers_that_are_no_longer_excluded_make_every_month_due(worked: Desk) -> None:
    """Excluding a customer takes it out of all months at once; taking the exclusion back restores every figure."""
    before = _figures(worked)
    who = worked.published("mrr_movement").sort("month").get_column("account_id")[0]
    place = Place(worked.settings)
    try:
        timeline = place.lake.scan(schemas.ITEM_TIMELINE).collect()
        links = dict(
            place.lake.scan(schemas.ACCOUNT_LINK)
            .select("account_id", "customer_id")
            .collect()
            .iter_rows()
        )
    finally:
        place.close()
    customer = links.get(who, who)
    assert customer in set(timeline.get_column("customer_id"))
    path = worked.folder / "pipeline.toml"
    text = path.read_text()
    path.write_text(f'{text}[exclude]\ncustomers = ["{customer}"]\n')
    first = f"{before.get_column('month').min():%Y-%m}"
    assert _told(worked, "run")["months"][0] == first
    without = _figures(worked)
    assert not without.drop("version").equals(before.drop("version"))
    path.write_text(text)
    assert _told(worked, "run")["months"][0] == first
    assert _figures(worked).drop("version").equals(before.drop("version"))


def test_another_e_mail_that_leaves_a_customer_out_makes_its_months_due(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who is left out is so in every month; a customer whose e-mail changes back is in all of them again."""
    company = Company(seed=6, customers=15, months=5, end=NOW)
    company.advance(NOW)
    path = desk.folder / "pipeline.toml"
    path.write_text(f'{path.read_text()}[exclude]\nemail_domains = ["ours.example"]\n')
    with SandboxServer(company) as services:
        moving = Desk(desk.folder, services, monkeypatch, capfd)
        _told(moving, "run")
        before = _figures(moving)
        place = Place(moving.settings)
        paying = place.lake.scan(schemas.MRR_SNAPSHOT).filter(pl.col("mrr") > 0)
        month, who = paying.select("month", "customer_id").sort(pl.all()).collect().row(0)
        place.close()
        first = f"{month:%Y-%m}"
        obj = company.books.objects["customer"][who]
        for email in ("qa@ours.example", obj["email"]):
            company.books.change("customer.updated", obj, email=email)
            services.advance(company.now + timedelta(minutes=1))
            moving.environment = dict(services.environment())
            assert _told(moving, "run")["months"][0] == first
            same = _figures(moving).drop("version").equals(before.drop("version"))
            assert same == (email != "qa@ours.example")
    restated = moving.published("restatement")
    assert set(restated.get_column("cause")) == {"evidence"}
    assert any(who in each for each in restated.get_column("evidence"))


def test_a_backfill_changes_no_figure_and_alerts_nobody(worked: Desk) -> None:
    before = _figures(worked)
    sent = worked.messages
    told = _told(worked, "backfill", "--from", "2026-08", "--to", "2026-10")
    assert told["months"] == ["2026-08", "2026-10"]
    assert told["restated_figures"] == 0
    assert _figures(worked).equals(before)
    assert worked.messages == sent


def test_another_policy_computes_every_month_again(worked: Desk) -> None:
    with (worked.folder / "pipeline.toml").open("a") as config:
        config.write('[mrr]\npolicy = "stripe"\nusage = "include"\n')
    first = _figures(worked).get_column("month").min()
    said = worked.types("run")
    assert said.code == 0, said
    label = "stripe (usage=include)"
    assert label in said.out, "the report names the policy in force"
    assert Place(worked.settings).policy.label == label
    for table in ("mrr_snapshot", "mrr_movement", "expansion_metrics"):
        figures = worked.published(table)
        assert figures.get_column("policy").unique().to_list() == [label], table
        assert figures.get_column("month").min() == first, table
    page = (worked.settings.data_dir / "report" / f"{first:%Y-%m}.html").read_text()
    began = "A new series began on 2026-11-23: policy stripe (usage=include), USD, times in UTC"
    assert f"{began}; before it policy default, USD, times in UTC." in page


def test_a_file_of_first_payments_that_says_more_makes_every_month_due(worked: Desk) -> None:
    came = worked.published("mrr_movement").filter(pl.col("movement") == "new").sort("month")
    month, account = came.select("month", "account_id").row(0)
    place = Place(worked.settings)
    try:
        links = place.lake.scan(schemas.ACCOUNT_LINK).filter(pl.col("account_id") == account)
        customer = links.select("customer_id").collect().to_series()[0]
    finally:
        place.close()
    file, header = worked.folder / "first_paid.csv", "customer_id,date\n"
    file.write_text(header)
    with (worked.folder / "pipeline.toml").open("a") as config:
        config.write('[mrr]\nfirst_paid_on = "first_paid.csv"\n')
    assert _told(worked, "run")["months"] == ["2026-11", "2026-11"], "it says nothing yet"
    file.write_text(f"{header}{customer},2024-01-31\n")
    months = _told(worked, "run")["months"]
    assert isinstance(months, list)
    assert months[0] == f"{month:%Y-%m}"
    held = worked.published("mrr_movement").filter(
        pl.col("month") == month, pl.col("account_id") == account
    )
    assert held.get_column("movement").to_list() == ["reactivation"]


def test_a_later_day_of_closing_opens_a_month_again(worked: Desk) -> None:
    path = worked.folder / "pipeline.toml"
    text = path.read_text()
    path.write_text(f"{text}[company]\nclose_day = 30\n")
    for provisional in ([date(2026, 10, 1), date(2026, 11, 1)], [date(2026, 11, 1)]):
        assert _told(worked, "run")["months"] == ["2026-10", "2026-11"]
        figures = _figures(worked).sort("month")
        open_months = figures.filter("provisional").get_column("month")
        assert open_months.unique(maintain_order=True).to_list() == provisional
        assert figures.get_column("version").unique().to_list() == [1]
        path.write_text(text)


def test_a_target_and_other_bands_hold_for_closed_months_and_restate_nothing(worked: Desk) -> None:
    before = _figures(worked)
    with (worked.folder / "pipeline.toml").open("a") as config:
        config.write("[[targets]]\nvalue = 0.03\n")
        config.write('[benchmarks]\nmonthly_expansion_rate = [{name = "of_ours"}]\n')
    said = worked.types("run")
    assert said.code == 0, said
    after = _figures(worked)
    total = after.filter(pl.col("dimension") == "total", pl.col("window_months") == 1)
    rated = total.filter(pl.col("expansion_rate").is_not_null())
    assert rated.height > 1, "the current month and closed ones"
    assert set(total.get_column("target")) == {0.03}
    assert rated.get_column("attainment").null_count() == 0
    assert set(rated.get_column("band")) == {"of_ours"}
    told = ("target", "attainment", "band")
    assert after.drop(told).equals(before.drop(told)), "no figure and no version is another"
    assert worked.published("restatement").is_empty()


def test_another_reporting_currency_starts_a_new_series(worked: Desk) -> None:
    path = worked.folder / "pipeline.toml"
    text = path.read_text().replace("eur = 1.08", "usd = 0.9")
    path.write_text(f'[company]\nreporting_currency = "eur"\n{text}')
    before = _figures(worked)
    said = worked.types("run")
    assert said.code == 0, said
    assert "The reporting currency is eur now" in said.err
    assert not _figures(worked).equals(before)
    assert _figures(worked).get_column("version").unique().to_list() == [1]
    assert worked.published("restatement").is_empty()
    page = (worked.settings.data_dir / "report" / "2026-10.html").read_text()
    assert "policy default, EUR, times in UTC; before it policy default, USD, times in UTC." in page


def test_every_run_is_in_the_one_dagster_home(worked: Desk) -> None:
    running.prepare_home(worked.settings.dagster_home)
    with dg.DagsterInstance.from_config(str(worked.settings.dagster_home)) as instance:
        runs = {run.job_name: run for run in instance.get_runs()}
    assert set(runs) == {"sync", "months"}
    assert runs["months"].tags["expansion/purpose"] == "nightly"
    assert runs["months"].tags["dagster/asset_partition_range_end"] == "2026-11"


def test_the_summary(worked: Desk) -> None:
    said = worked.types("run")
    assert said.code == 0
    for word in ("MRR, month by month", "NRR", "GRR", "Quick ratio", "Where expansion comes from"):
        assert word in said.out
    report, warehouse = said.out.splitlines()[-2:]
    assert report.split()[:2] == ["Report", "data/report/index.html"]
    assert warehouse.split()[:2] == ["Warehouse", "data/warehouse.db"]
    assert (worked.folder / "data/report/index.html").is_file()


def test_db_upgrade(desk: Desk) -> None:
    assert "has the tables of this version now" in desk.types("db", "upgrade").out
    assert "is up to date" in desk.types("db", "upgrade").out


def test_help_names_every_command(desk: Desk) -> None:
    out = desk.types("--help").out
    for command in ("demo", "init", "doctor", "sync", "run", "backfill", "db", "sandbox"):
        assert f"\n  {command} " in out


def test_init_asks_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answers = ["Acme", "EUR", "Europe/Berlin", "rk_test_x", "", "", "", "", "", "#growth"]
    said = CliRunner().invoke(cli, ["init"], input="\n".join(answers) + "\n")
    assert said.exit_code == 0, said.output
    assert "rk_test_x" not in said.output
    assert 'reporting_currency = "eur"' in (tmp_path / "pipeline.toml").read_text()
    env = tmp_path / ".env"
    assert "STRIPE_API_KEY=rk_test_x" in env.read_text()
    assert env.stat().st_mode & 0o077 == 0


def _figures(desk: Desk) -> pl.DataFrame:
    return desk.published("expansion_metrics")


def test_a_night_two_weeks_later_closes_the_month_and_leaves_the_older_ones(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    company = Company(seed=6, customers=15, months=5, end=NOW)
    company.advance(NOW)
    with SandboxServer(company) as services:
        moving = Desk(desk.folder, services, monkeypatch, capfd)
        first = _told(moving, "run")["months"]
        before = _runs_of_months(moving)
        services.advance(NOW + timedelta(days=13))
        moving.environment = dict(services.environment())
        told = _told(moving, "run")
    assert isinstance(first, list)
    assert isinstance(told["months"], list)
    start, end = told["months"]
    assert end == "2026-12"
    assert first[0] < start <= "2026-11", "only months that the new evidence touches"
    after = _runs_of_months(moving)
    untouched = [key for key in before if key < start]
    assert untouched
    assert {key: after[key] for key in untouched} == {key: before[key] for key in untouched}
    totals = _figures(moving).filter(pl.col("dimension") == "total")
    provisional = totals.filter("provisional").get_column("month").unique().to_list()
    assert provisional == [date(2026, 12, 1)]


def _runs_of_months(desk: Desk) -> dict[str, str]:
    """The run that made the live snapshot of each month."""
    made = database.lake_object
    query = select(made.c.partition, made.c.run_id).where(
        made.c.live, made.c.table_name == schemas.MRR_SNAPSHOT.name
    )
    engine = database.engine(desk.settings.warehouse_url)
    try:
        with database.reading(engine) as connection:
            return {row.partition: row.run_id for row in connection.execute(query)}
    finally:
        engine.dispose()
